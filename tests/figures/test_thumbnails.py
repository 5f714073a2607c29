"""Small pictures of maps: the right maps, in the colours that the large figure has."""

from __future__ import annotations

import base64
import io
import re
import time
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from convlens.figures.mosaic import common_scale
from convlens.figures.style import colours_of
from convlens.figures.thumbnails import SIDE, thumbnails_svg
from convlens.inside.feature_maps import FeatureMaps

TEXT = "{http://www.w3.org/2000/svg}text"
IMAGE = "{http://www.w3.org/2000/svg}image"


def _layer(maps: np.ndarray) -> FeatureMaps:
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    statistics = flat.min(1), flat.max(1), flat.mean(1), (flat == 0).mean(1)
    return FeatureMaps("conv<1>", "conv", maps, *statistics, silent=~flat.any(axis=1))


def _read(svg: str) -> tuple[list[str], Image.Image]:
    tree = ElementTree.fromstring(svg)
    data = tree.find(IMAGE).attrib["href"].removeprefix("data:image/png;base64,")
    picture = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA")
    return [element.text for element in tree.iter(TEXT)], picture


@pytest.mark.parametrize("signed", [True, False])
def test_each_cell_has_the_colour_of_its_value(signed: bool) -> None:
    maps = np.random.default_rng(1).standard_normal((3, 20, 20)).astype(np.float32)
    maps = maps if signed else np.abs(maps)
    texts, picture = _read(thumbnails_svg(_layer(maps)))
    assert texts[0] == "conv<1>: conv, 3x20x20"
    assert texts[1:4] == ["0", "1", "2"]
    scale, name = common_scale(maps)
    title = picture.height - 20  # one row: its title, then the tile
    for row, column in ((0, 0), (7, 3), (19, 19)):
        expected = to_hex(colours_of(name)(scale(maps[0, row, column])))
        *rgb, alpha = picture.getpixel((column, title + row))
        # the palette has 254 colours, so two neighbours may differ
        wanted = [int(expected[at : at + 2], 16) for at in (1, 3, 5)]
        assert np.abs(np.subtract(rgb, wanted)).max() <= 4
        assert alpha == 255
    assert picture.getpixel((0, 0))[3] == 0


def test_the_strongest_are_shown_silent_ones_are_grey_and_both_are_told() -> None:
    maps = np.zeros((30, 4, 4), np.float32)
    maps[5], maps[17] = 1, -2
    texts, picture = _read(thumbnails_svg(_layer(maps), most=3))
    assert texts[0] == "conv<1>: conv, 30x4x4; the strongest 3 of 30"
    assert texts[1:4] == ["0", "5", "17"]
    assert texts[4] == "from -2 to 1, white is 0; silent on this image: 28 of 30 maps"
    assert picture.getpixel((0, picture.height - 1)) == (0xEC, 0xEE, 0xF0, 255)


def test_large_maps_are_averaged_down_and_cost_little() -> None:
    maps = np.random.default_rng(1).standard_normal((96, 112, 112)).astype(np.float32)
    started = time.process_time()
    svg = thumbnails_svg(_layer(maps))
    assert time.process_time() - started < 1
    assert len(svg) < 120_000
    width = float(re.search(r'<image y="[\d.]+" width="([\d.]+)"', svg)[1])
    _, picture = _read(svg)
    assert picture.width == round(12 * SIDE + 11 * 5)
    assert width > 600
