"""The patches that excite maps most: one row a map, strongest first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from convlens.errors import InputError
from convlens.figures.mosaic import BLANK, as_rgb, grid, show_tiles, title_tile
from convlens.figures.style import INK, QUIET, as_svg
from convlens.inside.top_patches import TopPatches

TILE_INCHES = 0.8


@as_svg
def top_patches_svg(figure: Figure, maps: Sequence[TopPatches]) -> None:
    """Draw the patches that excite several maps of one layer, with the winning cell's value.

    Parameters
    ----------
    maps : sequence of TopPatches
        All of one layer.

    Returns
    -------
    str
        An `<svg>` element.

    Raises
    ------
    InputError
        Where there is no map, or they are of different layers.
    """
    layers = sorted({one.layer for one in maps})
    if len(layers) != 1:
        raise InputError(
            f"the maps are of {len(layers)} layers: {', '.join(layers) or 'none'}",
            "maps of one layer",
            "draw a figure for each layer",
        )
    columns = max(1, *(len(one.values) for one in maps), 1)
    height, width = maps[0].patches.shape[2:]
    layout = grid(columns * len(maps), (height, width), columns)
    cells_high, cells_wide = layout.size
    scale = TILE_INCHES / width
    figure.set_size_inches((scale * cells_wide, scale * cells_high))
    panel = figure.add_axes((0, 0, 1, 1))
    tiles = np.full((columns * len(maps), height, width, 3), BLANK)
    for row, one in enumerate(maps):
        first = row * columns
        rgb = np.where(one.seen[..., None], as_rgb(one.patches), BLANK)
        tiles[first : first + len(rgb)] = rgb
        for place, (value, image) in enumerate(zip(one.values, one.images, strict=True)):
            title_tile(panel, layout, first + place, f"{value:.3g}", quiet=True)
            panel_top, left = layout.corner(first + place)
            panel.text(
                left + width - 0.5,
                panel_top - 0.5 - 0.25 * layout.title,
                f"#{image}",
                fontsize=6,
                color=QUIET,
                ha="right",
            )
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
                " no image of the set excites it" if columns > 2 else " none",
                va="center",
                fontsize=9,
                color=QUIET,
            )
    show_tiles(panel, tiles, layout, None)
    panel.set_title(f"{layers[0]}: what excites its maps most ({height}x{width} pixels)")
    panel.text(
        0,
        -0.02,
        "above each patch: the winning cell's value and the image's number; light grey: outside "
        "of\nthe image, or not seen by the cell",
        transform=panel.transAxes,
        va="top",
        fontsize=8.5,
        color=QUIET,
    )
