"""Kinds that make each value from one value of their input, by settings and the channel's arrays.

Such a kind carries all that the rooms must know of it, so that none of them names it: what a
`Described` kind says, its formula as text, and how ONNX writes it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

from convlens.network.layers.described import Described
from convlens.network.layers.notation import Operation

if TYPE_CHECKING:
    from convlens.network.layers.described import Float64


class Pointwise(Described):
    """A kind whose every output value is made of the input value in the same place.

    A normalisation may use `moments` of a set of values around it, such as their mean.
    """

    @abstractmethod
    def formula(self, x: float, arrays: Mapping[str, float]) -> tuple[str, dict[str, float]]:
        """Return the formula for one value as text, and the numbers in it other than x.

        Parameters
        ----------
        x : float
            The value.
        arrays : mapping of str to float
            The numbers of its channel, and its `moments`.
        """

    def moments(self, x: Float64) -> Mapping[str, Float64]:
        """Return what the formula uses of other values than its own: none, for most kinds.

        Parameters
        ----------
        x : float64 array (N, C, H, W) or (N, F)
            The input.

        Returns
        -------
        dict of str to float64 array
            Such as the mean over a set of values that each value stands among; they broadcast
            to the input's shape.
        """
        return {}

    @classmethod
    def onnx(cls) -> tuple[Operation, ...]:
        """Return the forms in which ONNX files hold the kind, the first being what is written.

        None for a kind that `interchange/onnx` writes and reads by functions of its own.
        """
        return ()

    def constants(self) -> dict[str, float]:
        """Return the settings that the formula is computed with."""
        return {}


def per_channel(array: Float64, x: Float64) -> Float64:
    """Return an array `(C,)` in the shape that meets `x` channel by channel."""
    return array.reshape(-1, *(1,) * (x.ndim - 2))
