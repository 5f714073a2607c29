"""The one walk over a written network: it makes the plan, or says where the layers do not fit.

The check of a network is that the walk ends. It allocates nothing but the steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import cast

from convlens.foundation.errors import NetworkError
from convlens.network.arithmetic import Pair, ReceptiveField, Shape, shape_text
from convlens.network.layers import (
    Add,
    AnyLayer,
    Branches,
    Compound,
    Concat,
    GlobalAvgPool,
    GlobalMaxPool,
    Join,
    Layer,
    Linear,
    Multiply,
    Repeat,
    Residual,
    Sliding,
    Softmax,
    Unfit,
)
from convlens.network.layers.joins import Branch
from convlens.network.misfit import Limits, Misfit
from convlens.network.mistakes import Mistake, Path
from convlens.network.plan import IMAGE, Plan, Step

_WHOLE = (GlobalMaxPool, GlobalAvgPool, Linear, Softmax)
"""The layers whose every output cell depends on every input cell."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk stands: a step, its shape, the grid of its cells, and what each cell sees."""

    step: int
    shape: Shape
    grid: Pair
    field: tuple[ReceptiveField, ReceptiveField]

    @property
    def whole(self) -> tuple[ReceptiveField, ReceptiveField]:
        """What all its cells see together."""
        return self.field[0].whole(self.grid[0]), self.field[1].whole(self.grid[1])


def _met(
    join: Join, ends: Sequence[_Place], output: Shape
) -> tuple[Pair, tuple[ReceptiveField, ReceptiveField]]:
    """Return the grid of the cells where branches meet, and what each cell sees."""
    grids = {end.grid for end in ends} - {(1, 1)}
    if len(output) == 1 and (len(grids) > 1 or isinstance(join, Concat)):
        # features of several maps are on no common grid
        fields = [end.whole for end in ends]
        rows, columns = (ReceptiveField.union(axis, 1) for axis in zip(*fields, strict=True))
        return (1, 1), (rows, columns)
    grid = next(iter(grids), (1, 1))
    rows, columns = (
        ReceptiveField.union(
            [
                end.field[axis].everywhere if end.grid[axis] < grid[axis] else end.field[axis]
                for end in ends
            ],
            grid[axis],
        )
        for axis in (0, 1)
    )
    return grid, (rows, columns)


@dataclass(frozen=True, slots=True)
class _List:
    """A list of layers: where it is written, and what the names of its layers begin with.

    `block` and `branch` say in which branch of which join it stands, `depth` in how many joins.
    """

    layers: Branch
    at: Path
    prefix: str = ""
    block: str = ""
    branch: int = 0
    depth: int = 0


class _Walk:
    """Follow one image through the layers, collecting steps."""

    def __init__(self, input_shape: Shape, floor: bool, limits: Limits, name: str) -> None:
        self.name = name
        self.input = input_shape
        self.floor = floor
        self.limits = limits
        self.steps: list[Step] = []
        self.places: list[Path] = []
        """Where each step is written."""
        self.parameters = 0

    def through(self, listed: _List, place: _Place) -> _Place:
        for index, (own, layer) in enumerate(self._named(listed)):
            name, at = listed.prefix + own, (*listed.at, index)
            if len(self.steps) >= self.limits.layers:
                raise self._misfit(
                    *("layers", name, at, ""),
                    f"the network has more than {self.limits.layers:,} layers",
                    f"at most {self.limits.layers:,}",
                    "raise `limits.layers`",
                )
            match layer:
                case Residual():
                    place = self._joined(layer, Add(), ("", "shortcut."), name, at, listed, place)
                case Branches():
                    prefixes = tuple(f"branch{n}." for n in range(1, len(layer.branches) + 1))
                    place = self._joined(layer, layer.ending(), prefixes, name, at, listed, place)
                case Repeat():
                    inner = replace(listed, layers=layer.layers, at=(*at, "layers"))
                    for copy in range(1, layer.times + 1):
                        before = len(self.steps)
                        place = self.through(replace(inner, prefix=f"{name}.{copy}."), place)
                        if len(self.steps) == before:
                            break  # nothing, any number of times, is nothing
                case _:
                    place = self._layer(layer, name, at, listed, place)
        return place

    def _named(self, listed: _List) -> Iterator[tuple[str, Layer]]:
        taken: set[str] = set()
        layers = listed.layers
        own = {layer.name for layer in layers if layer.name}
        for index, (name, layer) in enumerate(named(layers)):
            if name in taken or (not layer.name and name in own):
                raise self._misfit(
                    *("names", listed.prefix + name, (*listed.at, index), ""),
                    f'two layers are called "{name}"',
                    "a name that no other layer has",
                )
            taken.add(name)
            yield name, layer

    def _layer(self, layer: Layer, name: str, at: Path, listed: _List, place: _Place) -> _Place:
        try:
            output = layer.output(place.shape, floor=self.floor)
        except Unfit as error:
            raise self._misfit(
                *(error.reason, name, at, _subject(name, layer, place.shape)),
                error.what,
                error.expected,
                shapes=(place.shape,),
            ) from None
        after = self._seen(layer, place, output)
        step = Step(
            name,
            cast("AnyLayer", layer),  # every kind but those handled in `through`
            listed.depth,
            (place.step,),
            place.shape,
            output,
            layer.parameters(place.shape),
            layer.multiply_adds(place.shape, output),
            after.field,
            listed.block,
            listed.branch,
        )
        self._add(step, at)
        return after

    def _seen(self, layer: Layer, place: _Place, output: Shape) -> _Place:
        at = len(self.steps)
        vertical, horizontal = place.field
        if isinstance(layer, Sliding):
            rows, columns = layer.windows(place.shape)
            field = vertical.through(rows), horizontal.through(columns)
            return _Place(at, output, (output[1], output[2]), field)
        if isinstance(layer, _WHOLE):
            return _Place(at, output, (1, 1), place.whole)
        vertical, horizontal = place.field
        if (reads := layer.reads(place.shape)) is not None:
            field = vertical.over(reads[0]), horizontal.over(reads[1])
            return _Place(at, output, (output[1], output[2]), field)
        if layer.sees_all(place.shape):
            down, across = ([(0, size - 1)] * size for size in place.grid)
            field = vertical.over(down), horizontal.over(across)
            return _Place(at, output, place.grid, field)
        return _Place(at, output, place.grid, place.field)

    def _joined(
        self,
        block: Residual | Branches,
        join: Add | Concat | Multiply,
        prefixes: tuple[str, ...],
        name: str,
        at: Path,
        listed: _List,
        place: _Place,
    ) -> _Place:
        """Walk the branches of a block, each from its start, and end them in a join."""
        ends = [
            self.through(
                _List(*(layers, (*at, *keys), f"{name}.{prefix}"), name, branch, listed.depth + 1),
                place,
            )
            for branch, (prefix, (keys, layers)) in enumerate(
                zip(prefixes, block.lists().items(), strict=True)
            )
        ]
        shapes = tuple(end.shape for end in ends)
        try:
            output = join.joined(shapes)
        except Unfit as error:
            what = error.what
            if isinstance(block, Residual):
                main, side = map(shape_text, shapes)
                what = f"the layers give {main} and the shortcut gives {side}"
            raise self._misfit(
                *(error.reason, name, at, _subject(name, block, place.shape)),
                what,
                error.expected,
                shapes=(place.shape, *shapes),
            ) from None
        grid, field = _met(join, ends, output)
        after = _Place(len(self.steps), output, grid, field)
        step = Step(
            name,
            join,
            listed.depth,
            tuple(end.step for end in ends),
            shapes[0],
            output,
            0,
            0,
            field,
            listed.block,
            listed.branch,
        )
        self._add(step, at)
        return after

    def _add(self, step: Step, at: Path) -> None:
        self.parameters += step.parameters
        if self.parameters > self.limits.parameters:
            raise self._misfit(
                *("parameters", step.name, at, f'"{step.name}"'),
                f"up to here the network has {self.parameters:,} parameters "
                f"({step.parameters:,} in this layer)",
                f"at most {self.limits.parameters:,}",
                "raise `limits.parameters`",
                shapes=(step.input,),
            )
        if prod(step.output) > self.limits.activations:
            raise self._misfit(
                *("activations", step.name, at, f'"{step.name}"'),
                f"it gives {prod(step.output):,} values for one image",
                f"at most {self.limits.activations:,}",
                shapes=(step.input,),
            )
        self.steps.append(step)
        self.places.append(at)

    @property
    def plan(self) -> Plan:
        """The steps so far."""
        return Plan(self.input, tuple(self.steps), self.name)

    def _misfit(
        self,
        kind: str,
        name: str,
        at: Path,
        subject: str,
        what: str,
        expected: str,
        fix: str = "",
        shapes: tuple[Shape, ...] = (),
    ) -> Misfit:
        mistake = Mistake(at, kind, what, expected, fix=fix, subject=subject)
        return Misfit(mistake, name, self.plan, shapes)


def _subject(name: str, layer: Layer, shape: Shape) -> str:
    settings = f" ({layer.settings()})" if layer.settings() else ""
    return f'"{name}", {layer.kind}{settings} on {shape_text(shape)}'


def own_names(layers: tuple[Layer, ...]) -> Iterator[str]:
    """Yield the name of each layer of one list: given, or its kind and number (`conv2`).

    Branches are called as the join that they end in, `concat1`.
    """
    counts: dict[str, int] = {}
    for layer in layers:
        stem = layer.stem if isinstance(layer, Compound) else layer.kind
        counts[stem] = counts.get(stem, 0) + 1
        # relu6_1: the name relu61 would be that of the 61st ReLU
        gap = "_" if stem[-1].isdigit() else ""
        yield layer.name or f"{stem}{gap}{counts[stem]}"


def named(layers: tuple[Layer, ...]) -> Iterator[tuple[str, Layer]]:
    """Yield each layer of one list with its name."""
    yield from zip(own_names(layers), layers, strict=True)


def walk(
    input_shape: Shape,
    layers: tuple[Layer, ...],
    *,
    classes: int | None = None,
    floor: bool = False,
    limits: Limits | None = None,
    name: str = "network",
) -> Plan:
    """Follow one image through the layers.

    Parameters
    ----------
    input_shape : tuple of int
        `(channels, height, width)`.
    layers : tuple of Layer
        The network.
    classes : int, optional
        What the last layer must give one value each.
    floor : bool
        Apply the floor rule of PyTorch and Keras instead of refusing sizes that do not divide.
    limits : Limits, optional
        What is too large to be meant.
    name : str
        The network's name.

    Raises
    ------
    Misfit
        At the first layer that cannot take its input. It has no advice yet:
        `convlens.network.advice` gives it.
    NetworkError
        Where the input is too large.
    """
    limits = limits or Limits()
    if max(input_shape) > limits.side:
        raise NetworkError(
            f"the input is {shape_text(input_shape)}",
            f"at most {limits.side:,} per side",
            "use a smaller input, or raise `limits.side`",
        )
    steps = _Walk(input_shape, floor, limits, name)
    grid = input_shape[1], input_shape[2]
    start = _Place(IMAGE, input_shape, grid, (ReceptiveField(), ReceptiveField()))
    steps.through(_List(layers, ("layers",)), start)
    _check_end(layers, steps, classes)
    return steps.plan


def _check_end(layers: tuple[Layer, ...], steps: _Walk, classes: int | None) -> None:
    """Refuse a softmax before other layers, and outputs that are not one for each class."""
    plan = steps.plan
    for step, at in zip(plan.steps[:-1], steps.places, strict=False):
        if isinstance(step.layer, Softmax):
            mistake = Mistake(
                at,
                "softmax",
                "softmax stands before other layers",
                "softmax as the last layer, or none: training works on the logits before it",
                subject=f'"{step.name}"',
            )
            raise Misfit(mistake, step.name, plan)
    if classes is not None and plan.output != (classes,):
        last = plan.steps[-1] if plan.steps else None
        mistake = Mistake(
            ("layers", len(layers) - 1) if layers else ("layers",),
            "classes",
            f"the last layer gives {shape_text(plan.output)} and the network has {classes} classes",
            f"an output of shape ({classes},)",
            subject=f'"{last.name}"' if last else "",
        )
        raise Misfit(mistake, last.name if last else "", plan)
