"""A layer's feature maps as a grid with one colour scale; features as labelled bars."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convlens.figures.mosaic import (
    common_scale,
    cross_tile,
    grid,
    show_tiles,
    title_tiles,
)
from convlens.figures.names import short_name
from convlens.figures.style import INK, MINUS, PLUS, QUIET, as_svg, colours_of
from convlens.foundation.decimals import decimal_text
from convlens.foundation.errors import InputError
from convlens.inside.feature_maps import FeatureMaps, FeatureVector
from convlens.network.arithmetic import shape_text

COLUMNS = 8
TILE_INCHES = 0.85


@as_svg
def feature_maps_svg(figure: Figure, layer: FeatureMaps, *, most: int = 48) -> None:
    """Draw a layer's maps, numbered, on one colour scale.

    A map that is silent on this image is struck out by one line, a dead one by two; the caption
    names both. Of more than `most` maps the strongest are drawn, and the title says so.

    Parameters
    ----------
    layer : FeatureMaps
        One layer's maps.
    most : int
        Most maps to draw.

    Returns
    -------
    str
        An `<svg>` element.

    Raises
    ------
    InputError
        Where `most` is below 1.
    """
    _check_most(most)
    channels, height, width = layer.shape
    shown = layer.strongest(most)
    maps = layer.maps[shown]
    layout = grid(len(shown), (height, width), COLUMNS)
    cells_high, cells_wide = layout.size
    inches = TILE_INCHES * layout.columns / cells_wide
    # a long, low or high, narrow map keeps its shape within reason
    panel_width, panel_height = max(inches * cells_wide, 2.2), inches * cells_high
    figure.set_size_inches((panel_width + 1.0, panel_height))
    panel = figure.add_axes((0, 0, panel_width / (panel_width + 1.0), 1))
    # the scale belongs to the layer, not to the maps that happen to be shown
    scale, colours = common_scale(layer.maps)
    show_tiles(panel, maps, layout, scale, colours, blank=layer.silent[shown])
    title_tiles(panel, layout, [str(number) for number in shown])
    for place, number in enumerate(shown):
        if layer.silent[number]:
            dead = layer.dead is not None and bool(layer.dead[number])
            cross_tile(panel, layout, place, both=dead)
    count = f"{len(shown)} of {channels} shown, the strongest" if len(shown) < channels else ""
    titles = [f"{layer.layer}: {layer.kind}, {shape_text(layer.shape)}", count]
    # a title for the figure, above the tiles' own
    panel.set_title("\n".join(filter(None, titles)), pad=6)
    bar_height = min(1.0, 2.0 / panel_height)
    bar = figure.add_axes(
        (
            (panel_width + 0.15) / (panel_width + 1.0),
            1 - bar_height,
            0.14 / (panel_width + 1.0),
            bar_height * 0.9,
        )
    )
    figure.colorbar(ScalarMappable(scale, colours_of(colours)), cax=bar).outline.set_visible(False)
    bar.tick_params(labelsize=8)
    bar.set_ylabel("value", fontsize=8)
    panel.text(
        0, -0.02, _caption(layer), transform=panel.transAxes, va="top", fontsize=8.5, color=QUIET
    )


def _check_most(most: int) -> None:
    if most < 1:
        raise InputError(f"most is {most}", "at least 1 to draw")


def _caption(layer: FeatureMaps) -> str:
    signed = ", white is 0" * bool(layer.maps.min() < 0)
    lines = [f"one colour scale for the layer{signed}"]
    dead = np.zeros_like(layer.silent) if layer.dead is None else layer.dead
    silent = layer.silent & ~dead
    lines.append(f"silent on this image (/): {_numbered(silent)}")
    if layer.dead is not None:
        lines.append(f"dead, zero for every image of the set (×): {_numbered(dead)}")
    return "\n".join(lines)


def _numbered(marked: NDArray[np.bool_], most: int = 12) -> str:
    """Count the marked maps and name the first of them.

    >>> _numbered(np.array([False, True, True])), _numbered(np.array([False]))
    ('2 of 3 maps: 1, 2', 'none')
    """
    numbers = [str(number) for number in np.flatnonzero(marked)]
    if not numbers:
        return "none"
    more = ", …" * (len(numbers) > most)
    return f"{len(numbers)} of {len(marked)} maps: {', '.join(numbers[:most])}{more}"


@as_svg
def feature_vector_svg(
    figure: Figure,
    layer: FeatureVector,
    *,
    names: Sequence[str] | None = None,
    most: int = 20,
    marked: int | None = None,
) -> None:
    """Draw features, logits or probabilities as labelled bars.

    Parameters
    ----------
    layer : FeatureVector
        One layer's features.
    names : sequence of str, optional
        Class names, where the features are logits or probabilities; numbers otherwise.
    most : int
        Most bars; of more, the largest absolute values are drawn.
    marked : int, optional
        A feature to draw in another colour, such as the predicted class.

    Returns
    -------
    str
        An `<svg>` element.

    Raises
    ------
    InputError
        Where `most` is below 1, or there is not one name per feature.
    """
    _check_most(most)
    count = len(layer.values)
    if names is not None and len(names) != count:
        raise InputError(
            f'layer "{layer.layer}" has {count} features and there are {len(names)} names',
            "one name per feature",
            "pass the names of the classes for the last layers only",
        )
    shown = np.sort(np.argsort(-np.abs(layer.values), kind="stable")[:most])
    values = layer.values[shown].astype(np.float64)
    figure.set_size_inches((4.6, 0.26 * len(shown) + 0.5))
    panel = figure.add_axes((0, 0, 1, 1))
    panel.barh(range(len(shown)), values, height=0.7, color=_bar_colours(values))
    panel.axvline(0, color=INK, linewidth=0.8)
    panel.set_ylim(len(shown) - 0.4, -0.6)
    labels = [str(n) if names is None else short_name(names[n]) for n in shown]
    panel.set_yticks(range(len(shown)), labels, color=INK)
    panel.tick_params(length=0)
    for number, label in zip(shown, panel.get_yticklabels(), strict=True):
        label.set_fontweight("bold" if number == marked else "normal")
    panel.grid(visible=False, axis="y")
    probability = layer.kind == "softmax"
    # room for the numbers at the ends of the bars
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    room = 0.16 * (high - low or 1.0)
    panel.set_xlim(low - (room if low < 0 else 0), high + room)
    for place, value in enumerate(values):
        text = f"{value:.1%}" if probability else decimal_text(value, 3)
        panel.annotate(
            text,
            (value, place),
            xytext=(-4 if value < 0 else 4, 0),
            textcoords="offset points",
            ha="right" if value < 0 else "left",
            va="center",
            fontsize=8,
            color=INK,
        )
    panel.set_xlabel("probability" if probability else "value")
    some = f"\n{len(shown)} of {count} shown, the largest absolute values" * (len(shown) < count)
    panel.set_title(f"{layer.layer}: {layer.kind}, {shape_text(layer.shape)}{some}")


def _bar_colours(values: NDArray[np.float64]) -> list[str]:
    return [PLUS if value >= 0 else MINUS for value in values]
