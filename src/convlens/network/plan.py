"""The plan of a network: its layers as a flat tuple of steps, in the order of computation.

A step names the steps that it reads, so that every room computes, writes or draws a network with
one loop and without knowing how it is nested in its file. The table is the plan as text.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import ClassVar

from convlens.foundation.errors import InputError, nearest
from convlens.foundation.notebook import ShownInNotebooks
from convlens.network.arithmetic import FLOAT32_BYTES, Pair, ReceptiveField, Shape
from convlens.network.layers import AnyLayer, Join, Sliding, Softmax
from convlens.network.plan_text import render

IMAGE = -1
"""Stands among the inputs of a layer for the image itself."""


@dataclass(frozen=True, slots=True)
class Step:
    """One layer in its place.

    `name` is the full path inside blocks, `residual1.conv2`, and the prefix of the layer's
    weights. `inputs` are the positions of the steps whose outputs the layer reads, `IMAGE`
    standing for the image; only a join has more than one. `input` is the shape of the first of
    them. `block` is the name of the join in one of whose branches the step stands, empty for
    none, and `branch` the number of that branch, from 0. `activation_bytes` is its float32 output
    for one image.
    """

    name: str
    layer: AnyLayer
    depth: int
    inputs: tuple[int, ...]
    input: Shape
    output: Shape
    parameters: int
    multiply_adds: int
    receptive_field: tuple[ReceptiveField, ReceptiveField]
    block: str = ""
    branch: int = 0

    @property
    def kind(self) -> str:
        return self.layer.kind

    @property
    def own_name(self) -> str:
        """The layer's name inside its block: `conv2` of `residual1.conv2`."""
        return self.name.rpartition(".")[2]

    @property
    def name_in_block(self) -> str:
        """What its block's name does not say: `shortcut.conv1` of `residual1.shortcut.conv1`."""
        return self.name.removeprefix(f"{self.block}.")

    @property
    def activation_bytes(self) -> int:
        return prod(self.output) * FLOAT32_BYTES

    @property
    def dropped(self) -> Pair:
        """The bottom rows and right columns of the input that the floor rule loses."""
        return self.layer.dropped(self.input) if isinstance(self.layer, Sliding) else (0, 0)


@dataclass(frozen=True)
class Block:
    """A join with the steps of its branches, as a person writes them: inside it."""

    step: Step
    branches: tuple[tuple[Step | Block, ...], ...]

    @property
    def name(self) -> str:
        return self.step.name


@dataclass(frozen=True)
class Plan(ShownInNotebooks):
    """The steps of a whole network and their totals (for one image)."""

    _notebook_view: ClassVar[str] = "network"

    input: Shape
    steps: tuple[Step, ...]
    name: str = "network"
    """The network's."""

    @property
    def output(self) -> Shape:
        return self.steps[-1].output if self.steps else self.input

    @property
    def parameters(self) -> int:
        return sum(step.parameters for step in self.steps)

    @property
    def multiply_adds(self) -> int:
        return sum(step.multiply_adds for step in self.steps)

    @property
    def activation_bytes(self) -> int:
        """Bytes of all outputs together with the input: what training keeps for one image."""
        return prod(self.input) * FLOAT32_BYTES + sum(step.activation_bytes for step in self.steps)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {step.name: position for position, step in enumerate(self.steps)}

    def position(self, name: str) -> int:
        """Return the position of one layer among the steps.

        Raises
        ------
        InputError
            Where there is no such layer; gives the nearest name.
        """
        if name in self._positions:
            return self._positions[name]
        known = list(self._positions)
        more = f" and {len(known) - 40} more" if len(known) > 40 else ""
        raise InputError(
            f'there is no layer "{name}"{nearest(name, known)}',
            "one of " + ", ".join(known[:40]) + more,
        )

    def shape_of(self, position: int) -> Shape:
        """Return the output shape of the step at a position, that of the image for `IMAGE`."""
        return self.input if position == IMAGE else self.steps[position].output

    def step(self, name: str) -> Step:
        """Return the step of one layer; raises as `position` does."""
        return self.steps[self.position(name)]

    def sources(self, name: str) -> tuple[str | None, ...]:
        """Return the names of the layers whose outputs a layer reads; None for the image.

        A join reads the end of each of its branches, in their order.
        """
        return tuple(
            None if position == IMAGE else self.steps[position].name
            for position in self.step(name).inputs
        )

    def nested(self) -> tuple[Step | Block, ...]:
        """Return the steps as they are written: those of branches inside their blocks."""
        inside: dict[tuple[str, int], list[Step | Block]] = defaultdict(list)
        for step in self.steps:
            item: Step | Block = step
            if isinstance(step.layer, Join):
                branches = range(len(step.inputs))
                item = Block(step, tuple(tuple(inside[step.name, n]) for n in branches))
            inside[step.block, step.branch].append(item)
        return tuple(inside["", 0])

    @cached_property
    def released(self) -> tuple[tuple[int, ...], ...]:
        """The positions, for each step, whose outputs no later step reads: memory to let go."""
        last = {position: at for at, step in enumerate(self.steps) for position in step.inputs}
        return tuple(
            tuple(position for position in dict.fromkeys(step.inputs) if last[position] == at)
            for at, step in enumerate(self.steps)
        )

    @cached_property
    def logits(self) -> Plan:
        """The steps without a softmax at the end: what training and evaluation work on."""
        if self.steps and isinstance(self.steps[-1].layer, Softmax):
            return replace(self, steps=self.steps[:-1])
        return self

    def cut(self, name: str) -> tuple[Plan, Plan]:
        """Part the network after one layer: what leads up to its output, and what follows.

        Both keep the layers' names, and receptive fields in pixels of the image. The input of
        the second is the layer's output.

        Raises
        ------
        InputError
            Where there is no such layer, or a later layer reads more than its output: inside a
            branch two tensors cross every cut.

        Examples
        --------
        >>> from convlens.network import zoo
        >>> before, after = zoo.load("tutorial-torch").plan().cut("max_pool1")
        >>> before.steps[-1].name, after.steps[0].name, after.input
        ('max_pool1', 'conv2', (32, 13, 13))
        """
        at = self.position(name)
        if name not in self.cuts:
            nearest_cuts = sorted(self.cuts, key=lambda cut: abs(self.position(cut) - at))[:3]
            raise InputError(
                f'the network cannot be cut after "{name}": later layers read others before it',
                "a layer whose output is all that later layers read, such as the end of a block",
                "cut after " + ", ".join(nearest_cuts),
            )
        after = tuple(
            replace(step, inputs=tuple(position - at - 1 for position in step.inputs))
            for step in self.steps[at + 1 :]
        )
        before = replace(self, steps=self.steps[: at + 1])
        return before, replace(self, input=before.output, steps=after)

    @cached_property
    def cuts(self) -> tuple[str, ...]:
        """The layers after which `cut` can part the network, in their order."""
        first_read = [len(self.steps)] * (len(self.steps) + 1)
        for step in reversed(self.steps):
            at = self._positions[step.name]
            first_read[at] = min([first_read[at + 1], *step.inputs])
        # after a step, nothing before it may be read any more
        return tuple(step.name for i, step in enumerate(self.steps) if first_read[i + 1] >= i)

    def weight_shapes(self) -> dict[str, Shape]:
        """Return the shape of every array that the network's weights consist of, by name."""
        return {
            f"{step.name}.{array}": shape
            for step in self.steps
            for shapes in (step.layer.weights(step.input), step.layer.buffers(step.input))
            for array, shape in shapes.items()
        }

    def __str__(self) -> str:
        return render(self)
