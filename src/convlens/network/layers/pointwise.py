"""Kinds that make each value from one value of their input, by settings and the channel's arrays.

Such a kind carries all that the rooms must know of it, so that none of them names it: its formula
in NumPy and as text, its sentence, and how PyTorch, Keras and ONNX write it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, TypeVar

from convlens.network.arithmetic import Shape
from convlens.network.layers.base import Layer
from convlens.network.layers.notation import Call, Operation

if TYPE_CHECKING:  # NumPy is loaded where something is computed: a table of shapes needs none
    import numpy as np
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]


class Pointwise(Layer):
    """A kind whose every output value is made of the input value in the same place."""

    keras_arrays: ClassVar[Mapping[str, str]] = {}
    """What Keras calls each of the kind's arrays, in Keras's order."""

    @abstractmethod
    def compute(self, x: Float64, arrays: Mapping[str, Float64]) -> Float64:
        """Return the layer's output as in evaluation.

        Parameters
        ----------
        x : float64 array (N, C, H, W) or (N, F)
            The input.
        arrays : mapping of str to float64 array (C,) or (F,)
            The layer's weights and buffers.

        Returns
        -------
        float64 array of the same shape
        """

    @abstractmethod
    def formula(self, x: float, arrays: Mapping[str, float]) -> tuple[str, dict[str, float]]:
        """Return the formula for one value as text, and the numbers in it other than x.

        Parameters
        ----------
        x : float
            The value.
        arrays : mapping of str to float
            The numbers of its channel.
        """

    @abstractmethod
    def sentence(self) -> str:
        """Say what the layer does to its input."""

    @abstractmethod
    def torch(self, shape: Shape) -> Call:
        """Return the PyTorch module for one input shape."""

    @abstractmethod
    def keras(self, shape: Shape) -> Call:
        """Return the Keras layer for one input shape `(C, H, W)` or `(F,)`."""

    @classmethod
    def onnx(cls) -> tuple[Operation, ...]:
        """Return the forms in which ONNX files hold the kind, the first being what is written.

        None for a kind that `interchange/onnx` writes and reads by functions of its own.
        """
        return ()

    def constants(self) -> dict[str, float]:
        """Return the settings that the formula is computed with."""
        return {}


Kind = TypeVar("Kind", bound=Pointwise)


def per_channel(array: Float64, x: Float64) -> Float64:
    """Return an array `(C,)` in the shape that meets `x` channel by channel."""
    return array.reshape(-1, *(1,) * (x.ndim - 2))


def concrete(*kinds: type[Kind]) -> tuple[type[Kind], ...]:
    """Return the kinds; the type checker names each that leaves something out."""
    return kinds
