"""Layers that only move values: every output cell is one cell of the input, or a zero."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator

from convlens.network.arithmetic import Pair, Shape
from convlens.network.layers.base import (
    Count,
    Layer,
    NotNegative,
    Padding,
    Unfit,
    maps,
    short,
)
from convlens.network.layers.described import Described
from convlens.network.layers.notation import Call

if TYPE_CHECKING:
    from convlens.network.layers.described import Float64


class Flatten(Layer):
    """Lay the maps out as one vector: channel by channel, row by row (PyTorch's order)."""

    kind = "flatten"

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        return (prod(shape),)


ZERO = -1
"""Stands among the origins of an axis for a position that is zero."""

Origins = tuple[list[int] | None, list[int] | None, list[int] | None]
"""For the channels, rows and columns of the output, which of the input each one is; None where
all of them stay."""


class Moving(Described):
    """A layer on maps that chooses channels, rows and columns of its input."""

    @abstractmethod
    def origins(self, shape: Shape) -> Origins:
        """Return where each channel, row and column of the output comes from."""

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        sizes = zip(self.origins(maps(self, shape)), shape, strict=True)
        return tuple(size if origin is None else len(origin) for origin, size in sizes)

    def reads(self, shape: Shape) -> tuple[list[Pair], list[Pair]] | None:
        _, rows, columns = self.origins(shape)
        if rows is None and columns is None:
            return None
        sizes = zip((rows, columns), shape[1:], strict=True)
        down, across = (range(size) if axis is None else axis for axis, size in sizes)
        return [(i, i) for i in down], [(i, i) for i in across]

    def source(self, cell: tuple[int, ...], shape: Shape) -> tuple[int, ...] | None:
        """Return the cell of the input that a cell of the output is; None where it is zero."""
        axes = zip(self.origins(shape), cell, strict=True)
        source = tuple(at if origin is None else origin[at] for origin, at in axes)
        return None if ZERO in source else source

    def compute(self, x: Float64, arrays: Mapping[str, Float64]) -> Float64:
        import numpy as np

        for axis, origin in enumerate(self.origins(x.shape[1:]), start=1):
            if origin is not None:
                x = np.take(x, origin, axis)  # the last one stands for a zero until here
                zero = [i for i, source in enumerate(origin) if source == ZERO]
                x[(slice(None),) * axis + (zero,)] = 0.0
        return x


def _sides(value: object) -> object:
    if value == "same":
        raise ValueError("a whole number, [height, width] or [top, bottom, left, right]")
    return value


class Pad(Moving):
    """Rows and columns put around each map: zeros, a mirror image, or the nearest cell again.

    >>> Pad(padding=1, mode="reflect").origins((1, 3, 3))[1]
    [1, 0, 1, 2, 1]
    >>> Pad(padding=(0, 2, 0, 0), mode="replicate").origins((1, 3, 3))[1:]
    ([0, 1, 2, 2, 2], None)
    """

    kind = "pad"
    head = "padding"

    padding: Annotated[Padding, BeforeValidator(_sides)]
    mode: Literal["zero", "reflect", "replicate"] = "zero"
    """The mirror image of "reflect" does not repeat the border cell itself, as in PyTorch."""

    def sides(self) -> tuple[int, int, int, int]:
        """Return the rows above and below, and the columns to the left and to the right."""
        assert self.padding != "same"
        return self.padding

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        _, height, width = maps(self, shape)
        top, bottom, left, right = self.sides()
        if self.mode == "reflect" and (max(top, bottom) >= height or max(left, right) >= width):
            raise Unfit(
                "padding",
                f"pad reflects {short(self.padding)} rows and columns of maps {height}x{width}, "
                "which have no more than that beside their border",
                "padding smaller than the maps",
            )
        return super().output(shape)

    def origins(self, shape: Shape) -> Origins:
        top, bottom, left, right = self.sides()
        rows = _padded(shape[1], top, bottom, self.mode)
        columns = _padded(shape[2], left, right, self.mode)
        return None, rows, columns

    def reads(self, shape: Shape) -> tuple[list[Pair], list[Pair]] | None:
        if self.mode != "zero":
            return super().reads(shape)
        top, bottom, left, right = self.sides()  # a zero has its place beyond the border
        down, across = range(-top, shape[1] + bottom), range(-left, shape[2] + right)
        return [(i, i) for i in down], [(i, i) for i in across]

    def settings(self) -> str:
        return f"{short(self.padding)}" + ("" if self.mode == "zero" else f" {self.mode}")

    def sentence(self) -> str:
        held = {
            "zero": "zeros",
            "reflect": "a mirror image of the cells beside the border",
            "replicate": "the border's cells again",
        }
        return f"Rows and columns are put around each map: {held[self.mode]}."

    def torch(self, shape: Shape) -> Call:
        names = {"zero": "ZeroPad2d", "reflect": "ReflectionPad2d", "replicate": "ReplicationPad2d"}
        top, bottom, left, right = self.sides()
        return Call(names[self.mode], ((left, right, top, bottom),))

    def keras(self, shape: Shape) -> Call:
        top, bottom, left, right = self.sides()
        sides = (top, bottom), (left, right)
        if self.mode == "zero":
            return Call("ZeroPadding2D", (sides,))
        return Call("BorderPadding2D", (sides, self.mode))


def _padded(size: int, before: int, after: int, mode: str) -> list[int] | None:
    if not (before or after):
        return None
    places = range(-before, size + after)
    if mode == "reflect":
        return [size - 1 - abs(size - 1 - abs(i)) for i in places]
    if mode == "replicate":
        return [min(max(i, 0), size - 1) for i in places]
    return [i if 0 <= i < size else ZERO for i in places]


class Channels(Moving):
    """The maps from number `start` on, `count` of them; the others are left out.

    ShuffleNet V2 parts its channels so (Ma et al. 2018, arXiv:1807.11164).

    >>> Channels(count=2, start=1).output((4, 5, 5))
    (2, 5, 5)
    """

    kind = "channels"
    head = "count"

    count: Count
    start: NotNegative = 0

    def origins(self, shape: Shape) -> Origins:
        return list(range(self.start, self.start + self.count)), None, None

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        channels, _, _ = maps(self, shape)
        if self.start + self.count > channels:
            raise Unfit(
                "channels",
                f"it takes the maps {self.start} to {self.start + self.count - 1} of {channels}, "
                "counted from 0",
                f"start + channels of at most {channels}",
            )
        return super().output(shape)

    def settings(self) -> str:
        return f"{self.count}" + (f" start {self.start}" if self.start else "")

    def sentence(self) -> str:
        last = self.start + self.count - 1
        return f"Only the maps {self.start} to {last} go on; the others are left out here."

    def torch(self, shape: Shape) -> Call:
        return Call("Channels", (self.start, self.start + self.count))

    def keras(self, shape: Shape) -> Call:
        return Call("Channels", (self.start, self.start + self.count))


class ChannelShuffle(Moving):
    """The first map of each group, then the second of each, and so on: groups are mixed.

    ShuffleNet (Zhang et al. 2017, arXiv:1707.01083).

    >>> ChannelShuffle(groups=2).origins((6, 1, 1))[0]
    [0, 3, 1, 4, 2, 5]
    """

    kind = "channel_shuffle"
    head = "groups"

    groups: Count

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        channels, _, _ = maps(self, shape)
        check_groups(self, self.groups, channels)
        return shape

    def origins(self, shape: Shape) -> Origins:
        of_one = shape[0] // self.groups
        return [g * of_one + i for i in range(of_one) for g in range(self.groups)], None, None

    def settings(self) -> str:
        return f"groups {self.groups}"

    def sentence(self) -> str:
        return (
            f"The maps are put in another order: the first of each of {self.groups} groups, "
            "then the second of each, and so on."
        )

    def torch(self, shape: Shape) -> Call:
        return Call("ChannelShuffle", (self.groups,))

    def keras(self, shape: Shape) -> Call:
        return Call("ChannelShuffle", (self.groups,))


def check_groups(layer: Layer, groups: int, channels: int) -> None:
    """Refuse groups that do not part the channels evenly."""
    if channels % groups:
        raise Unfit(
            "groups",
            f"{layer.kind} in {groups} groups does not divide {channels} channels",
            "groups that divide the channels",
        )
