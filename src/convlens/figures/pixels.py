"""An image enlarged until its pixels are cells, with the number in every cell."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convlens.figures.many_texts import write_numbers
from convlens.figures.placement import add_panel
from convlens.figures.style import INK, QUIET, as_svg
from convlens.inside.pixels import CHANNELS, Crop, Pixels, crop

POINTS_A_CELL = 18.0
"""Side of a cell by default: three digits are easily read in it."""

READABLE_POINTS = 11.0
"""Below this side a cell has no room for three digits."""

LARGEST_POINTS = 600.0
"""The longer side of one panel, unless `zoom` says otherwise."""

MOST_NUMBERS = 4_096
"""Cells of one panel that get their number; more would make a figure that no viewer opens."""


@as_svg
def pixels_svg(
    figure: Figure,
    pixels: Pixels,
    *,
    rows: slice = slice(None),
    columns: slice = slice(None),
    zoom: float | None = None,
    title: str = "",
    advise: bool = True,
) -> None:
    """Draw an image as its matrix: every pixel a cell, its value written inside.

    A colour image is drawn in colour and as its three channels, each a grey matrix.

    Parameters
    ----------
    pixels : uint8 array (C, H, W)
        One grey channel, or red, green, blue.
    rows, columns : slice
        The part to draw; the axes keep the numbers of the whole image.
    zoom : float, optional
        Side of a cell in points; by default 18, or less so that a panel stays on a page.
        Where cells are too small or too many for numbers the figure says so.
    title : str
        What the image is.
    advise : bool
        Say how numbers that have no room get some; False where they are drawn beside it.

    Returns
    -------
    str
        An `<svg>` element.

    Raises
    ------
    InputError
        Where the array is no image, or the part is empty.
    """
    part = crop(pixels, rows, columns)
    height, width = part.pixels.shape[1:]
    fitting = min(POINTS_A_CELL, LARGEST_POINTS / max(height, width))
    points = zoom or fitting
    numbered = points >= READABLE_POINTS and height * width <= MOST_NUMBERS
    panels = list(zip(CHANNELS[len(pixels)], part.pixels, strict=True))
    if len(panels) == 3:
        panels.insert(0, ("in colour", part.pixels.transpose(1, 2, 0)))
    else:
        panels = [("", part.pixels[0])]  # the heading says what it is
    _arrange(figure, panels, part, points, numbered)
    shape = "x".join(map(str, pixels.shape))
    lines = [f"{title}: {shape}, {part}" if title else f"{shape}, {part}"]
    lines.append("0 is black, 255 is " + ("full brightness" if len(pixels) == 3 else "white"))
    if not numbered:
        side = int(LARGEST_POINTS / READABLE_POINTS)
        lines.append("the cells are too small for their numbers")
        if zoom is None:
            lines[-1] += f": rows and columns of {side}x{side} or fewer have room"
        elif points < READABLE_POINTS and height * width <= MOST_NUMBERS and advise:
            lines[-1] += f": a zoom of {READABLE_POINTS:g} has room"
    figure.text(0, 1.0, lines[0], fontsize=12, weight="bold", va="bottom", color=INK)
    figure.text(0, 0.0, "; ".join(lines[1:]), fontsize=10, va="top", color=QUIET)


def _arrange(
    figure: Figure,
    panels: list[tuple[str, NDArray[np.uint8]]],
    part: Crop,
    points: float,
    numbered: bool,
) -> None:
    """Place one panel, or four in two rows, at exactly `points` a cell."""
    height, width = (points * n / 72 for n in part.pixels.shape[1:])
    across = 1 if len(panels) == 1 else 2
    down = len(panels) // across
    # inches: room for the numbers of rows and columns and the panel's title
    left, top, below = 0.6, 0.75, 0.25
    cell = (left + width + 0.25, top + height + below)
    figure.set_size_inches((across * cell[0], down * cell[1]))
    for number, (name, values) in enumerate(panels):
        row, column = divmod(number, across)
        axes = add_panel(figure, column * cell[0] + left, row * cell[1] + top, width, height)
        _panel(axes, name, values, part, points)
        if numbered and values.ndim == 2:
            _numbers(axes, values, part, points)


def _panel(axes: Axes, name: str, values: NDArray[np.uint8], part: Crop, points: float) -> None:
    rows, columns = part.rows, part.columns
    axes.grid(visible=False)
    axes.imshow(
        values,
        cmap="gray",
        vmin=0,
        vmax=255,
        interpolation="none",
        aspect="auto",
        extent=(columns[0] - 0.5, columns[-1] + 0.5, rows[-1] + 0.5, rows[0] - 0.5),
    )
    for spine in axes.spines.values():
        spine.set_visible(True)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("column", fontsize=9, labelpad=3)
    axes.set_ylabel("row", fontsize=9, labelpad=3)
    axes.set_xticks(_ticks(columns, points))
    axes.set_yticks(_ticks(rows, points))
    size = min(9.0, max(6.0, 0.5 * points))
    axes.tick_params(length=0, labelsize=size, pad=2)
    # above the numbers of the columns and the word over them
    axes.set_title(name, pad=size + 24, fontsize=10)


def _ticks(places: range, points: float) -> list[int]:
    """Return the indices that are written: all where there is room, else every 2nd, 5th, ..."""
    room = 24.0  # points, for up to four digits
    step = next((n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500) if n * points >= room), 1000)
    if points >= 0.6 * room and places[-1] < 100:
        step = 1
    return [place for place in places if place % step == 0] or [places[0]]


def _numbers(axes: Axes, values: NDArray[np.uint8], part: Crop, points: float) -> None:
    texts = [str(value) for value in values.flat]
    colours = ["black" if value >= 128 else "white" for value in values.flat]
    places = [(x, y) for y in part.rows for x in part.columns]
    write_numbers(axes, places, texts, colours, min(0.42 * points, 14.0))
