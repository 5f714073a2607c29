"""The patches that activate maps most: one row per map, strongest first, then the made one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from convlens.figures.mosaic import BLANK, Grid, as_rgb, grid, show_tiles, title_tile
from convlens.figures.names import short_name
from convlens.figures.style import INK, QUIET, VERMILLION, as_svg
from convlens.foundation.decimals import decimal_text
from convlens.foundation.errors import InputError
from convlens.inside.top_images import MadePatch
from convlens.inside.top_patches import TopPatches

TILE_INCHES = 0.8
LABEL_LETTERS = 8
"""A tile has room for so many letters beside a value."""


@as_svg
def top_patches_svg(
    figure: Figure,
    maps: Sequence[TopPatches],
    *,
    labels: Sequence[Sequence[str]] | None = None,
    made: Sequence[MadePatch] | None = None,
) -> None:
    """Draw the patches that activate several maps of one layer, with the winning cell's value.

    Parameters
    ----------
    maps : sequence of TopPatches
        All of one layer.
    labels : sequence of sequence of str, optional
        For each map, what stands over each patch beside the value, such as the class of its
        image; the image's number by default.
    made : sequence of MadePatch, optional
        For each map, the patch that ascent made; a last column, set apart by a line.

    Returns
    -------
    str
        An `<svg>` element.

    Raises
    ------
    InputError
        Where there is no map, they are of different layers, or there is not one row of labels
        and one made patch for each.
    """
    layers = sorted({one.layer for one in maps})
    if len(layers) != 1:
        raise InputError(
            f"the maps are of {len(layers)} layers: {', '.join(layers) or 'none'}",
            "maps of one layer",
            "draw a figure for each layer",
        )
    for name, items in (("rows of labels", labels), ("made patches", made)):
        if items is not None and len(items) != len(maps):
            raise InputError(
                f"{len(maps)} maps came with {len(items)} {name}",
                "one for each map",
                "give as many, or leave them out",
            )
    columns = max(1, *(len(one.values) for one in maps), 1)
    height, width = maps[0].patches.shape[2:]
    layout = grid(columns * len(maps), (height, width), columns)
    cells_high, cells_wide = layout.size
    if made is not None:
        cells_wide += 1.5 * width
    scale = TILE_INCHES / width
    figure.set_size_inches((scale * cells_wide, scale * cells_high))
    panel = figure.add_axes((0, 0, 1, 1))
    tiles = np.full((columns * len(maps), height, width, 3), BLANK)
    for row, one in enumerate(maps):
        first = row * columns
        tiles[first : first + len(one.patches)] = _rgb(one.patches, one.seen)
        texts = labels[row] if labels is not None else [f"#{image}" for image in one.images]
        _titles(panel, layout, first, one, texts)
        top, _ = layout.corner(first)
        panel.text(
            -0.5 - 0.15 * width,
            top + height / 2 - 0.5,
            f"map {one.map_number}",
            ha="right",
            va="center",
            fontsize=9,
            color=INK,
        )
        if len(one.values) == 0:
            panel.text(
                -0.5,
                top + height / 2 - 0.5,
                " no image of the set activates it" if columns > 2 else " none",
                va="center",
                fontsize=9,
                color=QUIET,
                bbox={"facecolor": BLANK, "edgecolor": "none", "pad": 1.5},
            )
    show_tiles(panel, tiles, layout, None)
    if made is not None:
        _made_column(panel, layout, made)
        panel.set_xlim(-0.5, cells_wide - 0.5)
    panel.set_title(f"{layers[0]}: top activating patches of its maps ({height}x{width} pixels)")
    what = "image's number" if labels is None else "true class of the image"
    lines = [
        f"above each patch: the winning cell's value and the {what}",
        "light grey: outside of the image, or of the receptive field",
    ]
    if made is not None:
        lines.append("right of the line: made by ascent for one cell, no image of the set")
    panel.annotate(
        "\n".join(lines),
        (0, 0),
        xycoords="axes fraction",
        xytext=(0, -9),
        textcoords="offset points",
        va="top",
        fontsize=8.5,
        color=QUIET,
    )


def _rgb(pixels: NDArray[np.uint8], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    rgb: NDArray[np.float64] = np.where(seen[..., None], as_rgb(pixels), BLANK)
    return rgb


def _titles(panel: Axes, layout: Grid, first: int, one: TopPatches, texts: Sequence[str]) -> None:
    """Write a value to the left and a text to the right over each patch of a row."""
    for place, (value, text) in enumerate(zip(one.values, texts, strict=True)):
        title_tile(panel, layout, first + place, _short(float(value)), quiet=True)
        top, left = layout.corner(first + place)
        _right(panel, layout, top, left, short_name(text, LABEL_LETTERS))


def _right(
    panel: Axes, layout: Grid, top: float, left: float, text: str, colour: str = INK
) -> None:
    panel.text(
        left + layout.width - 0.5,
        top - 0.5 - 0.25 * layout.title,
        text,
        fontsize=8 if len(text) <= 2 else 6.5,  # a digit may be as large as the value
        color=colour,
        ha="right",
    )


def _made_column(panel: Axes, layout: Grid, made: Sequence[MadePatch]) -> None:
    """Draw the made patches to the right of a line, so that none is taken for a real one."""
    height, width = layout.size
    left = width + 0.5 * layout.width
    for row, one in enumerate(made):
        top, _ = layout.corner(row * layout.columns)
        rgb = _rgb(one.pixels[None], one.seen[None])[0]
        extent = (left - 0.5, left + layout.width - 0.5, top + layout.height - 0.5, top - 0.5)
        panel.imshow(rgb, extent=extent, interpolation="none")
        frame = Rectangle((left - 0.5, top - 0.5), layout.width, layout.height)
        frame.set(fill=False, edgecolor="#c4c9ce", linewidth=0.5)
        panel.add_patch(frame)
        value_top = top - 0.5 - 0.25 * layout.title
        panel.text(left - 0.5, value_top, _short(one.value), fontsize=8, color=QUIET)
        _right(panel, layout, top, left, "made" if one.rose else "no rise", VERMILLION)
    middle = width + 0.25 * layout.width - 0.5
    panel.plot((middle, middle), (-0.5, height - 0.5), color=VERMILLION, linewidth=1)
    panel.set_ylim(height - 0.5, -0.5)


def _short(value: float) -> str:
    """Write a value with few letters.

    >>> _short(3.206), _short(0.00145)
    ('3.21', '0.001')
    """
    return decimal_text(value, 3 if abs(value) >= 0.01 else 1)
