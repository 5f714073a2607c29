"""Images made by activation maximisation, each with the growth of its activation."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from convlens.figures.mosaic import as_rgb
from convlens.figures.style import BLUE, QUIET, as_svg
from convlens.foundation.errors import InputError
from convlens.inside.maximise import Maximised

COLUMNS = 5
SIDE = 1.5


@as_svg
def maximised_svg(figure: Figure, made: Sequence[Maximised]) -> None:
    """Draw images that activate places of a network, above the activation by step.

    Parameters
    ----------
    made : sequence of Maximised
        What `maximise_map` and `maximise_class` made.

    Returns
    -------
    str
        An `<svg>` element.

    Raises
    ------
    InputError
        Where there is none.
    """
    if not made:
        raise InputError("there is no image to draw", "at least one")
    columns = min(COLUMNS, len(made))
    rows = ceil(len(made) / columns)
    step_x, step_y = SIDE + 0.55, SIDE + 1.35
    size_x, size_y = columns * step_x, rows * step_y
    figure.set_size_inches((size_x, size_y))
    for number, one in enumerate(made):
        row, column = divmod(number, columns)
        left, top = column * step_x / size_x, 1 - row * step_y / size_y
        picture = figure.add_axes((left, top - SIDE / size_y, SIDE / size_x, SIDE / size_y))
        picture.imshow(as_rgb(one.image), interpolation="none")
        picture.set_axis_off()
        picture.set_title(one.place, fontsize=8.5, pad=4)
        below = (SIDE + 0.6) / size_y
        curve = figure.add_axes((left, top - below, SIDE / size_x, 0.5 / size_y))
        curve.plot(np.arange(len(one.activations)), one.activations, color=BLUE, linewidth=1.4)
        curve.tick_params(labelsize=7, length=0)
        curve.xaxis.set_major_locator(MaxNLocator(3, integer=True))
        curve.yaxis.set_major_locator(MaxNLocator(3))
        curve.set_xlabel(
            "activation by step" if one.rose else "nothing activates it", fontsize=7.5, color=QUIET
        )
