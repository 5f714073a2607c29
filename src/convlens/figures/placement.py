"""Panels placed by the inch, from the upper left corner, as a page is laid out."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def add_panel(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes whose frame is exactly this large.

    Parameters
    ----------
    figure : Figure
        A figure that has its final size.
    left, top : float
        Inches from the figure's left and upper edge.
    width, height : float
        Inches.
    """
    whole_width, whole_height = figure.get_size_inches()
    return figure.add_axes(
        (
            left / whole_width,
            1 - (top + height) / whole_height,
            width / whole_width,
            height / whole_height,
        )
    )
