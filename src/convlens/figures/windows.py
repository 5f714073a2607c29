"""One step as a drawing: where the cell looks, what it reads, and how its number comes about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from convlens.figures.contributions import draw_contributions
from convlens.figures.number_grid import (
    READABLE,
    Float64,
    cell_side,
    colour_bar,
    draw_grid,
    panel,
    signed_scale,
)
from convlens.figures.step_frame import BESIDE, IMAGE, MONOSPACE, TOP, height_of, start, write_sum
from convlens.figures.style import INK, QUIET, SIGNED, as_svg, colours_of
from convlens.foundation.errors import InputError
from convlens.inside.explain import channel_positions, explain
from convlens.inside.printed import Rounded, SumRow, closed_sum
from convlens.inside.steps import Addition, Correlation, Pooling, Step, WeightedSum
from convlens.network.plan import shape_text

SIGNED_COLOURS = colours_of(SIGNED)

_UNREADABLE = "too many cells to write their numbers"


@as_svg
def window_svg(
    figure: Figure, step: Step, image: NDArray[np.generic], *, channels: Sequence[int] = ()
) -> None:
    """Draw one step.

    On the left is the image with the region that the cell sees. A convolution shows the input
    under its kernel, the kernel and their products for up to three channels, each column on a
    scale of its own centred on zero; a pool its window and the winner; a linear layer its ten
    largest products; other layers the formula with its numbers.

    Parameters
    ----------
    step : Step
        What `convlens.inside.windows.window` returned.
    image : array (C, H, W)
        The image to look at: the pixels, or the normalised image. Shown from its smallest to
        its largest value.
    channels : sequence of int, optional
        Input channels of a convolution to show; by default the three whose sums are largest.

    Returns
    -------
    str
        An `<svg>` element.

    Raises
    ------
    InputError
        Where the image is not of the network's input shape, or the cell's filter does not see
        one of `channels`.
    """
    image = np.asarray(image)
    if image.shape != step.image_shape:
        raise InputError(
            f"the image has the shape {image.shape}",
            f"{step.image_shape}, as the network's input",
            "draw the image that the step was taken from",
        )
    match step:
        case Correlation():
            largest = np.argsort(-np.abs(step.channel_sums), kind="stable")[:3].tolist()
            drawn = channel_positions(step, channels) if channels else largest
            _draw_correlation(figure, step, image, drawn)
        case Pooling():
            _draw_pooling(figure, step, image)
        case WeightedSum():
            draw_contributions(figure, step, image)
        case _:
            _draw_words(figure, step, image)


def _draw_correlation(
    figure: Figure, step: Correlation, image: NDArray[np.generic], shown: list[int]
) -> None:
    kernel_height, kernel_width = step.padding.shape
    side = cell_side(max(kernel_height, kernel_width), 3.0)
    wide, tall = kernel_width * side, kernel_height * side
    bar_wide = max(wide, 1.0)  # the scale's three numbers need an inch
    pitch, step_down = bar_wide + 0.62, tall + 0.6
    words = _sum(step, shown)
    right = BESIDE + 3 * pitch
    bottom = 0.75 + height_of(len(words))
    height = max(TOP + len(shown) * step_down + bottom, TOP + IMAGE + 0.9)
    notes = []
    if len(shown) < len(step.channels):
        notes.append(f"{len(shown)} of {len(step.channels)} channels drawn")
    if side < READABLE:
        notes.append(_UNREADABLE)
    start(figure, step, image, (right, height), "; ".join(notes))
    reads = f"input {shape_text(step.input_shape)}"
    columns: list[tuple[str, Float64]] = [
        (reads, step.patch),
        ("kernel", step.kernel),
        ("products", step.products),
    ]
    for number, (name, values) in enumerate(columns):
        left = BESIDE + number * pitch
        scale, digits = signed_scale(values), Rounded(values, digits=3)
        for down, k in enumerate(shown):
            axes = panel(figure, left, height - TOP - down * step_down - tall, wide, tall)
            draw_grid(
                axes,
                values[k],
                SIGNED_COLOURS,
                scale,
                digits,
                side=side,
                padding=step.padding if number == 0 else None,
                rows=step.rows.tolist() if number == 0 else None,
                columns=step.columns.tolist() if number == 0 else None,
            )
            if down == 0:
                axes.text(
                    0, 1 + 0.32 / tall, name, transform=axes.transAxes, weight="bold", fontsize=9.5
                )
            if number == 0 and len(step.channels) > 1:
                axes.text(
                    0,
                    -0.04 / tall,
                    f"channel {step.channels[k]}",
                    transform=axes.transAxes,
                    va="top",
                    fontsize=8.5,
                    color=QUIET,
                )
            if number > 0:
                sign = "×" if number == 1 else "="
                axes.text(
                    -0.31 / wide,
                    0.5,
                    sign,
                    transform=axes.transAxes,
                    ha="center",
                    va="center",
                    fontsize=15,
                )
        top = height - TOP - len(shown) * step_down
        bar = panel(figure, left, top + 0.22, bar_wide, 0.08)
        colour_bar(figure, bar, SIGNED_COLOURS, scale)
    write_sum(figure, words, BESIDE, top - 0.12)


def _sum(step: Correlation, shown: list[int]) -> list[SumRow]:
    """Write the sum over channels: those that are drawn, the others together, the bias."""
    numbers = Rounded(step.channel_sums, step.bias or 0.0, step.total)
    many = len(step.channels) > 1
    names = [f"channel {step.channels[k]}" if many else "sum of products" for k in shown]
    terms = [
        (name, "", numbers(step.channel_sums[k])) for name, k in zip(names, shown, strict=True)
    ]
    others = len(step.channels) - len(shown)
    if others:
        rest = step.channel_sums.sum() - step.channel_sums[shown].sum()
        terms.append((f"{others} more channel{'s' if others > 1 else ''}", "", numbers(rest)))
    if step.bias is not None:
        terms.append(("+ bias", "", numbers(step.bias)))
    return closed_sum(terms, numbers(step.total))


def _draw_pooling(figure: Figure, step: Pooling, image: NDArray[np.generic]) -> None:
    rows, columns = step.padding.shape
    side = cell_side(max(rows, columns), 3.4)
    wide, tall = columns * side, rows * side
    height = max(TOP + tall + 1.15, TOP + IMAGE + 0.9)
    note = _UNREADABLE if side < READABLE else ""
    start(figure, step, image, (BESIDE + max(wide, 3.0) + 0.3, height), note)
    digits = Rounded(step.patch[~step.padding], step.total, digits=3)
    scale = signed_scale(step.patch)
    axes = panel(figure, BESIDE, height - TOP - tall, wide, tall)
    draw_grid(
        axes,
        step.patch,
        SIGNED_COLOURS,
        scale,
        digits,
        side=side,
        padding=step.padding,
        rows=step.rows.tolist(),
        columns=step.columns.tolist(),
        pad_text="-",
    )
    name = f"channel {step.cell[0]} of the input {shape_text(step.input_shape)}"
    axes.text(0, 1 + 0.32 / tall, name, transform=axes.transAxes, weight="bold", fontsize=9.5)
    words = f"mean of {step.counted} = {digits(step.total):f}"
    if step.winner is not None:
        words = f"largest = {digits(step.total):f}"
        at = step.winner[1] - int(step.columns[0]), step.winner[0] - int(step.rows[0])
        axes.add_patch(Rectangle(at, 1, 1, fill=False, edgecolor=INK, linewidth=2.5, clip_on=False))
        words += f"\noutlined: row {step.winner[0]}, column {step.winner[1]}"
    hidden = step.padding.size - step.counted
    words += f"\n{hidden} cells of padding take no part" if hidden else ""
    colour_bar(
        figure,
        panel(figure, BESIDE, height - 1.15 - tall, max(wide, 1.0), 0.08),
        SIGNED_COLOURS,
        scale,
    )
    across, up = figure.get_size_inches()
    figure.text(BESIDE / across, (height - 1.45 - tall) / up, words, va="top", **MONOSPACE)


def _draw_words(figure: Figure, step: Step, image: NDArray[np.generic]) -> None:
    """Draw the steps that have no window: the image, and the step's numbers beside it."""
    written = explain(step).splitlines()
    title, *lines = [line for line in written if not line.startswith("receptive field")]
    start(figure, step, image, (BESIDE + 4.6, TOP + IMAGE + 0.9))
    across, up = figure.get_size_inches()
    head = title.split(": ", 1)[1]
    figure.text(BESIDE / across, (up - TOP) / up, head, va="top", weight="bold", fontsize=9.5)
    if isinstance(step, Addition):
        numbers = Rounded(step.addends, step.total)
        terms = [(n, "", numbers(v)) for n, v in zip(step.sources, step.addends, strict=True)]
        write_sum(figure, closed_sum(terms, numbers(step.total)), BESIDE, up - TOP - 0.3)
        return
    text = "\n".join(line.strip() for line in lines)
    figure.text(
        BESIDE / across, (up - TOP - 0.3) / up, text, va="top", linespacing=1.4, **MONOSPACE
    )
