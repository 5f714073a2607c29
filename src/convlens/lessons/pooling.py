"""Max and average pooling, on the strokes of a digit and on a flat image with noise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens import data as datasets
from convlens.engines.device import limit_threads
from convlens.engines.torch_engine import TorchModel
from convlens.figures.panels import Panel, panels_svg
from convlens.foundation.progress import track
from convlens.lessons.lesson import Lesson
from convlens.network import Network
from convlens.report.page import Drawing
from convlens.report.text_table import Table

LEVEL, NOISE = 0.5, 0.1
THIN_SEVEN = 2788
"""Place of a thin slanted seven among the training images of digits-5k."""
EXPECTED_MAXIMUM = 1.0294
"""Mean of the largest of four standard normal numbers (Harter 1961, Biometrika 48, table 1)."""


def pooled(kind: str, image: NDArray[Any]) -> NDArray[np.float32]:
    """Run 2x2 pooling on an image (H, W) and return (H/2, W/2)."""
    height, width = image.shape
    network = Network(input=(1, height, width), layers=[{kind: 2, "name": "pool"}])
    images = image[None, None].astype(np.float32)
    activations: NDArray[np.float32] = TorchModel(network).activations(images)["pool"][0, 0]
    return activations


def run(seed: int, *, quick: bool = False) -> Lesson:
    """Pool a crop of a real digit and a noisy flat image, and compare what is left."""
    limit_threads()
    train = datasets.load("digits-5k").train
    crop = train.images[THIN_SEVEN, 0, 12:20, 12:20] / np.float32(255)
    rng = np.random.default_rng(seed)
    side = 64 if quick else 512
    flat = LEVEL + NOISE * rng.standard_normal((side, side))
    flat_small = flat[:8, :8]

    pairs = {"digit": crop, "flat": flat}
    results = {
        (name, kind): pooled(kind, image)
        for name, image in track(pairs.items(), "images pooled", len(pairs))
        for kind in ("max_pool", "avg_pool")
    }
    by_hand = crop.reshape(4, 2, 4, 2)
    difference = max(
        float(np.abs(results["digit", "max_pool"] - by_hand.max(axis=(1, 3))).max()),
        float(np.abs(results["digit", "avg_pool"] - by_hand.mean(axis=(1, 3))).max()),
    )
    rows = []
    for name, image in pairs.items():
        for kind, title in ((None, "before"), ("max_pool", "max 2x2"), ("avg_pool", "average 2x2")):
            values = image if kind is None else results[name, kind]
            rows.append(
                (
                    f"{name}, {title}",
                    "x".join(map(str, values.shape)),
                    f"{values.mean():.3f}",
                    f"{values.std():.3f}",
                    f"{values.max():.3f}",
                )
            )
    lift = (results["flat", "max_pool"].mean() - flat.mean()) / flat.std()
    shrink = results["flat", "avg_pool"].std() / flat.std()
    return Lesson(
        title="Max pooling keeps strokes and lifts noise; average pooling keeps the level",
        shows=(
            "2x2 pooling with stride 2 on an 8x8 crop of a real seven, and on a flat image of "
            f"level {LEVEL:g} with normal noise of standard deviation {NOISE:g}, "
            f"{side}x{side} pixels."
        ),
        parts=(
            Table("Before and after", ("image", "size", "mean", "std", "largest"), rows),
            "On the digit, max pooling keeps the stroke as bright as it was "
            f"({results['digit', 'max_pool'].max():.2f} of {crop.max():.2f}) and makes it wider: "
            f"the mean rises from {crop.mean():.2f} to {results['digit', 'max_pool'].mean():.2f}. "
            "Average pooling keeps the mean exactly and dims the stroke: its brightest cell is "
            f"{results['digit', 'avg_pool'].max():.2f}.",
            Drawing(
                "digit",
                panels_svg(
                    [
                        Panel("crop of a seven, 8x8", crop),
                        Panel("max pooling, 4x4", results["digit", "max_pool"]),
                        Panel("average pooling, 4x4", results["digit", "avg_pool"]),
                    ],
                    limits=(0, 1),
                    label="pixel, 0 to 1",
                ),
                "Each output cell is the largest, or the mean, of the 2x2 cells above it.",
            ),
            "On the flat image there is nothing to find. Max pooling picks the largest of four "
            f"noise values, which lifts the mean by {lift:.2f} standard deviations (theory for "
            f"normal noise: {EXPECTED_MAXIMUM:.2f}). Average pooling leaves the mean and shrinks "
            f"the noise to {shrink:.2f} of what it was (theory: a half, the square root of a "
            "quarter).",
            Drawing(
                "flat",
                panels_svg(
                    [
                        Panel("flat with noise, 8x8 of it", flat_small),
                        Panel("max pooling, 4x4", results["flat", "max_pool"][:4, :4]),
                        Panel("average pooling, 4x4", results["flat", "avg_pool"][:4, :4]),
                    ],
                    limits=(LEVEL - 3 * NOISE, LEVEL + 3 * NOISE),
                    label="value",
                ),
                "The upper left corner of the flat image. The scale is three standard deviations "
                "to each side of the level.",
            ),
            "Neither has a parameter to learn. The engine's numbers and those of NumPy's max and "
            f"mean over the same windows differ by at most {difference:.1e}.",
        ),
        numbers={
            **{
                f"{name}_{kind or 'before'}_{statistic}": float(
                    getattr(image if kind is None else results[name, kind], statistic)()
                )
                for name, image in pairs.items()
                for kind in (None, "max_pool", "avg_pool")
                for statistic in ("mean", "std", "max")
            },
            "flat_max_pool_lift_in_std": float(lift),
            "flat_avg_pool_noise_left": float(shrink),
            "largest_difference_by_hand": difference,
        },
    )
