"""How PyTorch, Keras and ONNX write a kind of layer: data only, none of the three is imported.

A kind says it once; the engines, the exporters and the importers all follow what it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Call:
    """The call that makes a layer in PyTorch or Keras.

    Parameters
    ----------
    name : str
        A class of `torch.nn` or `keras.layers`; or one that the library does not have, and that
        the engine and the code exporter bring themselves.
    arguments : tuple
        What it takes by position.
    settings : mapping of str to value
        What it takes by name; settings that have the library's usual value are left out.
    """

    name: str
    arguments: tuple[object, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class KerasNames:
    """What Keras calls an activation.

    Parameters
    ----------
    functions : mapping of str to mapping
        Its names in `keras.activations`, each with the kind's settings that the name stands for.
        A kind without a class of its own is written by the first of them.
    layer : str
        Its class in `keras.layers`; empty where it has none.
    settings : mapping of str to (str, float)
        The settings of that class: which of the kind's settings each is, and Keras's usual value.
    """

    functions: Mapping[str, Mapping[str, float]]
    layer: str = ""
    settings: Mapping[str, tuple[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Input:
    """The layer's own input in an operation."""


@dataclass(frozen=True)
class Setting:
    """A number in an operation that is a setting of the layer."""

    name: str


@dataclass(frozen=True)
class Array:
    """An array of the layer in an operation, `(C,)`: one number for each channel of its input."""

    name: str


@dataclass(frozen=True, eq=False)
class Operation:
    """An ONNX operator on its inputs, which may be operations themselves; see `op`."""

    operator: str
    inputs: tuple[Operand, ...]
    attributes: Mapping[str, Setting | float | bytes]

    def parts(self) -> Iterator[Operation]:
        """Yield the operations inside this one, not itself."""
        for operand in self.inputs:
            if isinstance(operand, Operation):
                yield from operand.parts()
                yield operand


Operand = Input | Setting | Array | float | Operation

X: Final = Input()


def op(operator: str, *inputs: Operand, **attributes: Setting | float | bytes) -> Operation:
    """Write an operation.

    Attributes that are left out have the operator's usual value. The inputs of `Mul` and `Add`
    may stand in either order in a file; a `Div` by a number is read as `Mul` by its reciprocal.

    >>> silu = op("Mul", X, op("Sigmoid", X))
    >>> [part.operator for part in silu.parts()]
    ['Sigmoid']
    """
    return Operation(operator, inputs, attributes)
