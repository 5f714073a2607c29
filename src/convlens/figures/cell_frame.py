"""What every drawing of a computation has: a heading, and the image with the receptive field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from convlens.figures.number_grid import panel
from convlens.figures.style import INK, QUIET, TABLE
from convlens.inside.explain import title_of
from convlens.inside.printed import SumRow
from convlens.inside.records import CellComputation
from convlens.network.arithmetic import shape_text

IMAGE = 2.6
"""Longer side of the drawn image, in inches."""

BESIDE = 3.55
"""Where the drawing beside the image begins, in inches from the left."""

TOP = 0.95
"""Height of the heading in inches."""

MONOSPACE: dict[str, Any] = {"family": "monospace", "fontsize": 9.5, "color": INK}

_LINE = 0.165
"""Height of a line of a sum in inches."""


def start(
    figure: Figure,
    computation: CellComputation,
    image: NDArray[np.generic],
    size: tuple[float, float],
    note: str = "",
) -> None:
    """Set the figure's size; draw the heading and the image with the region that is seen.

    Parameters
    ----------
    figure : Figure
        An empty one.
    computation : CellComputation
        What is drawn.
    image : array (C, H, W)
        The network's input, or the pixels that it was made of.
    size : (float, float)
        Width and height of the figure in inches.
    note : str
        More for the line under the heading.
    """
    width, height = size
    figure.set_size_inches(width, height)
    shapes = f"{shape_text(computation.input_shape)} -> {shape_text(computation.output_shape)}"
    figure.text(0, 1 - 0.02 / height, title_of(computation), weight="bold", fontsize=11, va="top")
    under_it = f"{computation.kind}, {shapes}" + (f"; {note}" if note else "")
    figure.text(0, 1 - 0.24 / height, under_it, color=QUIET, fontsize=9.5, va="top")
    channels, rows, columns = computation.image_shape
    scale = IMAGE / max(rows, columns)
    tall, wide = rows * scale, columns * scale
    axes = panel(figure, 0.35, height - 0.95 - tall, wide, tall)
    _draw_image(axes, image)
    _outline(axes, computation)
    shown = "" if channels in (1, 3) else " (mean of its channels)"
    axes.set_title(f"image {shape_text(computation.image_shape)}{shown}", fontsize=9.5, pad=4)
    field = computation.receptive_field
    under = [f"outlined: the receptive field, {field.height}x{field.width} pixels,"]
    if computation.visible is None:
        under = ["no pixel in the receptive field:", f"{computation.receptive_field} are padding"]
    else:
        under.append(str(computation.visible))
        if computation.visible != computation.receptive_field:
            under.append(f"(with padding {computation.receptive_field})")
    axes.text(
        0,
        -0.3 / tall,
        "\n".join(under),
        transform=axes.transAxes,
        va="top",
        fontsize=8.5,
        color=QUIET,
    )


def _draw_image(axes: Axes, image: NDArray[np.generic]) -> None:
    """Show one channel as grey, three as colour, of any other number the mean as grey."""
    pixels = image.astype(np.float64)
    low, high = float(pixels.min()), float(pixels.max())
    pixels = (pixels - low) / (high - low or 1.0)
    shown = pixels.transpose(1, 2, 0) if len(pixels) == 3 else pixels.mean(axis=0)
    _, height, width = image.shape
    # cell k reaches from k to k + 1, as in the grids
    axes.imshow(
        shown, cmap="gray", vmin=0, vmax=1, interpolation="none", extent=(0, width, height, 0)
    )
    axes.grid(visible=False)
    last = (height - 1, width - 1)
    axes.set_xticks([0.5, last[1] + 0.5], ["0", str(last[1])])
    axes.set_yticks([0.5, last[0] + 0.5], ["0", str(last[0])])
    axes.tick_params(length=0, labelsize=8, pad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _outline(axes: Axes, computation: CellComputation) -> None:
    region = computation.visible
    if region is not None:
        corner, size = (region.first_column, region.first_row), (region.width, region.height)
        # a white line around the coloured one shows on any picture
        for colour, line in (("white", 3.6), (TABLE["over_image"]["frame"], 1.8)):
            axes.add_patch(
                Rectangle(
                    corner, *size, fill=False, edgecolor=colour, linewidth=line, clip_on=False
                )
            )


def height_of(lines: int) -> float:
    """Return the height in inches of a sum of that many lines."""
    return _LINE * lines


def write_sum(figure: Figure, rows: Sequence[SumRow], left: float, top: float) -> None:
    """Write a sum as two columns, names and values; `left` and `top` are in inches."""
    across, up = figure.get_size_inches()
    wide = 0.085 * max(len(name) for name, _, _ in rows) + 0.15
    right = left + wide + 0.085 * max(len(f"{value:f}") for _, _, value in rows)
    for number, (name, _, value) in enumerate(rows):
        y = (top - _LINE * number) / up
        weight = "bold" if number == len(rows) - 1 else "normal"
        figure.text(left / across, y, name, va="top", weight=weight, **MONOSPACE)
        figure.text(
            right / across, y, f"{value:f}", va="top", ha="right", weight=weight, **MONOSPACE
        )
