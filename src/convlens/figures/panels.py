"""Small pictures side by side on one scale, with the numbers in their cells where they fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convlens.figures.style import AMOUNT, INK, QUIET, SIGNED, as_svg, colours_of
from convlens.foundation.errors import InputError

MAPS = {"grey": "gray", "amount": AMOUNT, "signed": SIGNED}
"""Pixels, amounts from 0 up, and values around zero; all legible to colour-blind readers."""

WRITTEN_SIDE = 12
"""Pictures of at most this many rows and columns carry their numbers."""


@dataclass(frozen=True)
class Panel:
    """One picture: `values` of shape (H, W), or uint8 (H, W, 3) to be shown as it is."""

    title: str
    values: NDArray[Any]


@as_svg
def panels_svg(
    figure: Figure,
    panels: Sequence[Panel],
    *,
    scale: Literal["grey", "amount", "signed"] = "grey",
    limits: tuple[float, float] | None = None,
    label: str = "",
    columns: int = 4,
    digits: int = 2,
) -> None:
    """Draw pictures side by side, all on one colour scale that is drawn beside them.

    Parameters
    ----------
    panels : sequence of Panel
        What to draw, in rows of `columns`.
    scale : {"grey", "amount", "signed"}
        Pixels; amounts from 0 up; or values of both signs, with white at zero.
    limits : (float, float), optional
        Ends of the scale; by default the extremes of all the panels.
    label : str
        What the scale measures.
    columns : int
        Panels a row.
    digits : int
        Decimals of the numbers in the cells of small pictures.

    Returns
    -------
    str
        An `<svg>` element.

    Raises
    ------
    InputError
        Where there is nothing to draw.
    """
    if not panels:
        raise InputError("there is no picture to draw", "at least one")
    columns = min(columns, len(panels))
    rows = ceil(len(panels) / columns)
    figure.set_size_inches((2.3 * columns, 2.75 * rows))
    grid = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(wspace=0.12, hspace=0.3)
    norm = _norm(panels, scale, limits)
    drawn = None
    for place, panel in zip(grid.flat, panels, strict=False):
        place.set_title(panel.title, fontsize=9, pad=6)
        _bare(place)
        if panel.values.ndim == 3:
            place.imshow(panel.values, interpolation="none")
            continue
        # "none" stores one pixel per cell, which the browser enlarges unblurred
        drawn = place.imshow(
            panel.values, cmap=colours_of(MAPS[scale]), norm=norm, interpolation="none"
        )
        if max(panel.values.shape) <= WRITTEN_SIDE:
            _write(place, panel.values, drawn, digits)
    for place in grid.flat[len(panels) :]:
        place.set_axis_off()
    if drawn is not None:
        # beside the first row's last panel, and as tall as it
        last = grid[0, min(columns, len(panels)) - 1]
        bar = figure.colorbar(drawn, cax=last.inset_axes((1.06, 0, 0.07, 1)))
        bar.outline.set_visible(False)
        bar.ax.tick_params(length=0, labelsize=8)
        bar.set_label(label, color=QUIET, fontsize=9)


def _norm(panels: Sequence[Panel], scale: str, limits: tuple[float, float] | None) -> Normalize:
    if limits is None:
        values = [panel.values for panel in panels if panel.values.ndim == 2]
        low = min((float(v.min()) for v in values), default=0.0)
        high = max((float(v.max()) for v in values), default=1.0)
        limits = (min(low, 0.0), high) if scale == "amount" else (low, high)
    if scale == "signed":
        most = max(map(abs, limits)) or 1.0
        limits = (-most, most)
    return Normalize(*limits)


def _bare(place: Axes) -> None:
    place.grid(visible=False)
    place.set_xticks([])
    place.set_yticks([])
    for spine in place.spines.values():
        spine.set_visible(True)


def _write(place: Axes, values: NDArray[Any], drawn: Any, digits: int) -> None:
    size = min(9.0, 62 / max(values.shape))
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = drawn.cmap(drawn.norm(value))
        # ink on light cells, white on dark ones: relative luminance of sRGB, roughly
        light = 0.299 * red + 0.587 * green + 0.114 * blue > 0.55
        text = f"{value:.{digits}f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3g}"
        place.text(
            column,
            row,
            text,
            ha="center",
            va="center",
            fontsize=size,
            color=INK if light else "white",
        )
