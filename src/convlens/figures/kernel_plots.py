"""Learned kernels as figures: a layer at one moment, or before and after training."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from convlens.figures.kernel_sheet import (
    Sheet,
    choose_kernels,
    draw_sheet,
    scale_of,
)
from convlens.figures.placement import add_panel
from convlens.figures.style import INK, QUIET, SIGNED, as_svg, colours_of
from convlens.inside.learned_kernels import KernelLayer, Kernels

POINT = 1 / 72
"""Inches; a pixel of a sheet is drawn one point wide."""


@as_svg
def learned_kernels_svg(
    figure: Figure,
    kernels: Kernels,
    layer: KernelLayer,
    *,
    only: int | None = None,
    title: str = "",
) -> None:
    """Draw the kernels of one layer on one colour scale, symmetric about 0.

    A layer of 1x1 kernels is drawn as a matrix. Of filters with many channels the kernels with
    the largest norm are shown; the caption says which.

    Parameters
    ----------
    kernels : float32 array (filters, channels a group, height, width)
        From `learned_kernels`.
    layer : KernelLayer
        Its name and place; see `kernel_layers`.
    only : int, optional
        One filter, with the kernels of all its channels.
    title : str
        Such as the moment: "epoch 3".

    Returns
    -------
    str
        An `<svg>` element.

    Raises
    ------
    InputError
        Where there is no such filter, or a weight is not finite.
    """
    choice = choose_kernels(kernels, layer, only)
    limit = scale_of(kernels)
    heading = _heading(kernels, layer) + (f", {title}" if title else "")
    _draw(figure, heading, [("", draw_sheet(kernels, choice, limit))], limit, choice.caption)


@as_svg
def before_after_svg(
    figure: Figure,
    before: Kernels,
    after: Kernels,
    layer: KernelLayer,
    *,
    epochs: tuple[int, int],
) -> None:
    """Draw the same kernels of one layer at two moments, on one colour scale for both.

    Parameters
    ----------
    before, after : float32 array (filters, channels a group, height, width)
        Two of a run's snapshots; the channels shown are those that are strongest after.
    layer : KernelLayer
        Its name and place.
    epochs : (int, int)
        When the two were taken; 0 is before training.

    Returns
    -------
    str
        An `<svg>` element.

    Raises
    ------
    InputError
        Where a weight is not finite.
    """
    choice = choose_kernels(after, layer)
    choose_kernels(before, layer)  # refuses what cannot be drawn
    limit = scale_of(before, after)
    names = ["before training" if e == 0 else f"after epoch {e}" for e in epochs]
    sheets = [draw_sheet(kernels, choice, limit) for kernels in (before, after)]
    panels = list(zip(names, sheets, strict=True))
    _draw(figure, _heading(after, layer), panels, limit, choice.caption)


def _heading(kernels: Kernels, layer: KernelLayer) -> str:
    filters, channels, height, width = kernels.shape
    return f"{layer.name}: {filters} filters of {channels}x{height}x{width}"


def _draw(
    figure: Figure, heading: str, panels: list[tuple[str, Sheet]], limit: float, caption: str
) -> None:
    """Place the sheets beside or above each other, with the colour scale and the words."""
    height, width = panels[0][1].pixels.shape[:2]
    beside = len(panels) * width < 1100
    top, between, bar = (26.0 if any(name for name, _ in panels) else 6.0), 34.0, 90.0
    across, down = (len(panels), 1) if beside else (1, len(panels))
    pitch = (width + between, height + between)
    total = (across * pitch[0] + bar, top + down * pitch[1] - between)
    figure.set_size_inches(total[0] * POINT, total[1] * POINT)

    def panel(left: float, upper: float, wide: float, high: float) -> Axes:
        return add_panel(figure, left * POINT, upper * POINT, wide * POINT, high * POINT)

    for place, (name, sheet) in enumerate(panels):
        x, y = (place, 0) if beside else (0, place)
        axes = panel(x * pitch[0], top + y * pitch[1], width, height)
        axes.set_axis_off()
        axes.imshow(sheet.pixels, interpolation="none", aspect="auto", extent=(0, width, height, 0))
        for label in sheet.labels:
            side = "center" if label.middle else "left"
            axes.text(label.x, label.y, label.text, fontsize=7.5, ha=side, va="baseline")
        if name:
            axes.set_title(name, fontsize=10, pad=4)
    colours = ScalarMappable(Normalize(-limit, limit), colours_of(SIGNED))
    scale = panel(across * pitch[0], top, 10, min(height, 160))
    figure.colorbar(colours, cax=scale, ticks=[-limit, -limit / 2, 0, limit / 2, limit])
    scale.yaxis.set_major_formatter(lambda value, _: f"{value:.2g}")
    scale.tick_params(labelsize=9)
    scale.grid(visible=False)
    scale.set_ylabel("weight", fontsize=9)
    figure.text(0, 1 + 8 / total[1], heading, fontsize=12, weight="bold", color=INK)
    figure.text(0, -8 / total[1], caption, fontsize=9, color=QUIET, va="top")
