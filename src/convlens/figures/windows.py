"""One cell's computation drawn: where it looks, what it reads, how its value comes about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from convlens.figures.cell_frame import BESIDE, IMAGE, MONOSPACE, TOP, height_of, start, write_sum
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
from convlens.figures.style import INK, QUIET, SIGNED, as_svg, colours_of
from convlens.foundation.errors import InputError
from convlens.inside.explain import channel_positions, explain
from convlens.inside.printed import Rounded, SumRow, closed_sum
from convlens.inside.records import Addition, CellComputation, Correlation, Pooling, WeightedSum
from convlens.network.arithmetic import shape_text

SIGNED_COLOURS = colours_of(SIGNED)

_UNREADABLE = "too many cells to write their numbers"


@as_svg
def window_svg(
    figure: Figure,
    computation: CellComputation,
    image: NDArray[np.generic],
    *,
    channels: Sequence[int] = (),
) -> None:
    """Draw one computation.

    On the left is the image with the cell's receptive field. A convolution shows the input
    under its kernel, the kernel and their products for up to three channels, each column on a
    scale of its own centred on zero; a pool its window and the winner; a linear layer its ten
    largest products; other layers the formula with its numbers.

    Parameters
    ----------
    computation : CellComputation
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
    if image.shape != computation.image_shape:
        raise InputError(
            f"the image has the shape {image.shape}",
            f"{computation.image_shape}, as the network's input",
            "draw the image that the computation was taken from",
        )
    match computation:
        case Correlation():
            largest = np.argsort(-np.abs(computation.channel_sums), kind="stable")[:3].tolist()
            drawn = channel_positions(computation, channels) if channels else largest
            _draw_correlation(figure, computation, image, drawn)
        case Pooling():
            _draw_pooling(figure, computation, image)
        case WeightedSum():
            draw_contributions(figure, computation, image)
        case _:
            _draw_words(figure, computation, image)


def _draw_correlation(
    figure: Figure, computation: Correlation, image: NDArray[np.generic], shown: list[int]
) -> None:
    kernel_height, kernel_width = computation.padding.shape
    side = cell_side(max(kernel_height, kernel_width), 3.0)
    wide, tall = kernel_width * side, kernel_height * side
    bar_wide = max(wide, 1.0)  # the scale's three numbers need an inch
    pitch, step_down = bar_wide + 0.62, tall + 0.6
    words = _sum(computation, shown)
    right = BESIDE + 3 * pitch
    bottom = 0.75 + height_of(len(words))
    height = max(TOP + len(shown) * step_down + bottom, TOP + IMAGE + 0.9)
    notes = []
    if len(shown) < len(computation.channels):
        notes.append(f"{len(shown)} of {len(computation.channels)} channels drawn")
    if side < READABLE:
        notes.append(_UNREADABLE)
    start(figure, computation, image, (right, height), "; ".join(notes))
    reads = f"input {shape_text(computation.input_shape)}"
    columns: list[tuple[str, Float64]] = [
        (reads, computation.patch),
        ("kernel", computation.kernel),
        ("products", computation.products),
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
                padding=computation.padding if number == 0 else None,
                rows=computation.rows.tolist() if number == 0 else None,
                columns=computation.columns.tolist() if number == 0 else None,
            )
            if down == 0:
                axes.text(
                    0, 1 + 0.32 / tall, name, transform=axes.transAxes, weight="bold", fontsize=9.5
                )
            if number == 0 and len(computation.channels) > 1:
                axes.text(
                    0,
                    -0.04 / tall,
                    f"channel {computation.channels[k]}",
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


def _sum(computation: Correlation, shown: list[int]) -> list[SumRow]:
    """Write the sum over channels: those that are drawn, the others together, the bias."""
    numbers = Rounded(computation.channel_sums, computation.bias or 0.0, computation.total)
    many = len(computation.channels) > 1
    names = [f"channel {computation.channels[k]}" if many else "sum of products" for k in shown]
    terms = [
        (name, "", numbers(computation.channel_sums[k]))
        for name, k in zip(names, shown, strict=True)
    ]
    others = len(computation.channels) - len(shown)
    if others:
        rest = computation.channel_sums.sum() - computation.channel_sums[shown].sum()
        terms.append((f"{others} more channel{'s' if others > 1 else ''}", "", numbers(rest)))
    if computation.bias is not None:
        terms.append(("+ bias", "", numbers(computation.bias)))
    return closed_sum(terms, numbers(computation.total))


def _draw_pooling(figure: Figure, computation: Pooling, image: NDArray[np.generic]) -> None:
    rows, columns = computation.padding.shape
    side = cell_side(max(rows, columns), 3.4)
    wide, tall = columns * side, rows * side
    height = max(TOP + tall + 1.15, TOP + IMAGE + 0.9)
    note = _UNREADABLE if side < READABLE else ""
    start(figure, computation, image, (BESIDE + max(wide, 3.0) + 0.3, height), note)
    digits = Rounded(computation.patch[~computation.padding], computation.total, digits=3)
    scale = signed_scale(computation.patch)
    axes = panel(figure, BESIDE, height - TOP - tall, wide, tall)
    draw_grid(
        axes,
        computation.patch,
        SIGNED_COLOURS,
        scale,
        digits,
        side=side,
        padding=computation.padding,
        rows=computation.rows.tolist(),
        columns=computation.columns.tolist(),
        pad_text="-",
    )
    name = f"channel {computation.cell[0]} of the input {shape_text(computation.input_shape)}"
    axes.text(0, 1 + 0.32 / tall, name, transform=axes.transAxes, weight="bold", fontsize=9.5)
    words = f"mean of {computation.counted} = {digits(computation.total):f}"
    if computation.winner is not None:
        words = f"largest = {digits(computation.total):f}"
        at = (
            computation.winner[1] - int(computation.columns[0]),
            computation.winner[0] - int(computation.rows[0]),
        )
        axes.add_patch(Rectangle(at, 1, 1, fill=False, edgecolor=INK, linewidth=2.5, clip_on=False))
        words += f"\noutlined: row {computation.winner[0]}, column {computation.winner[1]}"
    hidden = computation.padding.size - computation.counted
    words += f"\n{hidden} cells of padding take no part" if hidden else ""
    colour_bar(
        figure,
        panel(figure, BESIDE, height - 1.15 - tall, max(wide, 1.0), 0.08),
        SIGNED_COLOURS,
        scale,
    )
    across, up = figure.get_size_inches()
    figure.text(BESIDE / across, (height - 1.45 - tall) / up, words, va="top", **MONOSPACE)


def _draw_words(figure: Figure, computation: CellComputation, image: NDArray[np.generic]) -> None:
    """Draw the steps that have no window: the image, and the computation's numbers beside it."""
    written = explain(computation).splitlines()
    title, *lines = [line for line in written if not line.startswith("receptive field")]
    start(figure, computation, image, (BESIDE + 4.6, TOP + IMAGE + 0.9))
    across, up = figure.get_size_inches()
    head = title.split(": ", 1)[1]
    figure.text(BESIDE / across, (up - TOP) / up, head, va="top", weight="bold", fontsize=9.5)
    if isinstance(computation, Addition):
        numbers = Rounded(computation.addends, computation.total)
        terms = [
            (n, "", numbers(v))
            for n, v in zip(computation.sources, computation.addends, strict=True)
        ]
        write_sum(figure, closed_sum(terms, numbers(computation.total)), BESIDE, up - TOP - 0.3)
        return
    text = "\n".join(line.strip() for line in lines)
    figure.text(
        BESIDE / across, (up - TOP - 0.3) / up, text, va="top", linespacing=1.4, **MONOSPACE
    )
