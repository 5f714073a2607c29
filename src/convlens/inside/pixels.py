"""An image as numbers: it is a matrix of whole numbers, three of them for colour.

0 is black and 255 is full brightness. Row 0 is the top, column 0 the left.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from convlens.data.decode import ImageSource, decode
from convlens.foundation.errors import InputError

Pixels = NDArray[np.uint8]

CHANNELS = {1: ("grey",), 3: ("red", "green", "blue")}
"""What the channels of an image are called, by their number."""

MOST_CELLS = 32
"""Rows and columns that a terminal shows of a larger image, unless more are asked for."""

_CELL = 4
"""Characters a number takes: three digits and a space."""


@dataclass(frozen=True)
class Crop:
    """A part of an image that keeps its place in it.

    Attributes
    ----------
    pixels : uint8 array (C, height, width)
        The numbers of the part.
    rows, columns : range
        Where they lie in the whole image.
    whole : (int, int)
        The whole image's height and width.
    """

    pixels: Pixels
    rows: range
    columns: range
    whole: tuple[int, int]

    def __str__(self) -> str:
        """Say what is shown, such as `rows 0-13 of 28, columns 5-19 of 28`."""
        height, width = self.whole
        return (
            f"rows {self.rows[0]}-{self.rows[-1]} of {height}, "
            f"columns {self.columns[0]}-{self.columns[-1]} of {width}"
        )


def read_pixels(source: ImageSource, *, longest: int | None = None) -> tuple[Pixels, list[str]]:
    """Return an image file's own pixels, whatever its mode.

    Parameters
    ----------
    source : path or bytes
        The file, or its content.
    longest : int, optional
        Make an image whose longer side exceeds this smaller first.

    Returns
    -------
    uint8 array (C, H, W)
        One channel for a picture without colour, else red, green, blue.
    list of str
        What was changed on the way.

    Raises
    ------
    DataError
        Where the file is not a readable image.
    """
    image, notes = decode(source)
    if longest is not None and max(image.size) > longest:
        before = f"{image.width}x{image.height}"
        image.thumbnail((longest, longest))
        notes.append(f"{before} made smaller: {image.width}x{image.height}")
    pixels = np.asarray(image, np.uint8)
    pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(pixels), notes


def crop(pixels: Pixels, rows: slice = slice(None), columns: slice = slice(None)) -> Crop:
    """Cut a part out of an image.

    Parameters
    ----------
    pixels : uint8 array (C, H, W)
        One grey channel, or red, green, blue.
    rows, columns : slice
        As in Python: the stop is not included, and an open end reaches to the edge.

    Raises
    ------
    InputError
        Where the array is no image, or nothing would be left.

    Examples
    --------
    >>> part = crop(np.arange(12, dtype=np.uint8).reshape(1, 3, 4), slice(1, 3), slice(2))
    >>> part.pixels.tolist(), str(part)
    ([[[4, 5], [8, 9]]], 'rows 1-2 of 3, columns 0-1 of 4')
    """
    if pixels.ndim != 3 or len(pixels) not in CHANNELS or pixels.dtype != np.uint8:
        raise InputError(
            f"the array is {pixels.dtype} {pixels.shape}",
            "uint8 (channels, height, width) with 1 channel (grey) or 3 (RGB)",
        )
    height, width = pixels.shape[1:]
    spans = []
    for name, span, size in (("rows", rows, height), ("columns", columns, width)):
        places = range(*span.indices(size))
        if len(places) == 0 or places.step != 1:
            raise InputError(
                f"{name} {_spelled(span)} of an image with {size} {name}",
                f"a part of 0:{size} that holds at least one",
                f"choose {name} from 0:{size}",
            )
        spans.append(places)
    part = pixels[:, spans[0].start : spans[0].stop, spans[1].start : spans[1].stop]
    return Crop(part, spans[0], spans[1], (height, width))


def _spelled(span: slice) -> str:
    ends = (span.start, span.stop) if span.step is None else (span.start, span.stop, span.step)
    return ":".join("" if end is None else str(end) for end in ends)


def terminal_matrix(
    pixels: Pixels,
    *,
    rows: slice | None = None,
    columns: slice | None = None,
    width: int = 80,
    colour: bool = False,
) -> str:
    """Write an image as its matrix of numbers, one matrix per channel.

    Columns that do not fit beside each other follow in blocks below. Of an axis longer than
    `MOST_CELLS` the middle is shown, unless a part is asked for; the first line says which.

    Parameters
    ----------
    pixels : uint8 array (C, H, W)
        One grey channel, or red, green, blue.
    rows, columns : slice, optional
        The part to show.
    width : int
        Characters in a line.
    colour : bool
        Give each number its own grey as 24-bit background; otherwise plain text.

    Returns
    -------
    str
        Lines of at most `width` characters (a single column needs about 10).

    Raises
    ------
    InputError
        As `crop`.

    Examples
    --------
    >>> print(terminal_matrix(np.array([[[0, 128], [255, 7]]], np.uint8)))
    grey, rows 0-1 of 2, columns 0-1 of 2
          0   1
      0   0 128
      1 255   7
    """
    height, across = crop(pixels).whole
    part = crop(pixels, rows or _middle(height), columns or _middle(across))
    label = max(_CELL - 1, len(str(part.rows[-1])))
    step = max(_CELL, len(str(part.columns[-1])) + 1)
    fit = max(1, (width - label) // step)
    text = Text()
    for number, name in enumerate(CHANNELS[len(pixels)]):
        text.append(("\n" if number else "") + f"{name}, {part}\n", "bold")
        for start in range(0, len(part.columns), fit):
            if start:
                text.append("\n")
            shown = part.columns[start : start + fit]
            text.append(" " * label + "".join(f"{c:>{step}}" for c in shown) + "\n", "dim")
            for row, values in zip(part.rows, part.pixels[number], strict=True):
                text.append(f"{row:>{label}}", "dim")
                for value in values[start : start + fit]:
                    text.append(f"{value:>{step}}", _shade(int(value)))
                text.append("\n")
    return _rendered(text, colour)


def _middle(size: int) -> slice:
    """Return the middle of a long axis, and all of a short one."""
    start = max(0, (size - MOST_CELLS) // 2)
    return slice(start, min(size, start + MOST_CELLS))


def _shade(value: int) -> str:
    """Return the rich style of a cell: its own grey, under ink that can be read on it."""
    ink = "#000000" if value >= 128 else "#ffffff"
    return f"{ink} on #{value:02x}{value:02x}{value:02x}"


def _rendered(text: Text, colour: bool) -> str:
    """Return a rich text as a string, with ANSI codes or without."""
    file = io.StringIO()
    console = Console(
        file=file,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
        legacy_windows=False,
    )
    console.print(text, end="", soft_wrap=True)  # the lines are broken already
    return file.getvalue().rstrip("\n")
