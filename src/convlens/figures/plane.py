"""What a network of two inputs answers on the whole plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from convlens.figures.style import INK, QUIET, SIGNED, as_svg, colours_of


@dataclass(frozen=True)
class Surface:
    """The probability of class 1, `values[row, column]` at `(axis[column], axis[row])`."""

    title: str
    values: NDArray[np.float64]


@as_svg
def surfaces_svg(
    figure: Figure,
    surfaces: Sequence[Surface],
    axis: NDArray[np.float64],
    points: NDArray[np.float64],
    labels: NDArray[np.int64],
) -> None:
    """Draw decision surfaces side by side on one scale, with the points they should separate.

    Parameters
    ----------
    surfaces : sequence of Surface
        Probabilities of shape (S, S).
    axis : float array (S,)
        Both coordinates of the grid.
    points : float array (N, 2)
        `(x, y)` of each point.
    labels : int array (N,)
        Its class, 0 (a square) or 1 (a circle).

    Returns
    -------
    str
        An `<svg>` element.
    """
    figure.set_size_inches((3.1 * len(surfaces), 3.3))
    places = figure.subplots(1, len(surfaces), squeeze=False)[0]
    figure.subplots_adjust(wspace=0.16)
    for place, surface in zip(places, surfaces, strict=True):
        place.set_title(surface.title, fontsize=10)
        place.grid(visible=False)
        reach = (axis[0], axis[-1], axis[0], axis[-1])
        drawn = place.imshow(
            surface.values, extent=reach, origin="lower", cmap=colours_of(SIGNED), vmin=0, vmax=1
        )
        low, high = surface.values.min(), surface.values.max()
        # one half everywhere has no border: a contour would draw the rounding errors
        if low < 0.5 < high and high - low > 0.01:
            place.contour(axis, axis, surface.values, [0.5], colors=INK, linestyles="--")
        for label, marker in ((0, "s"), (1, "o")):
            chosen = points[labels == label]
            place.plot(*chosen.T, marker, color="white", markeredgecolor=INK, markersize=11)
            for x, y in chosen:
                place.text(x, y, str(label), ha="center", va="center", fontsize=8, color=INK)
        place.set_xticks([0, 1])
        place.set_yticks([0, 1])
        place.set_xlabel("first input")
    places[0].set_ylabel("second input")
    bar = figure.colorbar(drawn, cax=places[-1].inset_axes((1.06, 0, 0.06, 1)))
    bar.outline.set_visible(False)
    bar.set_label("probability of 1", color=QUIET, fontsize=9)
