"""Where branches do not meet in one shape: another shortcut, or other layers."""

from __future__ import annotations

from collections.abc import Iterator

from convlens.network.advice.case import Case, Proposal
from convlens.network.arithmetic import Shape
from convlens.network.layers import (
    Branches,
    Conv,
    Flatten,
    GlobalAvgPool,
    Layer,
    Linear,
    Residual,
    Sliding,
    write_layer,
)
from convlens.network.mistakes import layer_text, value_text


def for_branches(case: Case) -> Iterator[Proposal]:
    """Yield blocks whose branches may meet."""
    if isinstance(case.layer, Residual):
        yield from _for_residual(case, case.layer)
    elif isinstance(case.layer, Branches):
        yield from _for_join(case, case.layer)


def _for_residual(case: Case, block: Residual) -> Iterator[Proposal]:
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


def _for_join(case: Case, block: Branches) -> Iterator[Proposal]:
    """Yield branches that may give what the largest of them gives, or that are left out."""
    start, *ends = case.misfit.shapes
    goal = max(ends, key=lambda shape: (len(shape), shape[1:], shape[0]))
    every = [
        _toward(layers, start, end, goal, block.join)
        for layers, end in zip(block.branches, ends, strict=True)
    ]
    if sum(map(bool, every)) > 1:
        firsts = (next(iter(new), old) for new, old in zip(every, block.branches, strict=True))
        yield _branches(case, block, tuple(firsts))
    for index, others in enumerate(every):
        for other in others:
            branches = (*block.branches[:index], other, *block.branches[index + 1 :])
            yield _branches(case, block, branches)
    if len(block.branches) > 2:
        for index in range(len(block.branches)):
            branches = (*block.branches[:index], *block.branches[index + 1 :])
            yield _branches(case, block, branches, f"leave branch {index + 1} out")
    longest = max(block.branches, key=len)
    yield Proposal(
        (case.replaced(*longest),),
        lambda _: f"write the layers of branch {block.branches.index(longest) + 1} alone",
        last_resort=True,
    )


def _toward(
    layers: tuple[Layer, ...], start: Shape, end: Shape, goal: Shape, join: str
) -> list[tuple[Layer, ...]]:
    """Return other layers for a branch that starts and ends in two shapes and misses a third."""
    if join == "concat":
        goal = (end[0], *goal[1:])  # maps of any number may stand beside one another
    if end == goal or (join == "multiply" and end == (goal[0], *[1] * len(goal[1:]))):
        return []
    if len(goal) == 1:
        return [(*layers, Linear(features=goal[0]))] if len(end) == 1 else []
    if len(end) == 1:
        return [_with_maps(layers)]
    kept = _keeping(layers, start, goal)
    others = [] if kept is None else [kept]
    others += [(*layers, conv) for conv in _projections(end, goal)]
    if join == "multiply":
        others.append((*layers, GlobalAvgPool()))
    return others


def _with_maps(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """Return layers that give maps of one cell in place of features."""
    return tuple(
        Conv(filters=layer.features, kernel=(1, 1), bias=layer.bias)
        if isinstance(layer, Linear)
        else layer
        for layer in layers
        if not isinstance(layer, Flatten)
    )


def _branches(
    case: Case, block: Branches, branches: tuple[tuple[Layer, ...], ...], text: str = ""
) -> Proposal:
    changed = block.model_copy(update={"branches": branches})
    if not text:
        numbered = enumerate(zip(block.branches, branches, strict=True), start=1)
        differing = [
            f"branch {number} as {value_text([write_layer(layer) for layer in new])}"
            for number, (old, new) in numbered
            if old != new
        ]
        text = f"write {' and '.join(differing)}"
    return Proposal((case.replaced(changed),), lambda _: text)


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
        if isinstance(layer, Sliding) and layer.strides() == (1, 1) and layer.kernel != (1, 1)
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
