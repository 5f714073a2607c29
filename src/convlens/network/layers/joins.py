"""Branches: the joins that they end in, and the forms in which they are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, InstanceOf

from convlens.network.arithmetic import Shape, shape_text
from convlens.network.layers.base import Count, Layer, Unfit

Branch = tuple[InstanceOf[Layer], ...]
"""Layers that have been read; `convlens.network.reading` reads them as users write them."""

Keys = tuple[str | int, ...]
"""What leads from a written layer to a list of layers in it: `("branches", 1)`."""


class Join(Layer):
    """A step that reads the ends of two or more branches."""

    def joined(self, shapes: Sequence[Shape]) -> Shape:
        """Return the output shape for the shapes at the ends of the branches.

        Raises
        ------
        Unfit
            Where the branches do not meet.
        """
        raise NotImplementedError


class Add(Join):
    """The sum of its inputs, cell by cell: what a residual block ends in.

    Source: He et al. 2015, "Deep residual learning", arXiv:1512.03385.
    """

    kind = "add"

    def joined(self, shapes: Sequence[Shape]) -> Shape:
        if len(set(shapes)) > 1:
            sides = "on both sides" if len(shapes) == 2 else "in every branch"
            raise _apart(shapes, f"one shape {sides} of the sum")
        return shapes[0]


class Concat(Join):
    """The maps of its inputs one after the other, or their features.

    Sources: Szegedy et al. 2014, "Going deeper with convolutions", arXiv:1409.4842; Huang et al.
    2016, "Densely connected convolutional networks", arXiv:1608.06993.

    >>> Concat().joined([(8, 14, 14), (24, 14, 14)])
    (32, 14, 14)
    """

    kind = "concat"

    def joined(self, shapes: Sequence[Shape]) -> Shape:
        if len({shape[1:] for shape in shapes}) > 1:
            raise _apart(shapes, "maps of one height and width from every branch")
        return (sum(shape[0] for shape in shapes), *shapes[0][1:])


class Multiply(Join):
    """The product of its inputs, cell by cell; a map of one cell multiplies a whole map.

    Source: Hu et al. 2017, "Squeeze-and-excitation networks", arXiv:1709.01507.

    >>> Multiply().joined([(32, 14, 14), (32, 1, 1)])
    (32, 14, 14)
    """

    kind = "multiply"

    def joined(self, shapes: Sequence[Shape]) -> Shape:
        largest = max(shapes, key=lambda shape: shape[1:])
        gate = largest if len(largest) == 1 else (largest[0], 1, 1)
        if any(shape not in (largest, gate) for shape in shapes):
            raise _apart(shapes, f"{shape_text(largest)} from every branch, or {shape_text(gate)}")
        return largest


def _apart(shapes: Sequence[Shape], expected: str) -> Unfit:
    """Return the refusal of branches that do not meet."""
    ends = [f"branch {number} gives {shape_text(shape)}" for number, shape in enumerate(shapes, 1)]
    return Unfit("branches", f"{', '.join(ends[:-1])} and {ends[-1]}", expected)


class Compound(Layer):
    """A form of writing that holds lists of layers: the walk puts what they mean in its place."""

    @property
    def stem(self) -> str:
        """The word that its number follows where it has no name of its own."""
        return self.kind

    def lists(self) -> dict[Keys, Branch]:
        """Return its lists of layers, by the keys under which they are written."""
        raise NotImplementedError

    def with_list(self, keys: Keys, layers: Branch) -> Self:
        """Return it with another list of layers in place of one."""
        raise NotImplementedError


class Residual(Compound):
    """`layers(x) + shortcut(x)`; an empty shortcut adds x itself.

    Source: He et al. 2015, "Deep residual learning", arXiv:1512.03385.

    The short form of two branches that end in an `Add`.
    """

    kind = "residual"
    head = "layers"

    layers: Branch
    shortcut: Branch = ()

    def lists(self) -> dict[Keys, Branch]:
        return {("residual",): self.layers, ("shortcut",): self.shortcut}

    def with_list(self, keys: Keys, layers: Branch) -> Self:
        field = "layers" if keys == ("residual",) else "shortcut"
        return self.model_copy(update={field: layers})


class Branches(Compound):
    """Branches that all read the same and end in a join; an empty branch is its input itself."""

    kind = "branches"
    head = "branches"

    branches: Annotated[tuple[Branch, ...], Field(min_length=2)]
    join: Literal["add", "concat", "multiply"]

    @property
    def stem(self) -> str:
        return self.join

    def lists(self) -> dict[Keys, Branch]:
        return {("branches", index): branch for index, branch in enumerate(self.branches)}

    def with_list(self, keys: Keys, layers: Branch) -> Self:
        branches = list(self.branches)
        branches[int(keys[1])] = layers
        return self.model_copy(update={"branches": tuple(branches)})

    def ending(self) -> Add | Concat | Multiply:
        """Return the join that the branches end in."""
        return _ENDINGS[self.join]


_ENDINGS: dict[str, Add | Concat | Multiply] = {
    "add": Add(),
    "concat": Concat(),
    "multiply": Multiply(),
}


class Repeat(Compound):
    """Layers that are written once and computed several times in a row, each copy on its own."""

    kind = "repeat"
    head = "times"

    times: Count
    layers: Branch

    def lists(self) -> dict[Keys, Branch]:
        return {("layers",): self.layers}

    def with_list(self, keys: Keys, layers: Branch) -> Self:
        return self.model_copy(update={"layers": layers})
