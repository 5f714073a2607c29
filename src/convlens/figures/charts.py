"""Lines over a common axis, several charts side by side, one legend each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator
from numpy.typing import NDArray

from convlens.figures.style import BLUE, QUIET, SKY, VERMILLION, as_svg
from convlens.foundation.decimals import decimal_text
from convlens.foundation.errors import InputError

GREEN, PURPLE = "#009E73", "#CC79A7"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, SKY, QUIET)
MARKERS = ("o", "s", "^", "D", "v", "x")
"""Markers that go with the colours, so that lines differ in grey print as well."""


@dataclass(frozen=True)
class Line:
    """One line: its name in the legend and its points; its style.

    "line" joins the points, "both" marks them too, "points" only marks them, and "dots" marks
    very many.
    """

    name: str
    x: Sequence[float] | NDArray[Any]
    y: Sequence[float] | NDArray[Any]
    style: str = "both"
    colour: int | None = None
    """A place in `COLOURS`, for lines that belong together; by default the next one."""


@dataclass(frozen=True)
class Chart:
    """Lines with one pair of axes."""

    title: str
    x: str
    y: str
    lines: Sequence[Line]
    percent: bool = False
    """Write the y axis in percent of 1."""
    logarithmic: bool = False
    limits: tuple[float | None, float | None] = (None, None)
    """Limits of the y axis; None leaves one to the data."""
    whole: bool = False
    """Tick the x axis at whole numbers only."""
    logarithmic_x: bool = False


@as_svg
def charts_svg(figure: Figure, charts: Sequence[Chart]) -> None:
    """Draw charts side by side.

    Returns
    -------
    str
        An `<svg>` element.

    Raises
    ------
    InputError
        Where there is nothing to draw.
    """
    if not charts or not all(chart.lines for chart in charts):
        raise InputError("there is no line to draw", "a chart with a line")
    figure.set_size_inches((4.6 * len(charts) + (2.2 if len(charts) == 1 else 0), 3.4))
    places = figure.subplots(1, len(charts), squeeze=False)[0]
    figure.subplots_adjust(wspace=0.4)
    for place, chart in zip(places, charts, strict=True):
        place.set_title(chart.title)
        place.set_xlabel(chart.x)
        place.set_ylabel(chart.y)
        for number, line in enumerate(chart.lines):
            _draw(place, line, number if line.colour is None else line.colour)
        if chart.logarithmic:
            place.set_yscale("log")
            place.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
            # the default writes powers as mathematics, which the figures' style leaves unread
            place.yaxis.set_major_formatter(lambda x, _: decimal_text(x))
        if chart.logarithmic_x:
            place.set_xscale("log")
            points = [float(x) for line in chart.lines for x in line.x if x > 0]
            ticks = logarithmic_ticks(min(points, default=1.0), max(points, default=1.0))
            place.xaxis.set_major_locator(FixedLocator(ticks))
            place.xaxis.set_major_formatter(lambda x, _: decimal_text(x))
        if chart.logarithmic or chart.logarithmic_x:
            place.minorticks_off()
        if chart.limits != (None, None):
            place.set_ylim(*chart.limits)
        if chart.percent:
            place.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g}%")
        if chart.whole:
            place.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
        if len(chart.lines) > 1:
            place.legend(frameon=False, fontsize=9, labelcolor="linecolor")


def logarithmic_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers for a logarithmic axis: as many as fit, so that labels do not touch.

    Powers of ten alone would leave a short axis with a single number, so it gets numbers between
    them too.

    >>> logarithmic_ticks(0.00055, 0.055), logarithmic_ticks(1, 32)
    ([0.001, 0.003, 0.01, 0.03], [1.0, 2.0, 5.0, 10.0, 20.0])
    >>> logarithmic_ticks(1e-6, 1)
    [1e-06, 0.0001, 0.01, 1.0]
    """
    powers = range(floor(log10(low)) - 1, ceil(log10(high)) + 1)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        ticks = [float(f"{digit}e{power}") for power in powers for digit in digits]
        ticks = [tick for tick in ticks if low * 0.999 <= tick <= high * 1.001]
        if len(ticks) <= most:
            break
    return ticks[:: ceil(len(ticks) / most) or 1]


def _draw(place: Axes, line: Line, number: int) -> None:
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    if line.style == "dots":
        # many points: small and pale, so that the lines above them stay readable
        place.plot(line.x, line.y, ".", color=colour, markersize=3.5, alpha=0.45, label=line.name)
    else:
        place.plot(
            line.x,
            line.y,
            color=colour,
            marker="" if line.style == "line" else marker,
            linestyle="" if line.style == "points" else "-",
            markersize=5,
            label=line.name,
        )
