"""A layer's strongest feature maps as small pictures: quick, for networks of a hundred layers.

`feature_maps_svg` draws the same maps large, with a colour bar and their statistics; it takes
matplotlib a fifth of a second and the page a few hundred kilobytes. These take a few milliseconds
and a few kilobytes.
"""

from __future__ import annotations

import base64
import io

import numpy as np
from markupsafe import escape
from matplotlib.colors import to_hex
from numpy.typing import NDArray
from PIL import Image

from convlens.figures.mosaic import Grid, common_scale, dots_of_a_cell, grid
from convlens.figures.style import INK, QUIET, colours_of
from convlens.inside.feature_maps import FeatureMaps
from convlens.network.arithmetic import shape_text

COLUMNS = 12
SIDE = 48
"""Larger maps are averaged down to this many cells a side."""
TILE_POINTS = 56.0
SHADES, SILENT, CLEAR = 254, 254, 255
"""Numbers of the palette: the colours of values, then two that stand for no value."""
SILENT_COLOUR = "#eceef0"


def thumbnails_svg(layer: FeatureMaps, *, most: int = 24) -> str:
    """Draw a layer's strongest maps as one small picture, numbered, on the layer's colour scale.

    Parameters
    ----------
    layer : FeatureMaps
        One layer's maps, float32 `(channels, height, width)`.
    most : int
        Most maps to draw, at least 1.

    Returns
    -------
    str
        An `<svg>` element. Maps of more than 48 cells a side are averaged down to 48.
    """
    shown = layer.strongest(most)
    maps = np.stack([_small(one) for one in layer.maps[shown]])
    scale, name = common_scale(layer.maps)
    numbers = np.asarray(scale(maps)).clip(0, 1) * (SHADES - 1)
    tiles = np.rint(numbers).astype(np.uint8)
    tiles[layer.silent[shown]] = SILENT
    layout = grid(len(shown), (maps.shape[1], maps.shape[2]), COLUMNS)
    points = TILE_POINTS / max(maps.shape[1:])
    height, width = (round(cells * points, 1) for cells in layout.size)
    count = f"; the strongest {len(shown)} of {len(layer.maps)}" * (len(shown) < len(layer.maps))
    lowest, highest = float(layer.maps.min()), float(layer.maps.max())
    title = f"{layer.layer}: {layer.kind}, {shape_text(layer.shape)}{count}"
    note = f"from {lowest:.3g} to {highest:.3g}" + ", white is 0" * (lowest < 0)
    silent = int(layer.silent.sum())
    if silent:
        note += f"; silent on this image: {silent} of {len(layer.maps)} maps"
    head, foot = 20.0, 18.0
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{max(width, 330)}pt" '
            f'height="{head + height + foot}pt" '
            f'viewBox="0 0 {max(width, 330)} {head + height + foot}" role="img" '
            f'aria-label="{escape(title)}" '
            'font-family="DejaVu Sans, sans-serif">',
            f'<text y="12" font-size="11" font-weight="bold" fill="{INK}">{escape(title)}</text>',
            f'<image y="{head}" width="{width}" height="{height}" '
            'style="image-rendering:pixelated" preserveAspectRatio="none" '
            f'href="data:image/png;base64,{_picture(tiles, layout, name)}"/>',
            *_titles(shown, layout, points, head),
            f'<text y="{head + height + 13}" font-size="8.5" fill="{QUIET}">{note}</text>',
            "</svg>",
        ]
    )


def _small(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return one map, averaged down where it is larger than `SIDE`."""
    height, width = values.shape
    share = SIDE / max(height, width)
    if share >= 1:
        return values
    size = max(1, round(width * share)), max(1, round(height * share))
    return np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BOX))


def _picture(tiles: NDArray[np.uint8], layout: Grid, colours: str) -> str:
    """Return all tiles as one PNG with a palette, in base64."""
    dots = dots_of_a_cell((layout.height, layout.width))
    height, width = layout.size
    picture = np.full((round(height * dots), round(width * dots)), CLEAR, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = (round(place * dots) for place in layout.corner(number))
        large = tile.repeat(dots, axis=0).repeat(dots, axis=1)
        picture[top : top + large.shape[0], left : left + large.shape[1]] = large
    image = Image.fromarray(picture)
    shades = colours_of(colours)(np.linspace(0, 1, SHADES))
    palette = [int(to_hex(shade)[at : at + 2], 16) for shade in shades for at in (1, 3, 5)]
    palette += [int(SILENT_COLOUR[at : at + 2], 16) for at in (1, 3, 5)]
    image.putpalette(palette + [255] * 3)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True, transparency=CLEAR)
    return base64.b64encode(file.getvalue()).decode("ascii")


def _titles(shown: NDArray[np.int64], layout: Grid, points: float, head: float) -> list[str]:
    """Return each map's number as a text over its tile."""
    texts = []
    for place, number in enumerate(shown):
        top, left = layout.corner(place)
        y = head + (top - 0.25 * layout.title) * points
        texts.append(
            f'<text x="{left * points:.1f}" y="{y:.1f}" font-size="8" fill="{INK}">{number}</text>'
        )
    return texts
