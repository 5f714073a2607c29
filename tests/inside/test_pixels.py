"""The image as its matrix: the numbers are the file's, and whatever is shown says what it is."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from convlens.data.digits import read
from convlens.foundation.errors import DataError, InputError
from convlens.inside.pixels import crop, read_pixels, terminal_matrix

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def picture(channels: int, height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(channels * 1000 + height * 31 + width)
    return rng.integers(0, 256, (channels, height, width), dtype=np.uint8)


def parsed(text: str) -> dict[str, dict[tuple[int, int], int]]:
    """Read the printed matrices back: `{channel: {(row, column): value}}`."""
    found: dict[str, dict[tuple[int, int], int]] = {}
    columns: list[int] = []
    for line in text.splitlines():
        if "rows" in line:
            cells = found.setdefault(line.split(",")[0], {})
            fresh = True
        elif not line:
            fresh = True
        elif fresh:
            columns, fresh = [int(word) for word in line.split()], False
        else:
            row, *values = (int(word) for word in line.split())
            cells.update({(row, c): v for c, v in zip(columns, values, strict=True)})
    return found


def test_a_real_digit_is_printed_with_its_own_numbers() -> None:
    digit = read()[1].images[0]
    cells = parsed(terminal_matrix(digit, width=80))["grey"]
    assert len(cells) == 784
    assert all(digit[0, row, column] == value for (row, column), value in cells.items())


@settings(max_examples=40)
@given(
    channels=st.sampled_from([1, 3]),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    terminal=st.integers(10, 200),
    colour=st.booleans(),
)
def test_every_line_fits_and_every_number_shown_is_the_pixels(
    channels: int, height: int, width: int, terminal: int, colour: bool
) -> None:
    pixels = picture(channels, height, width)
    text = ANSI.sub("", terminal_matrix(pixels, width=terminal, colour=colour))
    titles = [line for line in text.splitlines() if "rows" in line]
    assert all(len(line) <= terminal for line in text.splitlines() if line not in titles)
    found = parsed(text)
    assert list(found) == (["grey"] if channels == 1 else ["red", "green", "blue"])
    for channel, cells in zip(pixels, found.values(), strict=True):
        assert len(cells) == min(height, 32) * min(width, 32)
        assert all(channel[place] == value for place, value in cells.items())


def test_each_number_stands_on_its_own_grey_and_plain_text_has_no_codes() -> None:
    pixels = np.array([[[0, 127, 128, 255]]], np.uint8)
    coloured = terminal_matrix(pixels, colour=True)
    for value, ink in ((0, 255), (127, 255), (128, 0), (255, 0)):
        back = f"48;2;{value};{value};{value}m"
        assert f"38;2;{ink};{ink};{ink};{back}{value:>4}" in coloured
    assert "\x1b" not in terminal_matrix(pixels)


def test_of_a_large_image_the_middle_is_shown_and_named() -> None:
    text = terminal_matrix(picture(1, 100, 200), width=80)
    assert text.startswith("grey, rows 34-65 of 100, columns 84-115 of 200\n")
    asked = terminal_matrix(picture(1, 100, 200), rows=slice(0, 100), columns=slice(0, 1))
    assert asked.startswith("grey, rows 0-99 of 100, columns 0-0 of 200\n")


def test_a_crop_keeps_its_place_in_the_image() -> None:
    pixels = picture(3, 20, 30)
    part = crop(pixels, slice(5, None), slice(None, 7))
    np.testing.assert_array_equal(part.pixels, pixels[:, 5:, :7])
    assert (part.rows, part.columns) == (range(5, 20), range(7))
    assert str(part) == "rows 5-19 of 20, columns 0-6 of 30"


@pytest.mark.parametrize("span", [slice(28, 30), slice(5, 5), slice(9, 3), slice(0, 9, 2)])
def test_a_part_that_holds_nothing_is_refused_with_the_range_that_exists(span: slice) -> None:
    with pytest.raises(InputError, match="28 rows") as error:
        crop(picture(1, 28, 28), rows=span)
    assert "0:28" in error.value.fix


@pytest.mark.parametrize(
    "array",
    [np.zeros((28, 28), np.uint8), np.zeros((2, 4, 4), np.uint8), np.zeros((1, 4, 4), np.float32)],
)
def test_an_array_that_is_no_image_is_refused(array: np.ndarray) -> None:
    with pytest.raises(InputError, match=re.escape(str(array.shape))):
        crop(array)


def test_files_of_any_mode_become_one_channel_or_three(tmp_path: Path) -> None:
    pixels = picture(3, 5, 7)
    colour = Image.fromarray(pixels.transpose(1, 2, 0))
    colour.save(tmp_path / "colour.png")
    np.testing.assert_array_equal(read_pixels(tmp_path / "colour.png")[0], pixels)
    Image.fromarray(pixels[0]).convert("RGB").save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_pixels(tmp_path / "grey.png")[0], pixels[:1])
    colour.convert("P").save(tmp_path / "palette.gif")
    assert read_pixels(tmp_path / "palette.gif")[0].shape == (3, 5, 7)
    with pytest.raises(DataError, match="absent"):
        read_pixels(tmp_path / "absent.png")
