"""Amounts as horizontal bars, with the number at the end of each."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from convlens.figures.charts import COLOURS
from convlens.figures.style import INK, as_svg
from convlens.foundation.errors import InputError


@as_svg
def bars_svg(
    figure: Figure,
    names: Sequence[str],
    amounts: Sequence[float],
    *,
    title: str,
    unit: str,
    groups: Sequence[int] | None = None,
    format_spec: str = ",.0f",
) -> None:
    """Draw one horizontal bar per amount, from zero, first name on top.

    Parameters
    ----------
    names, amounts : sequences of the same length
        What each bar is, and how much; amounts are not negative.
    title, unit : str
        What is compared, and in what.
    groups : sequence of int, optional
        Bars of one group share a colour.
    format_spec : str
        How the numbers are written.

    Returns
    -------
    str
        An `<svg>` element.

    Raises
    ------
    InputError
        Where there is nothing to draw.
    """
    if not names:
        raise InputError("there is no bar to draw", "at least one")
    figure.set_size_inches((6.4, 0.42 * len(names) + 0.9))
    place = figure.subplots()
    colours = [COLOURS[group] for group in groups or [0] * len(names)]
    place.barh(range(len(names)), amounts, color=colours, height=0.68)
    for row, amount in enumerate(amounts):
        place.annotate(
            format(amount, format_spec),
            (amount, row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=9,
        )
    place.set_yticks(range(len(names)), names, color=INK)
    place.tick_params(length=0)
    place.invert_yaxis()
    place.grid(visible=False, axis="y")
    place.set_xlim(0, 1.18 * max(*amounts, 1e-9))
    place.xaxis.set_major_locator(MaxNLocator(6))
    place.xaxis.set_major_formatter("{x:,g}")
    place.set_xlabel(unit)
    place.set_title(title)
