"""Kinds that carry what the rooms must know of them, so that none of the rooms names them.

Such a kind holds its formula in NumPy, its sentence, and how PyTorch and Keras write it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, TypeVar

from convlens.network.arithmetic import Shape
from convlens.network.layers.base import Layer
from convlens.network.layers.notation import Call

if TYPE_CHECKING:  # NumPy is loaded where something is computed: a table of shapes needs none
    import numpy as np
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]


class Described(Layer):
    """A kind with one input that the rooms know by what it says of itself."""

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
        float64 array (N, ...)
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


Kind = TypeVar("Kind", bound=Described)


def concrete(*kinds: type[Kind]) -> tuple[type[Kind], ...]:
    """Return the kinds; the type checker names each that leaves something out."""
    return kinds
