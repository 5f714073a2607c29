"""The neutral layout and Keras's: the same numbers on other axes.

Keras counts channels last: kernels are `(height, width, in, out)`, depthwise ones
`(height, width, in, multiplier)`, dense ones `(in, out)`, and Flatten lays maps out row by row
with the channels innermost, so that the inputs of what follows it are in another order. Nothing
is computed on the way: there and back gives every bit again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from convlens.foundation.errors import InputError
from convlens.network import Network
from convlens.network.arithmetic import Shape
from convlens.network.layers import BatchNorm, Depthwise, Flatten, Linear
from convlens.network.plan import IMAGE, Row
from convlens.weights.tensor_file import Array

_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")
"""Keras's gamma, beta, moving_mean and moving_variance, in its order."""


def array_names(row: Row) -> tuple[str, ...]:
    """Return the names of a layer's arrays in the order in which Keras lists its variables."""
    if isinstance(row.layer, BatchNorm):
        return _BATCH_NORM
    return tuple(row.layer.weights(row.input))


def keras_shapes(network: Network) -> dict[str, list[Shape]]:
    """Return the shapes of each layer's variables in Keras, by the layer's name.

    >>> keras_shapes(Network(input=[3, 8, 8], layers=[{"conv": 4, "kernel": 5}]))
    {'conv1': [(5, 5, 3, 4), (4,)]}
    """
    shapes = network.table().weight_shapes()
    # views of one zero: no memory is taken for the arrays themselves
    zeros = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
    return {
        row.name: [_to_axes(row, zeros[f"{row.name}.{name}"]).shape for name in array_names(row)]
        for row in network.table().rows
        if array_names(row)
    }


def to_keras(network: Network, weights: Mapping[str, Array]) -> dict[str, list[Array]]:
    """Return each layer's variables as Keras orders and lays them out, by the layer's name.

    Parameters
    ----------
    network : Network
        Whose weights they are.
    weights : mapping of str to array
        The neutral layout.

    Returns
    -------
    dict of str to list of array
        What `layer.set_weights` takes.

    Raises
    ------
    InputError
        The network adds flattened maps and other features: their orders differ in Keras.
    """
    orders = feature_orders(network)
    found: dict[str, list[Array]] = {}
    for row in network.table().rows:
        for name in array_names(row):
            array = weights[f"{row.name}.{name}"]
            if row.name in orders and _takes_features(row, name):
                array = array[..., orders[row.name]]
            found.setdefault(row.name, []).append(np.ascontiguousarray(_to_axes(row, array)))
    return found


def from_keras(
    network: Network,
    variables: Mapping[str, Sequence[Array]],
    channels_first: Collection[str] = (),
) -> dict[str, Array]:
    """Return weights in the neutral layout: the inverse of `to_keras`, with the same errors.

    Parameters
    ----------
    network : Network
        Whose weights they are.
    variables : mapping of str to sequence of array
        Each layer's variables, as Keras has them.
    channels_first : collection of str
        The flatten layers before which the model itself brings the channels to the front.
    """
    orders = feature_orders(network, channels_first)
    found: dict[str, Array] = {}
    for row in network.table().rows:
        for name, array in zip(array_names(row), variables.get(row.name, ()), strict=True):
            moved = _from_axes(row, array)
            if row.name in orders and _takes_features(row, name):
                moved = moved[..., np.argsort(orders[row.name])]
            found[f"{row.name}.{name}"] = np.ascontiguousarray(moved)
    return found


def _to_axes(row: Row, array: Array) -> Array:
    if isinstance(row.layer, Depthwise) and array.ndim == 4:
        split = array.reshape(row.input[0], row.layer.multiplier, *row.layer.kernel)
        return split.transpose(2, 3, 0, 1)
    axes = {2: (1, 0), 4: (2, 3, 1, 0)}.get(array.ndim)
    return array if axes is None else array.transpose(axes)


def _from_axes(row: Row, array: Array) -> Array:
    if isinstance(row.layer, Depthwise) and array.ndim == 4:
        return array.transpose(2, 3, 0, 1).reshape(-1, 1, *row.layer.kernel)
    axes = {2: (1, 0), 4: (3, 2, 0, 1)}.get(array.ndim)
    return array if axes is None else array.transpose(axes)


def _takes_features(row: Row, array: str) -> bool:
    """Say whether an array's last axis counts the features that the layer takes."""
    return isinstance(row.layer, BatchNorm) or array == "weight"


def feature_orders(
    network: Network, channels_first: Collection[str] = ()
) -> dict[str, NDArray[np.int64]]:
    """Return, for the layers whose input features Keras orders otherwise, where each comes from.

    Parameters
    ----------
    network : Network
        Whose layers they are.
    channels_first : collection of str
        See `from_keras`.

    Returns
    -------
    dict of str to int64 array (features,)
        By the layer's name: feature i in Keras is feature `order[i]` in the neutral layout.

    Raises
    ------
    InputError
        As `to_keras`.
    """
    orders: dict[str, NDArray[np.int64]] = {}
    left: dict[int, NDArray[np.int64] | None] = {IMAGE: None}  # each layer's output features
    for position, row in enumerate(network.table().rows):
        first, *others = [left[i] for i in row.inputs]
        if any((other is None) != (first is None) for other in others):
            raise InputError(
                f'"{row.name}" adds flattened maps and the features of a linear layer',
                "both in one order; Keras flattens maps in another",
                "flatten after the sum, or start both sides with a linear layer",
            )
        order = first
        if order is not None and isinstance(row.layer, Linear | BatchNorm):
            orders[row.name] = order
        if isinstance(row.layer, Flatten) and len(row.input) == 3:
            order = None if row.name in channels_first else channels_last(row.input)
        elif isinstance(row.layer, Linear):
            order = None
        left[position] = order
    return orders


def channels_last(shape: Shape) -> NDArray[np.int64] | None:
    """Return where the features of maps flattened by Keras lie in PyTorch's; None where both agree.

    >>> channels_last((2, 1, 3)).tolist()
    [0, 3, 1, 4, 2, 5]
    """
    channels, height, width = shape
    if channels == 1 or height * width == 1:
        return None
    places = np.arange(channels * height * width).reshape(shape)
    return places.transpose(1, 2, 0).ravel()
