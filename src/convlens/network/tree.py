"""The written tree of a graph: chains of steps become lists of layers, joins become blocks.

The opposite of `convlens.network.walk`, for readers of files that hold a graph: they give the
layers and what each reads, and need not know how a network nests what it writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby

from convlens.foundation.errors import NetworkError, quote
from convlens.network.layers import (
    JOINS,
    Add,
    Branches,
    Concat,
    Join,
    Layer,
    Repeat,
    Residual,
)
from convlens.network.plan import IMAGE, Plan
from convlens.network.reading import DEEPEST
from convlens.network.walk import own_names


@dataclass(frozen=True)
class GraphStep:
    """One layer of a graph, and what it reads.

    Parameters
    ----------
    key : str
        What the steps that read its output call it.
    layer : Layer
        What it computes: a join, such as `Add`, where it reads more than one output.
    inputs : tuple of str
        The keys of the steps that it reads, or that of the graph's input.
    name : str
        The full name that the layer should get, such as `residual1.conv2`; empty where any will do.
    """

    key: str
    layer: Layer
    inputs: tuple[str, ...]
    name: str = ""


@dataclass(frozen=True)
class Tree:
    """What a person would write for a graph.

    Parameters
    ----------
    layers : tuple of Layer
        The layers of the network.
    keys : tuple of str
        The key of the graph's step that each step of the network's plan comes from.
    """

    layers: tuple[Layer, ...]
    keys: tuple[str, ...]


def tree(graph: Sequence[GraphStep], source: str, output: str) -> Tree:
    """Write a graph as a network's layers.

    The names that the steps ask for are kept, list by list, where all of a list can be. Steps
    that are named as copies of repeated layers, and are equal, are written once.

    Parameters
    ----------
    graph : sequence of GraphStep
        In the order of computation. What does not lead to the output is left out.
    source, output : str
        The keys of the graph's input and of the step whose output is wanted.

    Raises
    ------
    NetworkError
        Where two branches share more than the place where they part, are nested too deep, or meet
        in a join that no block is written for.

    Examples
    --------
    >>> from convlens.network.layers import ReLU
    >>> graph = [GraphStep("f", ReLU(), ("x",)), GraphStep("sum", Add(), ("x", "f"))]
    >>> written = tree(graph, "x", "sum")
    >>> written.layers == (Residual(layers=(ReLU(),)),)
    True
    >>> written.keys
    ('f', 'sum')
    """
    try:
        items = _Graph(graph, source).between(source, output, 0)
    except NetworkError:
        items = _Graph(_dense(graph), source).between(source, output, 0)
    return Tree(_layers(items, ""), tuple(_in_plan_order(items)))


def tree_of_plan(plan: Plan) -> Tree:
    """Write the network whose plan this is, with the plan's names.

    Examples
    --------
    >>> from convlens.network import zoo
    >>> network = zoo.load("bottleneck-resnet")
    >>> tree_of_plan(network.plan()).layers == network.layers
    True
    """
    source = ""  # the name of no layer
    names = [step.name for step in plan.steps]
    graph = [
        GraphStep(
            step.name,
            step.layer,
            tuple(source if position == IMAGE else names[position] for position in step.inputs),
            step.name,
        )
        for step in plan.steps
    ]
    return tree(graph, source, names[-1] if names else source)


def _dense(graph: Sequence[GraphStep]) -> Iterator[GraphStep]:
    """Yield the steps; a concatenation that begins with all that another one reads, reads that one.

    DenseNet is often written so: each layer reads all maps before it, one after the other.
    """
    earlier: dict[tuple[str, ...], str] = {}
    for step in graph:
        if isinstance(step.layer, Concat):
            inputs = step.inputs
            for count in range(len(inputs) - 1, 1, -1):
                if (before := earlier.get(inputs[:count])) is not None:
                    step = replace(step, inputs=(before, *inputs[count:]))
                    break
            earlier.setdefault(inputs, step.key)
        yield step


@dataclass(frozen=True)
class _Item:
    """A step in a list of layers; of a join, the lists of its branches."""

    step: GraphStep
    branches: tuple[tuple[_Item, ...], ...] = ()


class _Graph:
    """A graph with the place where the branches of each join part."""

    def __init__(self, graph: Iterable[GraphStep], source: str) -> None:
        steps = list(graph)
        self.steps = {step.key: step for step in steps}
        self.place = {source: -1, **{step.key: i for i, step in enumerate(steps)}}
        self.parting: dict[str, str] = {}
        self.used: set[str] = set()
        for step in steps:  # in order, so that each search meets joins whose parting is known
            if len(step.inputs) > 1:
                self.parting[step.key] = reduce(self._parting, step.inputs)

    def before(self, key: str) -> str:
        """Return the last step that all ways to a step come through."""
        return self.parting[key] if key in self.parting else self.steps[key].inputs[0]

    def _parting(self, first: str, second: str) -> str:
        while first != second:  # the one computed later cannot be where they part
            if self.place[first] > self.place[second]:
                first = self.before(first)
            else:
                second = self.before(second)
        return first

    def between(self, start: str, end: str, depth: int) -> tuple[_Item, ...]:
        """Return the list of layers that leads from the output of one step to that of another."""
        if depth > DEEPEST:
            raise NetworkError(
                f"its branches are nested more than {DEEPEST} deep",
                f"at most {DEEPEST} blocks inside one another",
            )
        items: list[_Item] = []
        while end != start:
            if end in self.used:
                raise NetworkError(
                    f"two branches share the node {quote(end)}",
                    "branches that meet in a join and have nothing else in common",
                    "import a network without connections across its blocks",
                )
            self.used.add(end)
            step, before = self.steps[end], self.before(end)
            branches: tuple[tuple[_Item, ...], ...] = ()
            if len(step.inputs) > 1:
                branches = tuple(self.between(before, side, depth + 1) for side in step.inputs)
            items.append(_Item(step, branches))
            end = before
        return tuple(reversed(items))


def _layers(items: Sequence[_Item], prefix: str) -> tuple[Layer, ...]:
    """Return one list of layers, named as the steps ask where all names of the list can be kept."""
    written = list(_written(items, prefix))
    layers = tuple(layer for layer, _ in written)
    names = [name for _, name in written]
    usual = list(own_names(layers))
    if names == usual or not all(names) or len(set(names)) < len(names):
        return layers
    try:
        return tuple(
            layer if name == own else _renamed(layer, name)
            for layer, name, own in zip(layers, names, usual, strict=True)
        )
    except ValueError:  # one of them cannot be a layer's name
        return layers


_COPY = re.compile(r"([A-Za-z_]\w*)\.([1-9]\d*)\.")


def _written(items: Sequence[_Item], prefix: str) -> Iterator[tuple[Layer, str]]:
    """Yield each layer of a list with the name that it asks for; copies of layers as one `Repeat`.

    Only names tell that layers are copies: `stage.1.conv1`, `stage.2.conv1`.
    """
    for own, group in groupby(items, lambda item: _copy(item, prefix)[0]):
        members = list(group)
        repeat = _repeat(members, prefix) if own else None
        if repeat is not None:
            yield repeat, own
            continue
        for item in members:
            name = item.step.name.removeprefix(prefix)
            asks = name if item.step.name.startswith(prefix) else ""
            yield _block(item) if item.branches else item.step.layer, asks


def _copy(item: _Item, prefix: str) -> tuple[str, int]:
    """Return which repetition an item asks to stand in, and in which of its copies."""
    match = _COPY.match(item.step.name, len(prefix)) if item.step.name.startswith(prefix) else None
    return (match[1], int(match[2])) if match else ("", 0)


def _repeat(items: Sequence[_Item], prefix: str) -> Repeat | None:
    """Return the items as copies of the same layers, or None where they are not."""
    copies = {
        number: _layers(list(group), f"{prefix}{own}.{number}.")
        for (own, number), group in groupby(items, lambda item: _copy(item, prefix))
    }
    if list(copies) != list(range(1, len(copies) + 1)) or len(set(copies.values())) > 1:
        return None
    return Repeat(times=len(copies), layers=copies[1])


def _renamed(layer: Layer, name: str) -> Layer:
    """Return the layer with another name, which is checked as a user's would be."""
    fields = {field: getattr(layer, field) for field in type(layer).model_fields}
    return type(layer)(**{**fields, "name": name})


def _block(item: _Item) -> Layer:
    """Return the block that a person writes for a join and its branches."""
    join = item.step.layer
    if not isinstance(join, Join):
        raise NetworkError(
            f"{quote(item.step.key)} joins {len(item.branches)} branches by {join.kind}",
            "branches that are joined by one of " + ", ".join(kind.kind for kind in JOINS),
        )
    inside = f"{item.step.name}." if item.step.name else "\0"  # a prefix that no name has
    if _is_residual(item):
        main, shortcut = _sides(item)
        return Residual(
            layers=_layers(main, inside), shortcut=_layers(shortcut, f"{inside}shortcut.")
        )
    branches = tuple(
        _layers(branch, f"{inside}branch{number}.")
        for number, branch in enumerate(item.branches, start=1)
    )
    return Branches.model_validate({"branches": branches, "join": join.kind})


def _is_residual(item: _Item) -> bool:
    """Say whether a join is written in the short form of two branches that are added."""
    if not isinstance(item.step.layer, Add) or len(item.branches) != 2:
        return False
    inner = [first.step.name for branch in item.branches for first in branch[:1]]
    as_branches = [f"{item.step.name}.branch{number}." for number in (1, 2)]
    if any(name.startswith(tuple(as_branches)) for name in inner):
        return False
    return re.fullmatch(r"(.*\.)?add\d+", item.step.name) is None or bool(inner)


def _sides(item: _Item) -> tuple[tuple[_Item, ...], ...]:
    """Return the branches of a join in the order in which its block is walked.

    Of x + f(x) as a residual block, the shortcut is the empty side.
    """
    if _is_residual(item) and not item.branches[0]:
        return item.branches[1], item.branches[0]
    return item.branches


def _in_plan_order(items: Sequence[_Item]) -> Iterator[str]:
    """Yield the keys in the order in which the walk makes steps: a join after its branches."""
    for item in items:
        if item.branches:
            for side in _sides(item):
                yield from _in_plan_order(side)
        yield item.step.key
