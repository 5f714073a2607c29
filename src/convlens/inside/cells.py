"""Cells of a layer's output: which ones exist, and which pixels of the image each can see."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import SupportsIndex

import numpy as np

from convlens.foundation.errors import InputError
from convlens.inside.records import Cell, Region
from convlens.network import layers
from convlens.network.arithmetic import shape_text
from convlens.network.plan import IMAGE, Plan, Step


def checked_cell(
    step: Step, cell: SupportsIndex | Iterable[SupportsIndex], filter: int | None
) -> Cell:
    """Return the cell with all its axes, or say what is wrong with it.

    Raises
    ------
    InputError
        Where it is not made of whole numbers, has too few or too many, or does not exist; gives
        the layer's ranges and the nearest cell.
    """
    if len(step.output) == 1:
        axes = ["index"]
    else:
        by_filter = isinstance(step.layer, layers.Convolution)
        axes = ["filter" if by_filter else "channel", "row", "column"]
    ranges = ", ".join(f"{a} 0 to {n - 1}" for a, n in zip(axes, step.output, strict=True))
    expected = f"({', '.join(axes)}) with {ranges}" if len(axes) > 1 else ranges
    try:
        whole = ([] if filter is None else [operator.index(filter)]) + _numbers(cell)
    except TypeError:
        raise InputError(
            f'the cell {cell!r} of layer "{step.name}" is not made of whole numbers',
            expected,
            "count cells from 0",
        ) from None
    if len(whole) != len(axes):
        raise InputError(
            f'the cell {tuple(whole)} has {len(whole)} numbers and layer "{step.name}", '
            f"{shape_text(step.output)}, has {len(axes)}",
            expected,
            "give all three, or (row, column) and filter=" if len(axes) > 1 else "give one index",
        )
    near = tuple(min(max(n, 0), size - 1) for n, size in zip(whole, step.output, strict=True))
    if near != tuple(whole):
        raise InputError(
            f'layer "{step.name}" has no cell {tuple(whole)}', expected, f"the nearest is {near}"
        )
    return near


def _numbers(cell: SupportsIndex | Iterable[SupportsIndex]) -> list[int]:
    if isinstance(cell, Iterable):  # NumPy's arrays among them
        return [operator.index(n) for n in cell]
    return [operator.index(cell)]


def region(plan: Plan, step: Step, cell: Cell) -> Region:
    """Return the receptive field of a cell, in pixels of the image."""
    vertical, horizontal = step.receptive_field
    y, x = _on_grid(plan, step, cell)
    return Region(*vertical.region(y), *horizontal.region(x))


def _on_grid(plan: Plan, step: Step, cell: Cell) -> tuple[int, int]:
    """Return the (row, column) that a cell has on the grid of its layer's receptive field.

    Features keep the grid of the maps they were, until a layer that reads all of them (linear,
    softmax) makes one cell of it, or features of several branches are put one after the other.
    """
    if len(cell) == 3:
        return cell[1], cell[2]
    if isinstance(step.layer, layers.Linear | layers.Softmax | layers.Concat):
        return 0, 0
    if len(step.input) == 3 and isinstance(step.layer, layers.Flatten):
        _, y, x = np.unravel_index(cell[0], step.input)
        return int(y), int(x)
    # never the image, which has no features; of branches, those that still are on a grid
    places = {_on_grid(plan, plan.steps[position], cell) for position in step.inputs} - {(0, 0)}
    return places.pop() if len(places) == 1 else (0, 0)


def maps_behind(plan: Plan, layer: str) -> tuple[int, ...] | None:
    """Return the shape of the maps that a linear layer's features were, if they still are.

    They no longer are behind another linear layer, nor where branches of features are put one
    after the other.
    """
    position = plan.step(layer).inputs[0]
    while position != IMAGE:
        step = plan.steps[position]
        if isinstance(step.layer, layers.Linear | layers.Concat) and len(step.output) == 1:
            return None
        if len(step.input) == 3:
            return step.input
        position = step.inputs[0]
    return None
