"""What all layers share: the types of their fields, their arithmetic, what they refuse."""

from __future__ import annotations

import re
from math import prod
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from convlens.foundation.errors import NetworkError
from convlens.network.arithmetic import Pair, Shape
from convlens.network.layers.reserved import RESERVED_NAMES

LARGEST = 2**31
"""No single setting of a layer may exceed this; larger numbers are typing mistakes."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _pair(value: object) -> object:
    """Read `n` as `(n, n)` and `[h, w]` as `(h, w)`."""
    if _whole(value):
        return (value, value)
    if isinstance(value, list | tuple) and len(value) == 2 and all(map(_whole, value)):
        return tuple(value)
    raise ValueError("a whole number, or [height, width]")


def _padding(value: object) -> object:
    """Read `n`, `[h, w]`, `[top, bottom, left, right]`, "same" or "valid"."""
    if value == "same":
        return value
    if value == "valid":
        return (0, 0, 0, 0)
    if _whole(value):
        return (value,) * 4
    if isinstance(value, list | tuple) and all(map(_whole, value)):
        if len(value) == 2:
            return (value[0], value[0], value[1], value[1])
        if len(value) == 4:
            return tuple(value)
    raise ValueError(
        'a whole number, [height, width], [top, bottom, left, right], "same" or "valid"'
    )


def _name(value: object) -> object:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("1 to 64 letters, digits and _, not beginning with a digit")
    if value in RESERVED_NAMES:
        raise ValueError(f'another name: PyTorch modules keep "{value}" for themselves')
    return value


Count = Annotated[int, Field(strict=True, ge=1, le=LARGEST)]

Positive = Annotated[int, Field(ge=1, le=LARGEST)]

NotNegative = Annotated[int, Field(ge=0, le=LARGEST)]

Sizes = Annotated[tuple[Positive, Positive], BeforeValidator(_pair)]

Padding = Annotated[
    Literal["same"] | tuple[NotNegative, NotNegative, NotNegative, NotNegative],
    BeforeValidator(_padding),
]

Name = Annotated[str, BeforeValidator(_name)]


class Layer(BaseModel):
    """What every layer has: a kind, an optional name, and its arithmetic on one input shape."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str]
    head: ClassVar[str | None] = None
    """The field that the kind's own key carries; None for kinds written `{ relu = true }`."""

    name: Name | None = None

    def output(self, shape: Shape, *, floor: bool = False) -> Shape:
        """Return the output shape for one input shape.

        Parameters
        ----------
        shape : tuple of int
            `(channels, height, width)` or `(features,)`.
        floor : bool
            Accept a window that does not land on the last cell, as PyTorch and Keras do.

        Raises
        ------
        NetworkError
            Where the layer cannot take this shape.
        """
        return shape

    def reads(self, shape: Shape) -> tuple[list[Pair], list[Pair]] | None:
        """Return the first and the last row, and column, that each of the output depends on.

        None where each row and column depends on itself alone, and for layers whose windows slide,
        which say `windows`.
        """
        return None

    def sees_all(self, shape: Shape) -> bool:
        """Say whether each value depends on all rows and columns, though it keeps its own place."""
        return False

    def weights(self, shape: Shape) -> dict[str, Shape]:
        """Return the shapes of the trained arrays, in PyTorch's axis order."""
        return {}

    def buffers(self, shape: Shape) -> dict[str, Shape]:
        """Return the shapes of the arrays that are kept with the weights but not trained."""
        return {}

    def parameters(self, shape: Shape) -> int:
        """Return the number of trained parameters."""
        return sum(prod(array) for array in self.weights(shape).values())

    def multiply_adds(self, shape: Shape, output: Shape) -> int:
        """Return the multiply-adds for one image (convolution and linear layers only)."""
        return 0

    def settings(self) -> str:
        """Return the layer's settings as the table shows them."""
        return ""


class Unfit(NetworkError):
    """A layer that cannot take the shape it gets; `convlens.network.advice` knows what would fit.

    Parameters
    ----------
    reason : {"maps", "vector", "size", "padding", "groups", "channels"}
        What kind of misfit it is.
    what, expected : str
        The first two parts of the message.
    """

    def __init__(self, reason: str, what: str, expected: str) -> None:
        super().__init__(what, expected)
        self.reason = reason


def maps(layer: Layer, shape: Shape) -> tuple[int, int, int]:
    """Return `(channels, height, width)`, or refuse features."""
    if len(shape) != 3:
        raise Unfit(
            "maps",
            f"{layer.kind} needs maps (channels, height, width) and gets {shape[0]} features",
            "an input with height and width",
        )
    channels, height, width = shape
    return channels, height, width


def spelled(pair: Pair, between: str) -> str:
    """Write a pair such as 3x5."""
    return f"{pair[0]}{between}{pair[1]}"


def short(value: object) -> object:
    """Write a pair or a padding in its shortest form: 3, [3, 5] or [0, 1, 0, 1]."""
    if not isinstance(value, tuple):
        return value
    if len(set(value)) == 1:
        return value[0]
    if len(value) == 4 and value[0] == value[1] and value[2] == value[3]:
        return [value[0], value[2]]
    return list(value)
