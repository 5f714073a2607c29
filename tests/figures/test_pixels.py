"""The enlarged image: every number in its cell, or a word about why there is none."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from convlens.data.digits import read
from convlens.figures.pixels import pixels_svg
from convlens.foundation.errors import InputError


def words(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [(e.text or "").strip() for e in root.iter() if e.tag.endswith("}text")]


def places(svg: str, word: str) -> list[tuple[float, float]]:
    """Return where a word stands, in points from the upper left."""
    found = []
    for element in ElementTree.fromstring(svg).iter():
        if element.tag.endswith("}text") and (element.text or "").strip() == word:
            found.append((float(element.attrib["x"]), float(element.attrib["y"])))
    return found


def test_a_digit_shows_each_of_its_numbers_and_its_indices() -> None:
    digit = read()[1].images[0]
    drawn = words(pixels_svg(digit, title="a digit"))
    indices = [str(i) for i in range(28)]
    assert drawn[0:28] == indices
    for value in np.unique(digit):
        expected = int((digit == value).sum()) + (2 if value < 28 else 0)  # and on both axes
        assert drawn.count(str(value)) == expected
    assert "a digit: 1x28x28, rows 0-27 of 28, columns 0-27 of 28" in drawn


def test_numbers_stand_in_the_cells_of_their_rows_and_columns() -> None:
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, 0, 3], pixels[0, 2, 3], pixels[0, 2, 0] = 201, 202, 203
    svg = pixels_svg(pixels, zoom=30)
    ((x1, y1),), ((x2, y2),), ((x3, y3),) = (places(svg, str(n)) for n in (201, 202, 203))
    assert x1 == pytest.approx(x2)
    assert y2 - y1 == pytest.approx(60, abs=0.5)  # two rows down
    assert y2 == pytest.approx(y3)
    assert x2 - x3 == pytest.approx(90, abs=0.5)  # three columns to the right


def test_a_colour_image_has_a_picture_and_three_matrices() -> None:
    pixels = np.full((3, 2, 2), 0, np.uint8)
    pixels[0], pixels[1], pixels[2] = 211, 222, 233
    drawn = words(pixels_svg(pixels))
    assert [word for word in drawn if word in ("in colour", "red", "green", "blue")] == [
        *("in colour", "red", "green", "blue")
    ]
    assert [drawn.count(n) for n in ("211", "222", "233")] == [4, 4, 4]


def test_without_room_for_numbers_the_figure_says_what_to_do() -> None:
    large = np.full((1, 120, 90), 211, np.uint8)
    drawn = words(pixels_svg(large))
    assert "211" not in drawn
    assert any("rows and columns of 54x54 or fewer" in word for word in drawn)
    part = words(pixels_svg(large, rows=slice(100, 103), columns=slice(50, 54)))
    assert part.count("211") == 12
    assert "102" in part
    small = words(pixels_svg(large[:, :5, :5], zoom=4))
    assert any("a zoom of 11 has room" in word for word in small)
    quiet = words(pixels_svg(large[:, :5, :5], zoom=4, advise=False))
    assert not any("zoom" in word for word in quiet)


def test_the_name_of_a_channel_stands_clear_of_the_column_numbers() -> None:
    svg = pixels_svg(np.full((3, 16, 16), 9, np.uint8))
    # baselines, in points from above: the name, the word "column", then the numbers
    name, word, number = (places(svg, text)[0][1] for text in ("in colour", "column", "15"))
    assert name + 9 < word < number


def test_what_is_not_an_image_is_refused() -> None:
    with pytest.raises(InputError, match="28 columns"):
        pixels_svg(np.zeros((1, 28, 28), np.uint8), columns=slice(30, 40))


def test_the_same_image_gives_the_same_bytes() -> None:
    digit = read()[1].images[1]
    assert pixels_svg(digit, rows=slice(4)) == pixels_svg(digit, rows=slice(4))
