"""A linear layer's sum as bars: the products that count most, the rest, the bias, the total."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from convlens.figures.cell_frame import IMAGE, TOP, start
from convlens.figures.number_grid import panel
from convlens.figures.style import INK, MINUS, PLUS, QUIET
from convlens.inside.explain import LARGEST
from convlens.inside.printed import Rounded, SumRow, closed_sum
from convlens.inside.records import WeightedSum


def draw_contributions(figure: Figure, step: WeightedSum, image: NDArray[np.generic]) -> None:
    """Draw the ten largest products, the others together, the bias and the total.

    The numbers beside the bars add up as they are written.
    """
    kept = np.argsort(-np.abs(step.products), kind="stable")[:LARGEST]
    rest = float(step.products.sum() - step.products[kept].sum())
    digits = Rounded(step.products[kept], rest, step.bias or 0.0, step.total, digits=4)
    terms: list[SumRow] = [(_feature(step, int(k)), "", digits(step.products[k])) for k in kept]
    if len(step.products) > len(kept):
        terms.append((f"{len(step.products) - len(kept)} other inputs", "", digits(rest)))
    if step.bias is not None:
        terms.append(("+ bias", "", digits(step.bias)))
    rows = closed_sum(terms, digits(step.total))
    tall = 0.24 * len(rows)
    height = TOP + max(tall + 0.5, IMAGE + 0.9)
    start(figure, step, image, (9.2, height))
    axes = panel(figure, 5.6, height - TOP - tall, 3.0, tall)
    # a network that diverged has numbers but no bars
    values = np.array([float(value) if value.is_finite() else 0.0 for _, _, value in rows])
    colours = [PLUS if value > 0 else MINUS for value in values]
    colours[-1] = INK
    places = np.arange(len(rows))
    axes.barh(places, values, color=colours, height=0.7)
    axes.axvline(0, color=QUIET, linewidth=0.8)
    axes.set_yticks(places, [name for name, _, _ in rows], fontsize=8.5, color=INK)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    room = 0.5 * (float(np.abs(values).max()) or 1.0)
    axes.set_xlim(min(values.min(), 0) - room, max(values.max(), 0) + room)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(length=0, labelsize=8.5)
    axes.set_xlabel("contribution to the output: input × weight", fontsize=8.5)
    axes.spines["left"].set_visible(False)
    for place, value, (_, _, written) in zip(places, values, rows, strict=True):
        axes.annotate(
            f"{written:f}",
            (value, place),
            xytext=(3 if value > 0 else -3, 0),
            textcoords="offset points",
            ha="left" if value > 0 else "right",
            va="center",
            fontsize=8.5,
        )
    count = f"the {len(kept)} largest of {len(step.products)} products"
    name = f"{len(kept)} products" if len(kept) == len(step.products) else count
    axes.set_title(f"{name}, and their sum", fontsize=9.5, pad=6)


def _feature(step: WeightedSum, feature: int) -> str:
    place = step.place(feature)
    if place is None:
        return f"input {feature}"
    return f"input {feature}: map {place[0]}, row {place[1]}, col. {place[2]}"
