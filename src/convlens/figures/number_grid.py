"""A grid of numbers, each on its colour: the patch, kernel and products of one step.

Sizes are inches, so that a number is as large in a 2x2 kernel as in a 7x7 one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from convlens.figures.many_texts import write_numbers
from convlens.figures.style import INK, QUIET
from convlens.inside.printed import Rounded

Float64 = NDArray[np.float64]

CELL = 0.5
"""Side of a cell with a number in it."""

PADDING, LINE = "#f2f3f4", "#c4c9ce"

READABLE = 0.3
"""Below this side no number is readable."""


def cell_side(cells: int, room: float) -> float:
    """Return the side of one of `cells` cells that share `room` inches, at most `CELL`."""
    return min(CELL, room / cells)


def signed_scale(values: Float64) -> Normalize:
    """Return the colour scale from -m to m, m the largest magnitude among finite values."""
    finite = values[np.isfinite(values)]
    most = float(np.abs(finite).max(initial=0.0)) or 1.0
    return Normalize(-most, most)


def panel(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a place given in inches; the figure's size must be set before."""
    across, up = figure.get_size_inches()
    axes = figure.add_axes((left / across, bottom / up, width / across, height / up))
    axes.grid(visible=False)
    return axes


def draw_grid(
    axes: Axes,
    values: Float64,
    colours: Colormap,
    scale: Normalize,
    shown: Rounded,
    *,
    side: float,
    padding: NDArray[np.bool_] | None = None,
    rows: Sequence[int] | None = None,
    columns: Sequence[int] | None = None,
    pad_text: str = "0",
) -> None:
    """Draw an array as coloured cells with their numbers.

    Parameters
    ----------
    axes : Axes
        Where; its limits are set to the cells.
    values : array (height, width)
        What; cells of padding are hatched and carry `pad_text`.
    colours, scale : Colormap, Normalize
        The colours of the values.
    shown : Rounded
        How numbers are rounded.
    side : float
        Side of a cell in inches; numbers are left out where they could not be read.
    padding : bool array (height, width), optional
        Cells that are padding.
    rows, columns : sequence of int, optional
        Numbers of the rows and columns, written on the left and above.
    """
    height, width = values.shape
    hidden = np.zeros(values.shape, np.bool_) if padding is None else padding
    cells = np.asarray(colours(scale(values)))
    cells[~np.isfinite(values)] = (0.5, 0.5, 0.5, 1.0)
    cells[hidden] = to_rgba(PADDING)
    axes.imshow(cells, extent=(0, width, height, 0), interpolation="none", aspect="auto")
    axes.hlines(range(height + 1), 0, width, color=LINE, linewidth=0.6)
    axes.vlines(range(width + 1), 0, height, color=LINE, linewidth=0.6)
    for y, x in np.argwhere(hidden):
        hatched = Rectangle((x, y), 1, 1, fill=False, linewidth=0, hatch="////", edgecolor=LINE)
        axes.add_patch(hatched)
    if side >= READABLE:
        _write(axes, values, cells, hidden, shown, side, pad_text)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.tick_params(length=0, labelsize=8, pad=2)
    axes.xaxis.tick_top()
    _number(axes, rows, columns)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _write(
    axes: Axes,
    values: Float64,
    cells: NDArray[np.float64],
    hidden: NDArray[np.bool_],
    shown: Rounded,
    side: float,
    pad_text: str,
) -> None:
    """Write the numbers: what is padding quietly, the rest in black or white."""
    texts = ["0" if value == 0 else f"{shown(value):f}" for value in values[~hidden]]
    size = min(9.5, 106 * side / max(5, *map(len, texts))) if texts else 9.5
    places = np.argwhere(~hidden)[:, ::-1] + 0.5
    write_numbers(axes, places, texts, [_ink_on(colour) for colour in cells[~hidden]], size)
    for y, x in np.argwhere(hidden):
        axes.text(
            x + 0.5,
            y + 0.5,
            pad_text,
            ha="center",
            va="center",
            fontsize=size,
            color=QUIET,
            bbox={"facecolor": PADDING, "linewidth": 0, "pad": 1},
        )


def _number(axes: Axes, rows: Sequence[int] | None, columns: Sequence[int] | None) -> None:
    """Label the cells with their row and column numbers, or not at all."""
    if rows is None or columns is None:
        axes.set_xticks([])
        axes.set_yticks([])
        return
    # more than twelve labels in a row would touch
    across, down = -(-len(columns) // 12), -(-len(rows) // 12)
    axes.set_xticks(np.arange(0, len(columns), across) + 0.5, [str(n) for n in columns[::across]])
    axes.set_yticks(np.arange(0, len(rows), down) + 0.5, [str(n) for n in rows[::down]])


def _ink_on(colour: Sequence[float]) -> str:
    """Return black or white, whichever is read better on a colour (WCAG relative luminance)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return INK if luminance > 0.18 else "white"


def colour_bar(figure: Figure, axes: Axes, colours: Colormap, scale: Normalize) -> None:
    """Draw a scale into `axes`, with its ends and its middle labelled."""
    bar = figure.colorbar(ScalarMappable(scale, colours), cax=axes, orientation="horizontal")
    low, high = float(scale.vmin or 0.0), float(scale.vmax or 0.0)
    middle = (low + high) / 2
    bar.set_ticks([low, middle, high], labels=[f"{v:.3g}" for v in (low, middle, high)])
    bar.outline.set_visible(False)
    axes.tick_params(length=0, labelsize=8)
