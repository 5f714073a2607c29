"""Drawings of steps: the right numbers stand in them, and they add up as they are written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from convlens import data
from convlens.engines import build
from convlens.engines.reference import ReferenceModel
from convlens.figures.windows import window_svg
from convlens.foundation.errors import InputError
from convlens.inside.windows import window
from convlens.network import Network, zoo


def texts(svg: str) -> list[str]:
    """Return the words in an SVG, which is checked to be well-formed XML."""
    root = ElementTree.fromstring(svg)
    return [(e.text or "").strip() for e in root.iter() if e.tag.endswith(("}text", "}tspan"))]


def drawn(layers: list[dict[str, Any]], image: Any, layer: str, cell: Any, **weights: Any) -> str:
    """Draw a step of a small network; `it_weight` is `it.weight`."""
    values = np.array(image, float)
    model = ReferenceModel(Network(input=values.shape, layers=layers, rounding="floor"))
    model.load_weights({n.replace("_", ".", 1): np.array(a, float) for n, a in weights.items()})
    return window_svg(window(model, values, layer, cell), values)


@pytest.fixture(scope="module")
def digit() -> tuple[np.ndarray, np.ndarray]:
    """Return a real digit's pixels and what the network is given of them."""
    digits = data.load("digits-5k")
    return digits.test.images[3], digits.preprocessing.normalise(digits.test.images[3:4])[0]


def test_a_convolutions_numbers_stand_in_their_cells() -> None:
    image = [[[11, 12, 13], [14, 15, 16], [17, 18, 19]]]
    words = texts(
        drawn(
            [{"conv": 1, "kernel": 2, "name": "it"}],
            image,
            "it",
            (0, 1, 0),
            it_weight=[[[[1, 2], [-3, 4]]]],
            it_bias=[100],
        )
    )
    for number in ("14", "15", "17", "18", "1", "2", "-3", "4", "30", "-51", "72"):
        assert number in words
    assert words[words.index("sum of products") + 1] == "65"
    assert words[words.index("= total") + 1] == "165"
    assert "outlined: the receptive field, 2x2 pixels," in words
    assert "rows 1 to 2, columns 0 to 1" in words


@pytest.mark.parametrize(
    ("layer", "cell"), [("conv1", (3, 5, 7)), ("conv2", (5, 6, 3)), ("linear1", 4)]
)
def test_the_sum_in_the_drawing_adds_up_as_it_is_written(
    digit: tuple[np.ndarray, np.ndarray], layer: str, cell: Any
) -> None:
    pixels, image = digit
    model = build(zoo.load("tutorial-torch"), seed=1, engine="reference")
    words = texts(window_svg(window(model, image, layer, cell), pixels))
    if layer == "linear1":
        # bars: all names come before all numbers
        count = words.index("= total") - words.index(next(w for w in words if ": map " in w)) + 1
        numbers = [w for w in words if w.lstrip("-").replace(".", "", 1).isdigit()][-count:]
    else:
        start = words.index("sum of products" if layer == "conv1" else "29 more channels")
        start -= 0 if layer == "conv1" else 6
        numbers = words[start + 1 : words.index("= total") + 2 : 2]
    *terms, total = map(Decimal, numbers)
    assert len(terms) >= 2
    assert sum(terms) == total


def test_three_channels_are_drawn_or_those_that_are_asked_for(
    digit: tuple[np.ndarray, np.ndarray],
) -> None:
    pixels, image = digit
    step = window(build(zoo.load("tutorial-torch"), seed=1), image, "conv2", (5, 6, 3))
    words = texts(window_svg(step, pixels))
    largest = sorted(range(32), key=lambda k: -abs(step.channel_sums[k]))[:3]
    for channel in range(32):
        assert words.count(f"channel {channel}") == (2 if channel in largest else 0)
    assert any("3 of 32 channels drawn" in word for word in words)
    words = texts(window_svg(step, pixels, channels=[2]))
    assert words.count("channel 2") == 2
    assert "31 more channels" in words
    with pytest.raises(InputError, match="does not read channel 32"):
        window_svg(step, pixels, channels=[32])


def test_padding_is_hatched_and_takes_no_part_in_a_pool() -> None:
    svg = drawn([{"max_pool": 2, "padding": 1, "name": "it"}], [[[-3, 1], [2, 5]]], "it", (0, 0, 0))
    words = texts(svg)
    assert words.count("-") == 3
    assert "largest = -3" in words
    assert "3 cells of padding take no part" in words
    assert "<pattern" in svg
    assert "<pattern" not in drawn(
        [{"max_pool": 2, "name": "it"}], [[[3, 1], [2, 5]]], "it", (0, 0, 0)
    )


def test_a_cell_that_sees_only_padding_outlines_nothing() -> None:
    layers = [{"conv": 1, "kernel": 1, "padding": 1, "bias": False, "name": "it"}]
    words = texts(drawn(layers, [[[1, 2]]], "it", (0, 0, 0), it_weight=[[[[5]]]]))
    assert "no pixel in the receptive field:" in words


def test_a_kernel_too_large_to_write_says_so() -> None:
    layers = [{"conv": 1, "kernel": 11, "bias": False, "name": "it"}]
    image = np.arange(144).reshape(1, 12, 12)
    words = texts(drawn(layers, image, "it", (0, 0, 0), it_weight=np.ones((1, 1, 11, 11))))
    assert any("too many cells to write their numbers" in word for word in words)
    assert "= total" in words


def test_a_step_of_every_kind_of_layer_can_be_drawn() -> None:
    model = build(zoo.load("bottleneck-resnet"), seed=1, engine="reference")
    image = np.random.default_rng(0).standard_normal(model.network.input)
    kinds = {row.kind: row for row in model.network.plan().steps}
    assert {"conv", "batch_norm", "relu", "add", "flatten", "linear", "softmax"} <= set(kinds)
    for row in kinds.values():
        step = window(model, image, row.name, tuple(n - 1 for n in row.output))
        assert any(word.startswith(f"{row.name}, ") for word in texts(window_svg(step, image)))


def test_the_same_step_gives_the_same_drawing(digit: tuple[np.ndarray, np.ndarray]) -> None:
    pixels, image = digit
    step = window(build(zoo.load("lenet-5")), image, "conv1", (0, 3, 4))
    assert window_svg(step, pixels) == window_svg(step, pixels)


def test_a_network_that_diverged_can_be_drawn() -> None:
    layers = [{"flatten": True}, {"linear": 1, "bias": False, "name": "it"}]
    words = texts(drawn(layers, [[[1, 2, 3]]], "it", 0, it_weight=[[np.nan, np.inf, 1]]))
    assert "= total" in words
    layers = [{"conv": 1, "kernel": 2, "bias": False, "name": "it"}]
    weight = [[[[1, np.nan], [np.inf, 1]]]]
    words = texts(drawn(layers, [[[1, 2], [3, 4]]], "it", (0, 0, 0), it_weight=weight))
    assert words[words.index("= total") + 1] == "NaN"


def test_another_image_is_refused() -> None:
    model = build(zoo.load("lenet-5"))
    step = window(model, np.zeros(model.network.input), "conv1", (0, 0, 0))
    with pytest.raises(InputError, match="shape"):
        window_svg(step, np.zeros((1, 5, 5)))
