"""A 1x1 convolution changes the number of channels: a matrix product at every pixel."""

from __future__ import annotations

import time

import numpy as np

from convlens.engines.device import limit_threads
from convlens.engines.torch_engine import TorchModel
from convlens.figures.bars import bars_svg
from convlens.foundation.progress import track
from convlens.lessons.lesson import Lesson
from convlens.network import Network
from convlens.report.page import Drawing
from convlens.report.text_table import Table

INPUT = (256, 56, 56)
PLAIN = Network(
    name="plain",
    input=INPUT,
    layers=[{"conv": 256, "kernel": 3, "padding": 1, "bias": False, "name": name} for name in "ab"],
)
BOTTLENECK = Network(
    name="bottleneck",
    input=INPUT,
    layers=[
        {"conv": 64, "kernel": 1, "bias": False, "name": "lower"},
        {"conv": 64, "kernel": 3, "padding": 1, "bias": False, "name": "work"},
        {"conv": 256, "kernel": 1, "bias": False, "name": "raise"},
    ],
)
TITLES = {
    "a": "3x3, 256 to 256",
    "b": "3x3, 256 to 256",
    "lower": "1x1, 256 to 64",
    "work": "3x3, 64 to 64",
    "raise": "1x1, 64 to 256",
}


def run(seed: int, *, quick: bool = False) -> Lesson:
    """Compare a bottleneck with two plain convolutions, and compute a 1x1 convolution by hand."""
    limit_threads()
    plain, bottleneck = PLAIN.plan(), BOTTLENECK.plan()
    images = np.random.default_rng(seed).standard_normal((1, *INPUT), dtype=np.float32)
    model = TorchModel(BOTTLENECK, seed)
    computed = model.activations(images, ["lower"])["lower"][0]

    # by hand: 64x256 weights times a 256-vector at each of the 56*56 pixels
    weights = model.weights()["lower.weight"].reshape(64, 256)
    by_hand = (weights @ images[0].reshape(256, 56 * 56)).reshape(64, 56, 56)
    difference = float(np.abs(by_hand - computed).max())

    repeats = 2 if quick else 7
    plain_ms = _milliseconds(TorchModel(PLAIN, seed), images, repeats)
    bottleneck_ms = _milliseconds(model, images, repeats)
    rows = [*plain.steps, *bottleneck.steps]
    fewer = plain.parameters / bottleneck.parameters
    svg = bars_svg(
        [TITLES[step.name] for step in rows],
        [step.multiply_adds / 1e6 for step in rows],
        title="Multiply-adds of each layer, one image of 256x56x56",
        unit="millions of multiply-adds",
        groups=[0] * len(plain.steps) + [1] * len(bottleneck.steps),
    )
    return Lesson(
        title="A 1x1 convolution changes the number of channels, and saves work",
        shows=(
            "Two 3x3 convolutions on 256 maps of 56x56, against the ResNet bottleneck that lowers "
            "256 channels to 64 by a 1x1 convolution, works on those, and raises them again "
            "(He et al. 2015, arXiv:1512.03385). Without biases, normalisation and the addition."
        ),
        parts=(
            Table(
                "From the networks' own tables",
                ("layers", "output", "parameters", "multiply-adds"),
                [
                    *(
                        (
                            TITLES[step.name],
                            "x".join(map(str, step.output)),
                            f"{step.parameters:,}",
                            f"{step.multiply_adds:,}",
                        )
                        for step in rows
                    ),
                    ("two 3x3 together", "", f"{plain.parameters:,}", f"{plain.multiply_adds:,}"),
                    (
                        "bottleneck together",
                        "",
                        f"{bottleneck.parameters:,}",
                        f"{bottleneck.multiply_adds:,}",
                    ),
                ],
            ),
            "A 1x1 convolution keeps height and width: its window is one pixel. It lowers 256 "
            f"channels to 64 with 256 * 64 = {bottleneck.steps[0].parameters:,} weights. The 3x3 "
            "convolution after it reads a quarter of the channels and writes a quarter: a "
            "sixteenth of the weights of one on 256.",
            f"Together the bottleneck has {fewer:.1f} times fewer parameters and multiply-adds. "
            f"On this machine one image took {plain_ms:.1f} ms through the two 3x3 and "
            f"{bottleneck_ms:.1f} ms through the bottleneck, {plain_ms / bottleneck_ms:.1f} times "
            f"less (median of {repeats}): time does not follow the multiply-adds exactly.",
            "It is not free: one output value of the two 3x3 convolutions depends on "
            f"{plain.steps[-1].receptive_field[0].size}x{plain.steps[-1].receptive_field[1].size} "
            f"pixels, one of the bottleneck {bottleneck.steps[-1].receptive_field[0].size}x"
            f"{bottleneck.steps[-1].receptive_field[1].size}.",
            Drawing(
                "multiply-adds",
                svg,
                "Blue: the two 3x3 convolutions. Orange: the three layers of the bottleneck.",
            ),
            "By hand: at every pixel the 256 values are a vector, and the layer multiplies it by "
            "a 64x256 matrix. That product, in NumPy, differs from what the layer computed by at "
            f"most {difference:.1e} (float32).",
        ),
        numbers={
            "plain_parameters": plain.parameters,
            "plain_multiply_adds": plain.multiply_adds,
            "bottleneck_parameters": bottleneck.parameters,
            "bottleneck_multiply_adds": bottleneck.multiply_adds,
            "ratio": fewer,
            "channels_before": 256,
            "channels_after": computed.shape[0],
            "height": computed.shape[1],
            "width": computed.shape[2],
            "largest_difference_by_hand": difference,
            "plain_ms": plain_ms,
            "bottleneck_ms": bottleneck_ms,
        },
    )


def _milliseconds(model: TorchModel, images: np.ndarray, repeats: int) -> float:
    """Return the median time of one forward pass, after one that is not counted."""
    times = []
    for _ in track(range(repeats + 1), "passes timed"):
        started = time.perf_counter()
        model.logits(images)
        times.append(1000 * (time.perf_counter() - started))
    return float(np.median(times[1:]))
