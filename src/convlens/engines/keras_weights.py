"""The neutral weight layout in Keras's words: which variable, and in which axis order.

NumPy only: what Keras has written can be read where Keras is not installed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convlens.engines import Float32
from convlens.network.arithmetic import Shape
from convlens.network.layers import Described, Layer

_KERNEL = {"weight": "kernel", "bias": "bias"}


def attribute(layer: Layer, array: str) -> str:
    """Return the attribute of a Keras layer that holds an array of the neutral layout.

    >>> from convlens.network.layers import BatchNorm, Linear
    >>> attribute(Linear(features=3), "weight"), attribute(BatchNorm(), "weight")
    ('kernel', 'gamma')
    """
    return (layer.keras_arrays if isinstance(layer, Described) else _KERNEL)[array]


_FROM_KERAS = {"conv": (3, 2, 0, 1), "depthwise": (2, 3, 0, 1), "linear": (1, 0)}
_TO_KERAS = {"conv": (2, 3, 1, 0), "depthwise": (2, 3, 0, 1), "linear": (1, 0)}


def from_keras(array: Any, kind: str, shape: Shape) -> Float32:
    """Return a copy of a Keras variable in PyTorch's axis order.

    Parameters
    ----------
    array : float array
        conv `(h, w, C / groups, F)`, depthwise `(h, w, C, M)`, linear `(in, out)`, or one axis.
    kind : str
        The layer's kind.
    shape : tuple of int
        Its neutral shape: `(F, C / groups, h, w)`, `(C * M, 1, h, w)`, `(out, in)`, or one axis.

    Examples
    --------
    >>> from_keras([[1, 2], [3, 4], [5, 6]], "linear", (2, 3)).tolist()
    [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]
    """
    array = np.asarray(array)
    if array.ndim > 1:
        array = array.transpose(_FROM_KERAS[kind])
    return np.array(array.reshape(shape), np.float32)


def to_keras(array: Any, kind: str, shape: Shape) -> Float32:
    """Return a neutral array in Keras's axis order and the Keras variable's `shape`.

    The inverse of `from_keras`, bit for bit.
    """
    array = np.asarray(array, np.float32)
    if kind == "depthwise" and array.ndim > 1:
        height, width, channels, multiplier = shape
        array = array.reshape(channels, multiplier, height, width)
    ordered: Float32 = array.transpose(_TO_KERAS[kind]) if array.ndim > 1 else array
    return ordered
