"""The report's figures: learning curves, confusion matrix, reliability."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from convlens.evaluation import Evaluation
from convlens.figures.names import short_name
from convlens.figures.style import BLUE, INK, QUIET, SKY, VERMILLION, as_svg
from convlens.foundation.decimals import decimal_text
from convlens.foundation.errors import InputError


@as_svg
def curves_svg(
    figure: Figure, epochs: Sequence[Mapping[str, Any]], *, stacked: bool = False
) -> None:
    """Draw loss and accuracy by epoch, train and validation, with the best epoch marked.

    Where the recipe smooths labels, a dashed line is the validation loss without smoothing.

    Train accuracy is measured during the epoch, on augmented images and with weights that
    still change; a caption should say so.

    Parameters
    ----------
    epochs : list of dict
        The `epoch` events of a run: `epoch`, `train_loss`, `train_accuracy`,
        `validation_loss`, `validation_accuracy` (None where not finite) and `best`.
    stacked : bool
        One panel above the other, for a narrow page.

    Returns
    -------
    str
        An `<svg>` element.

    Raises
    ------
    InputError
        Where there is no epoch to draw.
    """
    if not epochs:
        raise InputError("there is no epoch to draw", "at least one", "train for an epoch first")
    figure.set_size_inches((4.2, 6) if stacked else (9, 3.2))
    panels = figure.subplots(2, 1) if stacked else figure.subplots(1, 2)
    figure.subplots_adjust(wspace=0.5, hspace=0.45)
    number = _series(epochs, "epoch")
    best = [n for n, event in zip(number, epochs, strict=True) if event.get("best") is True]
    for panel, quantity in zip(panels, ("loss", "accuracy"), strict=True):
        train = _series(epochs, f"train_{quantity}")
        validation = _series(epochs, f"validation_{quantity}")
        panel.set_title(quantity.capitalize())
        drawn = [train, validation]
        if quantity == "loss" and any(_unsmoothed(event) is not None for event in epochs):
            drawn.append(_series([{"loss": _unsmoothed(event)} for event in epochs], "loss"))
        _scale(panel, quantity, np.concatenate(drawn))
        panel.set_xlabel("epoch")
        panel.set_xlim(number.min() - 0.5, number.max() + 0.5)
        panel.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        for values, colour in ((train, SKY), (validation, BLUE)):
            # a line needs two points; short runs show every point
            marker = "o" if len(number) <= 20 else ""
            panel.plot(number, values, color=colour, marker=marker, markersize=4)
        for values in drawn[2:]:
            panel.plot(number, values, color=BLUE, linestyle=(0, (4, 3)), linewidth=1)
        _label_ends(panel, [("train", train, SKY), ("validation", validation, BLUE)])
        if best:
            # a falling loss leaves the top free, a rising accuracy the bottom
            place = int(np.argmax(number == best[-1]))
            _mark_best(panel, best[-1], validation[place], top=quantity == "loss")


def _unsmoothed(event: Mapping[str, Any]) -> float | None:
    """Return an epoch's validation loss without label smoothing, where that is another number."""
    plain = event.get("validation_cross_entropy")
    return None if plain == event.get("validation_loss") else plain


def _series(epochs: Sequence[Mapping[str, Any]], key: str) -> NDArray[np.float64]:
    """Return one value per epoch; what is missing or not a number leaves a gap."""
    values = (event.get(key) for event in epochs)
    kept = (v if isinstance(v, int | float) and math.isfinite(v) else math.nan for v in values)
    return np.array(list(kept), dtype=np.float64)


def _scale(panel: Axes, quantity: str, values: NDArray[np.float64]) -> None:
    values = values[np.isfinite(values)]
    if quantity == "accuracy":
        low = values.min() if len(values) else 0.0
        room = max(1 - low, 0.002)
        panel.set_ylim(max(low - 0.08 * room, 0), min(1.0, low + room) + 0.04 * room)
        panel.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        panel.yaxis.set_major_formatter(lambda share, _: f"{round(100 * share, 6):g}%")
    elif len(values) and values.min() > 0 and values.max() > 30 * values.min():
        # a first epoch thirty times the last would flatten all that follows
        panel.set_yscale("log")
        panel.set_title("Loss (logarithmic scale)")
        panel.set_ylim(0.8 * values.min(), 1.25 * values.max())
        panel.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter(lambda loss, _: decimal_text(loss))
        panel.minorticks_off()
    elif len(values):
        panel.set_ylim(0, 1.06 * max(values.max(), 1e-6))


def _label_ends(panel: Axes, lines: list[tuple[str, NDArray[np.float64], str]]) -> None:
    """Write each line's name at its right end, apart from the other's."""
    # heights as shares of the panel, whatever its scale
    to_share = panel.transData + panel.transAxes.inverted()
    ends = []
    for name, values, colour in lines:
        known = values[np.isfinite(values)]
        if len(known):
            ends.append([to_share.transform((1, known[-1]))[1], name, colour])
    ends.sort(key=lambda end: end[0])
    if len(ends) == 2 and ends[1][0] - ends[0][0] < 0.1:
        middle = min(max((ends[0][0] + ends[1][0]) / 2, 0.05), 0.95)
        ends[0][0], ends[1][0] = middle - 0.05, middle + 0.05
    for height, name, colour in ends:
        # the lighter blue is too pale for letters on white
        shade = "#1f78a8" if colour == SKY else colour
        weight = "normal" if colour == SKY else "bold"
        panel.text(
            1.02, height, name, transform=panel.transAxes, va="center", color=shade, weight=weight
        )


def _mark_best(panel: Axes, epoch: float, value: float, *, top: bool) -> None:
    panel.axvline(epoch, color=VERMILLION, linewidth=1, linestyle=(0, (3, 3)), zorder=1)
    panel.plot([epoch], [value], "o", color=VERMILLION, markersize=7, zorder=5)
    right = epoch > sum(panel.get_xlim()) / 2
    panel.annotate(
        f"best: epoch {epoch:.0f}",
        (epoch, 1 if top else 0),
        xycoords=panel.get_xaxis_transform(),
        xytext=(-6 if right else 6, -2 if top else 4),
        textcoords="offset points",
        ha="right" if right else "left",
        va="top" if top else "bottom",
        color=VERMILLION,
        fontsize=9,
    )


@as_svg
def confusion_svg(figure: Figure, evaluation: Evaluation) -> None:
    """Draw the confusion matrix: rows are true classes, columns predicted ones.

    Right answers share one pale blue scale; mistakes have their own, from white to the most
    frequent mistake, so that a few mistakes show beside thousands of right answers.

    Returns
    -------
    str
        An `<svg>` element.
    """
    counts = np.array(evaluation.confusion)
    size = len(counts)
    side = min(max(0.42 * size, 2.4), 7.2)
    figure.set_size_inches((side, side))
    panel = figure.add_axes((0, 0, 1, 1))
    panel.grid(visible=False)
    # "none" stores one pixel per cell, which the browser enlarges unblurred
    panel.imshow(_cell_colours(counts), interpolation="none")
    for spine in panel.spines.values():
        spine.set_visible(False)
    panel.tick_params(length=0)
    panel.set_xlabel("predicted", labelpad=8)
    panel.set_ylabel("true", labelpad=8)
    panel.xaxis.set_label_position("top")
    panel.xaxis.tick_top()
    _name_cells(panel, evaluation.classes, side)
    if size <= 40:
        edges = np.arange(size + 1) - 0.5
        panel.hlines(edges, -0.5, size - 0.5, color="white", linewidth=1.5)
        panel.vlines(edges, -0.5, size - 0.5, color="white", linewidth=1.5)
    if size <= 25:
        for (row, column), count in np.ndenumerate(counts):
            panel.text(
                column,
                row,
                f"{count:,}" if count else "·",
                ha="center",
                va="center",
                color=INK if count else "#c4c9ce",
                fontsize=min(10, 62 * side / size / max(len(f"{counts.max():,}"), 2) * 1.5),
            )


def _cell_colours(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return an (K, K, 3) picture: the diagonal tinted blue by recall, the rest by count."""
    diagonal = np.eye(len(counts), dtype=bool)
    mistakes = np.where(diagonal, 0, counts)
    # the square root lifts single mistakes off the white
    strength = np.sqrt(mistakes / max(mistakes.max(), 1)) * 0.85
    recall = np.diag(counts) / np.maximum(counts.sum(axis=1), 1)
    strength[diagonal] = 0.12 + 0.4 * recall
    colour = np.where(diagonal[..., None], to_rgb(SKY), to_rgb("#F0803C"))
    nothing = (counts == 0) & ~diagonal
    picture: NDArray[np.float64] = 1 - strength[..., None] * (1 - colour)
    picture[nothing] = to_rgb("#f6f7f8")
    return picture


def _name_cells(panel: Axes, classes: Sequence[str], side: float) -> None:
    names = [short_name(name, 18) for name in classes]
    # beyond some fifty names no letter is readable: name every fifth, tenth, ...
    step = math.ceil(len(names) / 50) if len(names) > 50 else 1
    step = step if step == 1 else 5 * math.ceil(step / 5)
    places = list(range(0, len(names), step))
    shown = [names[place] for place in places]
    size = min(10.0, 60 * side / len(places))
    upright = max(map(len, shown)) * size * 0.62 < 72 * side / len(places)
    panel.set_xticks(places, shown, fontsize=size, rotation=0 if upright else 90, color=INK)
    panel.set_yticks(places, shown, fontsize=size, color=INK)


@as_svg
def reliability_svg(figure: Figure, evaluation: Evaluation) -> None:
    """Draw accuracy by confidence above the number of images in each bin.

    On the diagonal an answer given with 80% is right in 80% of cases; points below it are
    too sure.

    Returns
    -------
    str
        An `<svg>` element.
    """
    figure.set_size_inches((4.2, 4.4))
    upper, lower = figure.subplots(
        2, 1, sharex=True, gridspec_kw={"height_ratios": [3.4, 1], "hspace": 0.12}
    )
    upper.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=(0, (3, 3)))
    corner: dict[str, Any] = {"transform": upper.transAxes, "color": QUIET, "fontsize": 9}
    upper.text(0.03, 0.93, "right more often than sure", **corner)
    upper.text(0.98, 0.05, "surer than right", ha="right", **corner)
    filled = [b for b in evaluation.calibration.bins if b.images]
    confidence = [b.confidence or 0.0 for b in filled]
    accuracy = [b.accuracy or 0.0 for b in filled]
    upper.vlines(confidence, confidence, accuracy, color=VERMILLION, linewidth=1.5)
    upper.plot(confidence, accuracy, "o", color=BLUE, markersize=6, clip_on=False)
    upper.set_ylabel("share right")
    upper.set_ylim(0, 1.02)
    upper.yaxis.set_major_formatter(PercentFormatter(1.0))
    lower.bar(
        [(b.low + b.high) / 2 for b in filled],
        [b.images for b in filled],
        width=0.85 / len(evaluation.calibration.bins),
        color=SKY,
    )
    # most answers are very sure ones; on a linear scale the others would vanish
    lower.set_yscale("log")
    lower.set_ylim(0.7, None)
    lower.yaxis.set_major_formatter("{x:,.0f}")
    lower.minorticks_off()
    lower.set_ylabel("images")
    lower.set_xlabel("probability given to the answer")
    lower.set_xlim(0, 1)
    lower.xaxis.set_major_formatter(PercentFormatter(1.0))
