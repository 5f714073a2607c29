"""The one walk over a written network: it makes the plan, or says where the layers do not fit.

The check of a network is that the walk ends. It allocates nothing but the steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import cast

from convlens.foundation.errors import NetworkError
from convlens.network.arithmetic import Pair, ReceptiveField, Shape, shape_text
from convlens.network.layers import (
    Add,
    AnyLayer,
    GlobalAvgPool,
    GlobalMaxPool,
    Layer,
    Linear,
    Residual,
    Sliding,
    Softmax,
    Unfit,
)
from convlens.network.mistakes import Mistake, NetworkMistakes, Path, line_of
from convlens.network.plan import IMAGE, Plan, Step
from convlens.network.plan_text import render

_WHOLE = (GlobalMaxPool, GlobalAvgPool, Linear, Softmax)
"""The layers whose every output cell depends on every input cell."""


@dataclass(frozen=True)
class Limits:
    """The largest network that is accepted; beyond it lies a typing mistake or an attack."""

    layers: int = 10_000
    parameters: int = 2**31
    side: int = 16_384
    """Largest height, width or number of channels of the input."""
    activations: int = 2**33
    """Largest number of values in one layer's output for one image."""


class Misfit(NetworkMistakes):
    """Layers that do not fit together, with the layer at fault and the table up to it.

    Parameters
    ----------
    mistake : Mistake
        What is wrong. Its kind is one of "maps", "vector", "size", "padding", "groups",
        "branches", "names", "layers", "parameters", "activations", "softmax" and "classes".
    layer : str
        Full name of the layer at fault, such as `residual1.conv2`.
    plan : Plan
        The steps of the layers before it.
    shapes : tuple of Shape
        What the layer at fault gets; of a residual block also what its two sides give.
    where : str
        The file, or an empty string.
    """

    def __init__(
        self,
        mistake: Mistake,
        layer: str,
        plan: Plan,
        shapes: tuple[Shape, ...] = (),
        where: str = "",
    ) -> None:
        super().__init__([mistake], where)
        self.mistake = mistake
        self.layer = layer
        self.plan = plan
        self.shapes = shapes
        if mistake.kind in _WITH_TABLE and plan.steps:
            self.what += _steps_above(plan)

    def within(self, where: str, lines: Mapping[Path, int] | None = None) -> Misfit:
        """Return the same misfit with its file and its line in it."""
        line = line_of(self.mistake.at, lines or {})
        mistake = replace(self.mistake, line=line)
        return Misfit(mistake, self.layer, self.plan, self.shapes, where)


_WITH_TABLE = ("maps", "vector", "size", "padding", "groups", "branches")
"""Kinds of misfit whose message shows the shapes before it."""


def _steps_above(plan: Plan) -> str:
    """Return the last steps before a mistake; a thousand more would bury it."""
    earlier = len(plan.steps) - 12
    shown = Plan(plan.input if earlier <= 0 else (), plan.steps[-12:])
    above = "\n".join("    " + line for line in render(shown, totals=False).splitlines())
    more = f" ({earlier} earlier layers not shown)" if earlier > 0 else ""
    return f"\n  the table up to it{more}:\n{above}"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk stands: a step, its shape, the grid of its cells, and what each cell sees."""

    step: int
    shape: Shape
    grid: Pair
    field: tuple[ReceptiveField, ReceptiveField]


class _Walk:
    """Follow one image through the layers, collecting steps."""

    def __init__(self, input_shape: Shape, floor: bool, limits: Limits, name: str) -> None:
        self.name = name
        self.input = input_shape
        self.floor = floor
        self.limits = limits
        self.steps: list[Step] = []
        self.parameters = 0

    def through(
        self, layers: tuple[Layer, ...], place: _Place, prefix: str, depth: int, at: Path
    ) -> _Place:
        for index, (own, layer) in enumerate(self._named(layers, prefix, at)):
            name, here = prefix + own, (*at, index)
            if len(self.steps) >= self.limits.layers:
                raise self._misfit(
                    *("layers", name, here, ""),
                    f"the network has more than {self.limits.layers:,} layers",
                    f"at most {self.limits.layers:,}",
                    "raise `limits.layers`",
                )
            if isinstance(layer, Residual):
                place = self._residual(layer, name, here, place, depth)
            else:
                place = self._layer(layer, name, here, place, depth)
        return place

    def _named(
        self, layers: tuple[Layer, ...], prefix: str, at: Path
    ) -> Iterator[tuple[str, Layer]]:
        taken: set[str] = set()
        own = {layer.name for layer in layers if layer.name}
        for index, (name, layer) in enumerate(zip(own_names(layers), layers, strict=True)):
            if name in taken or (not layer.name and name in own):
                raise self._misfit(
                    *("names", prefix + name, (*at, index), ""),
                    f'two layers are called "{name}"',
                    "a name that no other layer has",
                )
            taken.add(name)
            yield name, layer

    def _layer(self, layer: Layer, name: str, at: Path, place: _Place, depth: int) -> _Place:
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
            cast("AnyLayer", layer),  # every kind but the one handled in `_residual`
            depth,
            (place.step,),
            place.shape,
            output,
            layer.parameters(place.shape),
            layer.multiply_adds(place.shape, output),
            after.field,
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
            field = vertical.whole(place.grid[0]), horizontal.whole(place.grid[1])
            return _Place(at, output, (1, 1), field)
        return _Place(at, output, place.grid, place.field)

    def _residual(self, block: Residual, name: str, at: Path, place: _Place, depth: int) -> _Place:
        inside = (*at, "residual"), (*at, "shortcut")
        main = self.through(block.layers, place, f"{name}.", depth + 1, inside[0])
        side = self.through(block.shortcut, place, f"{name}.shortcut.", depth + 1, inside[1])
        if main.shape != side.shape:
            raise self._misfit(
                *("branches", name, at, _subject(name, block, place.shape)),
                f"the layers give {shape_text(main.shape)} and the shortcut gives "
                f"{shape_text(side.shape)}",
                "one shape on both sides of the sum",
                shapes=(place.shape, main.shape, side.shape),
            )
        heights = main.field[0].union(side.field[0], main.grid[0])
        widths = main.field[1].union(side.field[1], main.grid[1])
        after = _Place(len(self.steps), main.shape, main.grid, (heights, widths))
        inputs = main.step, side.step
        self._add(Step(name, Add(), depth, inputs, main.shape, main.shape, 0, 0, after.field), at)
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
    """Yield the name of each layer of one list: given, or its kind and number (`conv2`)."""
    counts: dict[str, int] = {}
    for layer in layers:
        counts[layer.kind] = counts.get(layer.kind, 0) + 1
        # relu6_1: the name relu61 would be that of the 61st ReLU
        gap = "_" if layer.kind[-1].isdigit() else ""
        yield layer.name or f"{layer.kind}{gap}{counts[layer.kind]}"


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
    steps.through(layers, start, "", 0, ("layers",))
    _check_end(layers, steps.plan, classes)
    return steps.plan


def _check_end(layers: tuple[Layer, ...], plan: Plan, classes: int | None) -> None:
    """Refuse a softmax before other layers, and outputs that are not one for each class."""
    for step in plan.steps[:-1]:
        if isinstance(step.layer, Softmax):
            mistake = Mistake(
                path_of(layers, step.name),
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


def path_of(layers: tuple[Layer, ...], name: str, at: Path = ("layers",)) -> Path:
    """Return where the layer of a full name stands in a written network.

    >>> block = Residual(layers=(Linear(features=3), Softmax()))
    >>> path_of((Softmax(), block), "residual1.softmax1")
    ('layers', 1, 'residual', 1)
    """
    for index, (own, layer) in enumerate(named(layers)):
        if own == name:
            return (*at, index)
        if isinstance(layer, Residual) and name.startswith(f"{own}."):
            inner = name.removeprefix(f"{own}.")
            side = inner.removeprefix("shortcut.")
            if side == inner:
                return path_of(layer.layers, inner, (*at, index, "residual"))
            return path_of(layer.shortcut, side, (*at, index, "shortcut"))
    return at
