"""Which paddings keep the size, and what zeros at the border do to the values there."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from convlens.engines import Float32
from convlens.engines.torch_engine import TorchModel
from convlens.figures.charts import Chart, Line, charts_svg
from convlens.figures.panels import Panel, panels_svg
from convlens.foundation.errors import NetworkError
from convlens.foundation.progress import track
from convlens.lessons import digits
from convlens.lessons.lesson import Lesson
from convlens.network import Network
from convlens.report.page import Drawing
from convlens.report.text_table import Table

KEEPING = ((3, 1, 1), (5, 1, 2), (1, 1, 0))
"""(filter, stride, padding) of the usual settings that keep the size."""
DEPTH = 3
"""Padded convolutions of the network whose borders are measured."""
DIGITS = Network(
    name="padded",
    input=(1, 28, 28),
    classes=10,
    layers=[
        *({"conv": 8, "kernel": 3, "padding": 1}, {"relu": True}) * DEPTH,
        {"max_pool": 4},
        {"flatten": True},
        {"linear": 10},
    ],
)


def output_size(size: int, kernel: int, stride: int, padding: int) -> int:
    """Run one convolution on an image of one channel and return its output's height."""
    layer = {"conv": 1, "kernel": kernel, "stride": stride, "padding": padding, "name": "conv"}
    network = Network(input=(1, size, size), layers=[layer])
    image = np.zeros((1, 1, size, size), np.float32)
    return int(TorchModel(network).activations(image)["conv"].shape[2])


def sizes_by_layer(size: int, kernel: int, padding: int, most: int) -> tuple[list[int], str]:
    """Stack convolutions until `most` or until none fits; return the sizes and the refusal."""
    sizes = [size]
    while len(sizes) <= most:
        layer = {"conv": 1, "kernel": kernel, "padding": padding}
        try:
            table = Network(input=(1, sizes[-1], sizes[-1]), layers=[layer]).plan()
        except NetworkError as error:
            return sizes, error.what
        sizes.append(table.output[1])
    return sizes, ""


def distances(side: int) -> NDArray[np.int64]:
    """Return every cell's distance from the nearest border, (side, side).

    >>> distances(4).tolist()
    [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    """
    line = np.minimum(np.arange(side), np.arange(side)[::-1])
    return np.minimum(line[:, None], line[None, :])


def by_distance(values: Float32) -> NDArray[np.float64]:
    """Return the mean of maps (N, C, S, S) over the cells of each distance from the border."""
    ring = distances(values.shape[-1])
    return np.array([values[:, :, ring == d].mean(dtype=np.float64) for d in range(ring.max() + 1)])


def unpadded(model: TorchModel, images: Float32, ground: float) -> dict[str, Float32]:
    """Compute the same layers without padding, on images that are extended by their background.

    Parameters
    ----------
    model : TorchModel
        Its network is `DIGITS`.
    images : float32 array (N, 1, 28, 28)
        Normalised.
    ground : float
        The normalised value of an empty pixel.

    Returns
    -------
    dict of float32 arrays (N, 8, 28, 28)
        What each ReLU gives where the border is no border.
    """
    margin = ((0, 0), (0, 0), (DEPTH, DEPTH), (DEPTH, DEPTH))
    wide = np.pad(images, margin, constant_values=ground)
    side = wide.shape[-1]
    bare = Network(input=(1, side, side), layers=[{"conv": 8, "kernel": 3}, {"relu": True}] * DEPTH)
    other = TorchModel(bare)
    other.load_weights({k: v for k, v in model.weights().items() if k.startswith("conv")})
    activations = other.activations(wide, [f"relu{k}" for k in range(1, DEPTH + 1)])
    cut = {}
    for k in range(1, DEPTH + 1):
        inner = slice(DEPTH - k, DEPTH - k + 28)
        cut[f"relu{k}"] = activations[f"relu{k}"][:, :, inner, inner]
    return cut


def train(data: digits.Digits, seed: int) -> TorchModel:
    """Train the padded network for one epoch, so that its filters are real ones."""
    model = TorchModel(DIGITS, seed)
    optimizer = torch.optim.Adam(model.module.parameters(), 0.003)
    batches = data.train.shuffled(50, None, seed, epoch=0)
    for images, targets in track(batches, "batches trained", -(-len(data.train) // 50)):
        optimizer.zero_grad()
        F.cross_entropy(model.module(images), targets.labels).backward()
        optimizer.step()
    return model


def run(seed: int, *, quick: bool = False) -> Lesson:
    """Check the sizes by running them, then measure what zero padding does at the border."""
    data = digits.load(300 if quick else None)
    tutorial = output_size(32, 3, 1, 1)
    kept = {setting: output_size(32, *setting) for setting in KEEPING}
    shrinking = {
        (kernel, padding): sizes_by_layer(32, kernel, padding, most=16)
        for kernel, padding in ((3, 1), (3, 0), (5, 0))
    }
    three, refusal = shrinking[3, 0]
    ones = np.ones((1, 1, 6, 6), np.float32)
    mean_filter = Network(
        input=(1, 6, 6), layers=[{"conv": 1, "kernel": 3, "padding": 1, "bias": False}]
    )
    blur = TorchModel(mean_filter)
    blur.load_weights({"conv1.weight": np.full((1, 1, 3, 3), 1 / 9, np.float32)})
    flat = blur.activations(ones)["conv1"][0, 0]

    model = train(data, seed)
    accuracy, _ = digits.measure(model.module, data.validation)
    split = data.dataset.validation
    preprocessing = data.dataset.preprocessing
    images = preprocessing.normalise(split.images[:200])
    ground = -preprocessing.mean[0] / preprocessing.std[0]
    names = [f"relu{k}" for k in range(1, DEPTH + 1)]
    padded, free = model.activations(images, names), unpadded(model, images, ground)
    changes = {name: np.abs(padded[name] - free[name]) for name in names}
    changed = {name: by_distance(change) for name, change in changes.items()}
    reach = {name: int((np.abs(ring) > 1e-5).sum()) for name, ring in changed.items()}
    mean_with, mean_free = by_distance(padded[names[-1]]), by_distance(free[names[-1]])
    border_share = changed[names[-1]][0] / mean_free[0]
    away = range(8)

    return Lesson(
        title="Padding 1 keeps the size under a 3x3 filter, and changes the values at the border",
        shows=(
            "Convolutions run to see their sizes; then a network of three padded 3x3 convolutions, "
            f"trained for one epoch on {len(data.train):,} digits (validation accuracy "
            f"{accuracy:.1%}), and what the zeros around the image do to its maps."
        ),
        parts=(
            f"A 3x3 filter with padding 1 and stride 1 on 32x32 gives {tutorial}x{tutorial}: "
            "(32 + 1 + 1 - 3)/1 + 1 = 32. A tutorial says 30x30; that is the size without padding.",
            Table(
                "The usual settings that keep 32x32, run on the PyTorch engine",
                ("filter", "stride", "padding", "output"),
                [(f"{f}x{f}", f"{s}", f"{p}", f"{n}x{n}") for (f, s, p), n in kept.items()],
            ),
            f"Without padding every 3x3 layer takes two pixels: {', '.join(map(str, three[:5]))}, "
            f"... {three[-1]} after {len(three) - 1} layers. One more is refused: {refusal}.",
            Drawing(
                "sizes",
                charts_svg(
                    [
                        Chart(
                            "Size after each convolution, 32x32 at first",
                            "convolution layers",
                            "height and width",
                            [
                                Line(
                                    f"{k}x{k}, padding {p}" if p else f"{k}x{k}, no padding",
                                    range(len(sizes)),
                                    sizes,
                                )
                                for (k, p), (sizes, _) in shrinking.items()
                            ],
                            limits=(0, 36),
                            whole=True,
                        )
                    ]
                ),
                "Each layer without padding loses kernel - 1 pixels on both axes; the lines end "
                "where no further layer fits.",
            ),
            "Zeros are values too. A 3x3 mean over an image of ones gives 1 inside, "
            f"{flat[0, 2]:.3f} at an edge (three of nine values are zeros) and {flat[0, 0]:.3f} in "
            "a corner (five of nine).",
            Drawing(
                "mean-of-ones",
                panels_svg(
                    [Panel("image of ones, 6x6", ones[0, 0]), Panel("3x3 mean, padding 1", flat)],
                    scale="amount",
                    limits=(0, 1),
                    label="value",
                ),
                "Values at the border are lower although the image is the same everywhere.",
            ),
            f"On real digits: an empty pixel is {ground:.2f} after normalisation, so a padding of "
            "0 is not black but the mean grey, a frame around the digit. To see what the frame "
            "does, the same weights are run without padding on the same 200 validation digits, "
            "whose empty ground goes on around them. Layers 1, 2 and 3 "
            f"differ in the outer {reach['relu1']}, {reach['relu2']} and {reach['relu3']} rings of "
            "pixels; further inside both are the same.",
            "At the border of layer 3 the zeros change a value by "
            f"{changed[names[-1]][0]:.3f} on average, {border_share:.0%} of the mean activation "
            "there. Some values rise and some fall, so their mean may hardly show it.",
            Table(
                "Mean activation of layer 3 by distance from the border",
                ("distance", "zero padding", "ground goes on", "mean change"),
                [
                    (
                        f"{d}",
                        f"{mean_with[d]:.3f}",
                        f"{mean_free[d]:.3f}",
                        f"{changed[names[-1]][d]:.3f}",
                    )
                    for d in away
                ],
            ),
            Drawing(
                "border",
                charts_svg(
                    [
                        Chart(
                            "Mean activation, layer 3",
                            "distance from the border, pixels",
                            "mean over 200 digits and 8 maps",
                            [
                                Line("zero padding", away, mean_with[: len(away)]),
                                Line("ground goes on", away, mean_free[: len(away)]),
                            ],
                            limits=(0, None),
                        ),
                        Chart(
                            "Change made by the zeros",
                            "distance from the border, pixels",
                            "mean absolute change",
                            [
                                Line(f"layer {k}", away, changed[f"relu{k}"][: len(away)])
                                for k in range(1, DEPTH + 1)
                            ],
                            limits=(0, None),
                        ),
                    ]
                ),
                "Left: where the two lines meet, rises and falls cancel. Right: each 3x3 layer "
                "carries the border one pixel further in; layer k is changed in its outer k rings "
                "and nowhere else.",
            ),
            Drawing(
                "change-maps",
                panels_svg(
                    [
                        Panel(f"layer {k}, 28x28", changes[f"relu{k}"].mean(axis=(0, 1)))
                        for k in range(1, DEPTH + 1)
                    ],
                    scale="amount",
                    label="mean absolute change",
                ),
                "Where the zeros change the maps: mean over the same digits and the 8 maps, all "
                "layers on one scale.",
            ),
        ),
        numbers={
            "output_3x3_padding_1": tutorial,
            "output_3x3_no_padding": three[1],
            **{f"output_f{f}_s{s}_p{p}": n for (f, s, p), n in kept.items()},
            "layers_without_padding": len(three) - 1,
            "last_size_without_padding": three[-1],
            "mean_of_ones_inside": float(flat[2, 2]),
            "mean_of_ones_edge": float(flat[0, 2]),
            "mean_of_ones_corner": float(flat[0, 0]),
            "validation_accuracy": accuracy,
            **{f"changed_rings_layer_{k}": reach[f"relu{k}"] for k in range(1, DEPTH + 1)},
            "change_at_border": float(changed[names[-1]][0]),
            "activation_at_border_padded": float(mean_with[0]),
            "activation_at_border_unpadded": float(mean_free[0]),
        },
    )
