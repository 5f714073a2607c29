"""The page of `convlens look`: large figures of few layers, small ones of many."""

from __future__ import annotations

import numpy as np
import pytest

import convlens
from convlens.report.look_page import MANY_LAYERS, make_page

SMALL = {
    "name": "small",
    "input": [1, 8, 8],
    "layers": [
        {"conv": 3, "kernel": 3, "padding": 1},
        {"residual": [{"conv": 3, "kernel": 3, "padding": 1}, {"relu": True}]},
        {"flatten": True},
        {"linear": 4},
    ],
}


def _network(blocks: int) -> convlens.Network:
    first, block, *last = SMALL["layers"]
    return convlens.Network.model_validate({**SMALL, "layers": [first, *[block] * blocks, *last]})


@pytest.mark.parametrize("blocks", [1, 25])
def test_of_many_layers_the_pictures_are_small_and_the_page_leads_to_blocks(blocks: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)
    look = convlens.look(_network(blocks), image, methods=[])
    page = make_page(look, "convlens look small.toml image.png")
    many = len(look.layers) > MANY_LAYERS
    assert many == (blocks == 25)
    for layer in look.layers:
        assert f'<section id="{layer.layer}"' in page.html
    assert ('href="#residual1.conv1">residual1<' in page.html) == many
    assert ('href="#residual1.conv1">residual1.conv1<' in page.html) != many
    kernels = [name for name in page.figures if name.endswith("-kernels.svg")]
    assert len(kernels) == (1 if many else 2)
    assert ("add <code>--layer NAME</code> to the command" in page.html) == many
    maps = [name for name in page.figures if name.endswith("-maps.svg")]
    assert len(maps) == 1 + 3 * blocks
    largest = max(len(page.figures[name]) for name in maps)
    assert (largest < 5000) == many
