"""One filter over three channels gives one map: the products of all channels are summed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_image

from convlens.engines import Float32
from convlens.engines.device import limit_threads
from convlens.engines.torch_engine import TorchModel
from convlens.figures.panels import Panel, panels_svg
from convlens.foundation.progress import track
from convlens.lessons.lesson import Lesson
from convlens.network import Network
from convlens.report.page import Drawing
from convlens.report.text_table import Table

SIDE = 96
CHANNELS = ("red", "green", "blue")
RED_NOT_GREEN = np.stack([np.full((3, 3), share / 9) for share in (2, -1, -1)])[None].astype("f4")
"""One filter (1, 3, 3, 3): twice the mean red of a window, less its mean green and blue."""


def photo() -> NDArray[np.uint8]:
    """Return a real colour photo, uint8 (3, 96, 96): scikit-learn's flower, cut and resized."""
    image = Image.fromarray(load_sample_image("flower.jpg"))
    left = (image.width - image.height) // 2
    square = image.crop((left, 0, left + image.height, image.height))
    small = square.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.ascontiguousarray(np.asarray(small).transpose(2, 0, 1))


def convolution(filters: int, groups: int = 1) -> Network:
    """Return a network of one 3x3 convolution on the photo."""
    layer = {"conv": filters, "kernel": 3, "groups": groups, "bias": False, "name": "conv"}
    return Network(input=(3, SIDE, SIDE), layers=[layer])


def maps(network: Network, weight: Float32, image: Float32) -> Float32:
    """Return the maps (filters, H, W) of an image (3, H, W) under given weights."""
    model = TorchModel(network)
    model.load_weights({"conv.weight": weight})
    activations: Float32 = model.activations(image[None])["conv"][0]
    return activations


def run(seed: int, *, quick: bool = False) -> Lesson:
    """Convolve a photo with one filter, with its three slices apart, and with n filters."""
    limit_threads()
    pixels = photo()
    image = pixels.astype(np.float32) / np.float32(255)
    one = maps(convolution(1), RED_NOT_GREEN, image)
    # the same filter with its slices kept apart: each group of one channel gives its own map
    apart = maps(convolution(3, groups=3), RED_NOT_GREEN.transpose(1, 0, 2, 3), image)
    difference = float(np.abs(apart.sum(axis=0) - one[0]).max())

    row, column = np.unravel_index(int(one[0].argmax()), one[0].shape)
    window = image[:, row : row + 3, column : column + 3]
    products = (window * RED_NOT_GREEN[0]).sum(axis=(1, 2))
    counts = (1, 3, 6) if quick else (1, 3, 6, 64)
    shapes = {n: convolution(n).plan().output for n in counts}
    rng = np.random.default_rng(seed)
    ran = {
        n: maps(convolution(n), rng.standard_normal((n, 3, 3, 3), dtype=np.float32), image).shape
        for n in track(counts, "convolutions computed")
    }
    with_bias = Network(input=(3, SIDE, SIDE), layers=[{"conv": 1, "kernel": 3}]).plan()

    return Lesson(
        title="One filter over three channels gives one map, not three",
        shows=(
            f"A real colour photo of {SIDE}x{SIDE} pixels and one 3x3 filter: twice the mean red "
            "of a window, less its mean green and its mean blue."
        ),
        parts=(
            f"A 3x3 filter over RGB is 3x3x3 = {RED_NOT_GREEN.size} weights (and one bias, "
            f"{with_bias.parameters} parameters in all). It gives {one.shape[0]} map of "
            f"{one.shape[1]}x{one.shape[2]}: at each place the 27 products are summed into one "
            "number, over the channels too.",
            Table(
                f"One cell, row {row}, column {column}: the sum of the products of each channel",
                ("channel", "sum of 9 products"),
                [
                    *((name, f"{p:+.4f}") for name, p in zip(CHANNELS, products, strict=True)),
                    ("all three", f"{products.sum():+.4f}"),
                    ("the map's value", f"{one[0, row, column]:+.4f}"),
                ],
            ),
            "Three maps come out only if the slices are kept apart, a convolution in three groups. "
            "Their sum is the one map: the largest difference over all "
            f"{one[0].size:,} cells is {difference:.1e} (float32).",
            Drawing(
                "photo",
                panels_svg(
                    [
                        Panel("photo, 3x96x96", np.ascontiguousarray(pixels.transpose(1, 2, 0))),
                        *(
                            Panel(f"{name} alone, 94x94", each)
                            for name, each in zip(CHANNELS, apart, strict=True)
                        ),
                        Panel("sum: the map, 1x94x94", one[0]),
                    ],
                    scale="signed",
                    label="sum of products",
                    columns=5,
                ),
                "The filter's three slices each on their own channel, and their sum, which is the "
                "map. Red is positive, blue negative, white zero; one scale for all.",
            ),
            Table(
                "n filters give n maps, whatever the depth of the input",
                ("filters", "maps computed", "parameters without bias"),
                [
                    (f"{n}", "x".join(map(str, ran[n])), f"{convolution(n).plan().parameters:,}")
                    for n in counts
                ],
            ),
        ),
        numbers={
            "filter_weights": RED_NOT_GREEN.size,
            "parameters_with_bias": with_bias.parameters,
            "maps_of_one_filter": one.shape[0],
            "maps_in_three_groups": apart.shape[0],
            "largest_difference_of_the_sum": difference,
            **{f"cell_{name}": float(p) for name, p in zip(CHANNELS, products, strict=True)},
            "cell_sum": float(products.sum()),
            "cell_map": float(one[0, row, column]),
            **{f"maps_of_{n}_filters": int(shape[0]) for n, shape in ran.items()},
            "shapes_as_computed_before": all(ran[n] == shapes[n] for n in counts),
        },
    )
