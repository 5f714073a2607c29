"""Many small pictures side by side as one picture: one drawing call, a few kilobytes of SVG.

A layer may have hundreds of maps; an axis for each would take seconds to draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import CenteredNorm, Normalize, to_rgb
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from convlens.figures.many_texts import ManyTexts
from convlens.figures.style import AMOUNT, INK, QUIET, SIGNED, colours_of

GREY = "gray"
"""The colour map of pixels."""
BLANK = to_rgb("#eceef0")
"""Where a tile has no value: cells that are padding, maps that are zero everywhere."""


@dataclass(frozen=True)
class Grid:
    """Where tile number `i` lies, in cells of the picture.

    Parameters
    ----------
    count, columns : int
        Tiles, and how many stand side by side.
    height, width : int
        Cells of a tile.
    gap, title : float
        Cells between tiles, and above each tile for its title.
    """

    count: int
    columns: int
    height: int
    width: int
    gap: float
    title: float

    @property
    def rows(self) -> int:
        """Rows of tiles."""
        return ceil(self.count / self.columns)

    @property
    def size(self) -> tuple[float, float]:
        """`(height, width)` of the whole, in cells."""
        return (
            self.rows * (self.height + self.title) + (self.rows - 1) * self.gap,
            self.columns * self.width + (self.columns - 1) * self.gap,
        )

    def corner(self, number: int) -> tuple[float, float]:
        """Return `(top, left)` of a tile."""
        row, column = divmod(number, self.columns)
        return (
            row * (self.height + self.title + self.gap) + self.title,
            column * (self.width + self.gap),
        )


def grid(count: int, shape: tuple[int, int], columns: int) -> Grid:
    """Return the grid of `count` tiles of `(height, width)` cells, with room for a title each."""
    side, dots = max(shape), dots_of_a_cell(shape)
    # whole dots, so that all tiles are one picture
    gap, title = (ceil(share * side * dots) / dots for share in (0.1, 0.24))
    return Grid(count, max(1, min(columns, count)), *shape, gap=gap, title=title)


def dots_of_a_cell(shape: tuple[int, int]) -> int:
    """Return the side of a cell in dots: small tiles need several dots for their gaps.

    >>> dots_of_a_cell((5, 5)), dots_of_a_cell((24, 24))
    (4, 1)
    """
    return ceil(20 / max(shape))


def show_tiles(
    panel: Axes,
    tiles: NDArray[Any],
    layout: Grid,
    scale: Normalize | None,
    colours: str = GREY,
    *,
    blank: NDArray[np.bool_] | None = None,
) -> None:
    """Draw tiles on one panel as one picture, every cell as a square.

    Parameters
    ----------
    panel : Axes
        Where; its axes are taken away.
    tiles : array (N, height, width) or (N, height, width, 3)
        Values, masked where there is none; or RGB.
    layout : Grid
        Where each lies.
    scale : Normalize, optional
        The common colour scale; None for RGB.
    colours : str
        Name of the colour map.
    blank : bool array (N,), optional
        Tiles to cover in light grey, so that they are not read as merely low values.
    """
    height, width = layout.size
    dots = dots_of_a_cell((layout.height, layout.width))
    picture = np.zeros((round(height * dots), round(width * dots), 4))
    frames = []
    for number, tile in enumerate(tiles):
        top, left = layout.corner(number)
        rgb = tile if scale is None else colours_of(colours)(scale(tile))
        if blank is not None and blank[number]:
            rgb = np.broadcast_to(BLANK, (*rgb.shape[:2], 3))
        place = picture[
            round(top * dots) : round((top + layout.height) * dots),
            round(left * dots) : round((left + layout.width) * dots),
        ]
        place[..., 3] = 1
        place[..., : rgb.shape[-1]] = rgb.repeat(dots, axis=0).repeat(dots, axis=1)
        # a white tile on a white page still has its edges
        frames.append(Rectangle((left - 0.5, top - 0.5), layout.width, layout.height))
    panel.set_axis_off()
    panel.set_xlim(-0.5, width - 0.5)
    panel.set_ylim(height - 0.5, -0.5)
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    panel.imshow(picture, extent=extent, interpolation="none", aspect="equal")
    panel.add_collection(
        PatchCollection(frames, facecolor="none", edgecolor="#c4c9ce", linewidth=0.5)
    )


def title_tile(panel: Axes, layout: Grid, number: int, text: str, *, quiet: bool = False) -> None:
    """Write a title over a tile."""
    top, left = layout.corner(number)
    panel.text(
        left - 0.5,
        top - 0.5 - 0.25 * layout.title,
        text,
        fontsize=8,
        color=QUIET if quiet else INK,
        va="baseline",
    )


def title_tiles(panel: Axes, layout: Grid, texts: Sequence[str]) -> None:
    """Write a short title over each tile."""
    corners = [layout.corner(number) for number in range(len(texts))]
    points = [(left - 0.5, top - 0.5 - 0.25 * layout.title) for top, left in corners]
    panel.add_artist(ManyTexts(points, texts, [INK] * len(texts), 8, centred=False))


def cross_tile(panel: Axes, layout: Grid, number: int, *, both: bool) -> None:
    """Strike a tile out: with one diagonal, or with both."""
    top, left = layout.corner(number)
    ends = (left, left + layout.width - 1)
    bottom = top + layout.height - 1
    panel.plot(ends, (bottom, top), color=QUIET, linewidth=1)
    if both:
        panel.plot(ends, (top, bottom), color=QUIET, linewidth=1)


def common_scale(values: NDArray[Any]) -> tuple[Normalize, str]:
    """Return one colour scale for values: centred on zero where they are signed.

    Parameters
    ----------
    values : array of float
        All that share the scale.

    Returns
    -------
    Normalize
        The scale; where all values are zero it still has a length.
    str
        The colour map that goes with it.
    """
    low, high = float(values.min()), float(values.max())
    if low < 0:
        return CenteredNorm(0, max(-low, high)), SIGNED
    return Normalize(0, high or 1.0), AMOUNT


def as_rgb(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return pixels uint8 `(..., C, H, W)` of 1 or 3 channels as RGB `(..., H, W, 3)`, 0 to 1."""
    channels_last = np.moveaxis(pixels, -3, -1) / 255
    if channels_last.shape[-1] == 1:
        channels_last = np.repeat(channels_last, 3, axis=-1)
    rgb: NDArray[np.float64] = channels_last
    return rgb
