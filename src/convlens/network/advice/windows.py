"""Where a window does not fit: another padding, stride or kernel, or the floor rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from convlens.network.advice.case import Case, Proposal
from convlens.network.arithmetic import (
    Pair,
    Window,
    fitting_kernels,
    fitting_paddings,
    fitting_strides,
)
from convlens.network.keys import channels_first
from convlens.network.layers import Conv, Sliding
from convlens.network.mistakes import Put, value_text
from convlens.network.plan import Plan


def for_window(case: Case) -> Iterator[Proposal]:
    """Yield the settings, each changed alone, with which the window may fit."""
    layer = case.layer
    if not isinstance(layer, Sliding):
        return
    yield from channels_last(case)
    windows = layer.windows(case.shape)
    sizes = case.shape[1], case.shape[2]
    for padding in _pairs(fitting_paddings, sizes, windows, most=1):
        yield case.setting("padding", (padding[0], padding[0], padding[1], padding[1]))
    if layer.padding != "same":
        yield case.setting("padding", "same")
    yield _floor(case)
    for stride in _pairs(_near_strides, sizes, windows, most=2):
        yield case.setting("stride", stride)
    for kernel in _pairs(fitting_kernels, sizes, windows, most=2):
        if kernel != (1, 1) or isinstance(layer, Conv):  # pooling 1x1 does nothing
            yield case.setting("kernel", kernel)
    if layer.dilations() != (1, 1):
        yield case.setting("dilation", (1, 1))
    yield from larger_inputs(case)
    yield case.left_out()


def channels_last(case: Case) -> Iterator[Proposal]:
    """Yield the input with its channels first, where they seem to stand last."""
    if (shape := channels_first(case.input)) is not None:
        yield _input(shape, f"write input = {value_text(shape)}: channels come first")


def _input(shape: list[int], text: str, *, last_resort: bool = False) -> Proposal:
    return Proposal((Put("input", shape),), lambda _: text, last_resort)


def larger_inputs(case: Case) -> Iterator[Proposal]:
    """Yield larger inputs, as a last resort."""
    channels, height, width = case.input
    for more in range(1, 33):
        shape = [channels, height + more, width + more]
        yield _input(shape, f"use a larger input: input = {value_text(shape)}", last_resort=True)


def _near_strides(size: int, window: Window) -> list[int]:
    return [n for n in fitting_strides(size, window) if n <= 2 * window.stride]


def _pairs(
    fitting: Callable[[int, Window], list[int]],
    sizes: Pair,
    windows: tuple[Window, Window],
    most: int,
) -> list[Pair]:
    """Return values that fit on both axes, or else one for each axis."""
    rows, columns = fitting(sizes[0], windows[0]), fitting(sizes[1], windows[1])
    shared = [(n, n) for n in rows if n in columns][:most]
    return shared or [(rows[0], columns[0])] if rows and columns else []


def _floor(case: Case) -> Proposal:
    position = len(case.misfit.plan.steps)

    def text(plan: Plan) -> str:
        rule = 'the floor rule, rounding = "floor" in the network'
        if position >= len(plan.steps):
            return f"use {rule}"
        step = plan.steps[position]
        rows, columns = step.dropped
        lost = f"the last {rows} of {step.input[1]} rows, {columns} of {step.input[2]} columns"
        lost = lost if rows or columns else "nothing but padding"
        return f"use {rule} ({step.output[1]}x{step.output[2]}, dropping {lost})"

    return Proposal((Put("rounding", "floor"),), text)
