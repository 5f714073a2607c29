"""Where the two sides of a residual block differ: another shortcut, or other layers."""

from __future__ import annotations

from collections.abc import Iterator

from convlens.network.advice.case import Case, Proposal
from convlens.network.arithmetic import Shape
from convlens.network.layers import Conv, Flatten, Layer, Linear, Residual, Sliding, write_layer
from convlens.network.mistakes import layer_text, value_text


def for_branches(case: Case) -> Iterator[Proposal]:
    """Yield blocks whose two sides may give one shape."""
    block = case.layer
    if not isinstance(block, Residual):
        return
    start, main, side = case.misfit.shapes
    if len(main) == 3 and len(start) == 3:
        # a block keeps the size: the usual one, and what papers draw
        if (kept := _keeping(block.layers, start, side)) is not None:
            yield _layers(case, block, kept)
        for shortcut in _projections(start, main):
            yield _shortcut(case, block, (shortcut,))
    elif len(main) == 1:
        before = () if len(start) == 1 else (Flatten(),)
        yield _shortcut(case, block, (*before, Linear(features=main[0])))
    yield _shortcut(case, block, ())
    yield Proposal(
        (case.replaced(*block.layers),),
        lambda _: "write its layers without the block: then nothing is added",
        last_resort=True,
    )


def _shortcut(case: Case, block: Residual, shortcut: tuple[Layer, ...]) -> Proposal:
    changed = block.model_copy(update={"shortcut": shortcut})
    inner = value_text([write_layer(layer) for layer in shortcut])
    text = f"use shortcut = {inner}" if shortcut else "leave the shortcut out"
    return Proposal((case.replaced(changed),), lambda _: text)


def _layers(case: Case, block: Residual, layers: tuple[Layer, ...]) -> Proposal:
    changed = block.model_copy(update={"layers": layers})
    differing = [
        f"{layer_text(write_layer(old))} as {layer_text(write_layer(new))}"
        for old, new in zip(block.layers, layers, strict=True)
        if old != new
    ]
    text = f"write {' and '.join(differing)}"
    return Proposal((case.replaced(changed),), lambda _: text)


def _keeping(layers: tuple[Layer, ...], start: Shape, side: Shape) -> tuple[Layer, ...] | None:
    """Return the layers with padding that keeps the size, ending with the shortcut's channels."""
    kept = [
        layer.model_copy(update={"padding": "same"})
        if isinstance(layer, Sliding) and layer.strides() == (1, 1)
        else layer
        for layer in layers
    ]
    last = max((i for i, layer in enumerate(kept) if isinstance(layer, Conv)), default=None)
    if last is not None and len(side) == 3:
        kept[last] = kept[last].model_copy(update={"filters": side[0]})
    return tuple(kept) if tuple(kept) != layers else None


def _projections(start: Shape, main: Shape) -> Iterator[Conv]:
    """Yield single convolutions that may bring the input to the shape of the layers."""
    filters = main[0]
    sizes = [(a, b) for a, b in zip(start[1:], main[1:], strict=True)]
    if all(a == b for a, b in sizes):
        yield Conv(filters=filters, kernel=(1, 1))
    steps = _pair([-(-a // b) for a, b in sizes])
    yield Conv(filters=filters, kernel=(1, 1), stride=steps, padding="same")
    if all(b <= a < 2 * b for a, b in sizes):
        yield Conv(filters=filters, kernel=_pair([a - b + 1 for a, b in sizes]))
    # a stride that lands on the last cell, with the smallest kernel that leaves as many positions
    kernel = [a - (b - 1) * step for (a, b), step in zip(sizes, steps, strict=True)]
    yield Conv(filters=filters, kernel=_pair([max(1, n) for n in kernel]), stride=steps)
    if all(a < b for a, b in sizes):
        (top, bottom), (left, right) = ((n // 2, n - n // 2) for n in (b - a for a, b in sizes))
        yield Conv(filters=filters, kernel=(1, 1), padding=(top, bottom, left, right))


def _pair(values: list[int]) -> tuple[int, int]:
    return values[0], values[1]
