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
from convlens.network.layers import Concat, Depthwise, Described, Flatten, Linear, Multiply
from convlens.network.plan import IMAGE, Step
from convlens.weights.tensor_file import Array


def array_names(step: Step) -> tuple[str, ...]:
    """Return the names of a layer's arrays in the order in which Keras lists its variables."""
    if isinstance(step.layer, Described):
        return tuple(step.layer.keras_arrays)
    return tuple(step.layer.weights(step.input))


def keras_shapes(network: Network) -> dict[str, list[Shape]]:
    """Return the shapes of each layer's variables in Keras, by the layer's name.

    >>> keras_shapes(Network(input=[3, 8, 8], layers=[{"conv": 4, "kernel": 5}]))
    {'conv1': [(5, 5, 3, 4), (4,)]}
    """
    shapes = network.plan().weight_shapes()
    # views of one zero: no memory is taken for the arrays themselves
    zeros = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
    return {
        step.name: [
            _to_axes(step, zeros[f"{step.name}.{name}"]).shape for name in array_names(step)
        ]
        for step in network.plan().steps
        if array_names(step)
    }


def to_keras(network: Network, weights: Mapping[str, Array]) -> dict[str, list[Array]]:
    """Return each layer's variables as Keras orders and lays them out, by the layer's name.

    Parameters
    ----------
    network : Network
        The network that has the weights.
    weights : mapping of str to array
        The neutral layout.

    Returns
    -------
    dict of str to list of array
        What `layer.set_weights` takes.

    Raises
    ------
    InputError
        The network adds or multiplies flattened maps and other features: their orders differ in
        Keras.
    """
    orders = feature_orders(network)
    arrays: dict[str, list[Array]] = {}
    for step in network.plan().steps:
        for name in array_names(step):
            array = weights[f"{step.name}.{name}"]
            if step.name in orders and _takes_features(step, name):
                array = array[..., orders[step.name]]
            arrays.setdefault(step.name, []).append(np.ascontiguousarray(_to_axes(step, array)))
    return arrays


def from_keras(
    network: Network,
    variables: Mapping[str, Sequence[Array]],
    channels_first: Collection[str] = (),
) -> dict[str, Array]:
    """Return weights in the neutral layout: the inverse of `to_keras`, with the same errors.

    Parameters
    ----------
    network : Network
        The network that has the weights.
    variables : mapping of str to sequence of array
        Each layer's variables, as Keras has them.
    channels_first : collection of str
        The flatten layers before which the model itself brings the channels to the front.
    """
    orders = feature_orders(network, channels_first)
    arrays: dict[str, Array] = {}
    for step in network.plan().steps:
        for name, array in zip(array_names(step), variables.get(step.name, ()), strict=True):
            moved = _from_axes(step, array)
            if step.name in orders and _takes_features(step, name):
                moved = moved[..., np.argsort(orders[step.name])]
            arrays[f"{step.name}.{name}"] = np.ascontiguousarray(moved)
    return arrays


def _to_axes(step: Step, array: Array) -> Array:
    if isinstance(step.layer, Depthwise) and array.ndim == 4:
        split = array.reshape(step.input[0], step.layer.multiplier, *step.layer.kernel)
        return split.transpose(2, 3, 0, 1)
    axes = {2: (1, 0), 4: (2, 3, 1, 0)}.get(array.ndim)
    return array if axes is None else array.transpose(axes)


def _from_axes(step: Step, array: Array) -> Array:
    if isinstance(step.layer, Depthwise) and array.ndim == 4:
        return array.transpose(2, 3, 0, 1).reshape(-1, 1, *step.layer.kernel)
    axes = {2: (1, 0), 4: (3, 2, 0, 1)}.get(array.ndim)
    return array if axes is None else array.transpose(axes)


def _takes_features(step: Step, array: str) -> bool:
    """Say whether an array's last axis counts the features that the layer takes."""
    return isinstance(step.layer, Described) or array == "weight"


def feature_orders(
    network: Network, channels_first: Collection[str] = ()
) -> dict[str, NDArray[np.int64]]:
    """Return, for the layers whose input features Keras orders otherwise, where each comes from.

    Parameters
    ----------
    network : Network
        The network that has the layers.
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
    plan = network.plan()
    for position, step in enumerate(plan.steps):
        inputs = [left[i] for i in step.inputs]
        order: NDArray[np.int64] | None
        if isinstance(step.layer, Concat) and any(one is not None for one in inputs):
            order = _one_after_the_other(inputs, [plan.shape_of(i)[0] for i in step.inputs])
        else:
            order = _common(inputs, step)
        if order is not None and array_names(step):
            orders[step.name] = order
        if isinstance(step.layer, Flatten) and len(step.input) == 3:
            order = None if step.name in channels_first else channels_last(step.input)
        elif isinstance(step.layer, Linear):
            order = None
        left[position] = order
    return orders


def _one_after_the_other(
    orders: Sequence[NDArray[np.int64] | None], sizes: Sequence[int]
) -> NDArray[np.int64]:
    """Return the order of features that are put one after the other; None is as they are."""
    starts = np.cumsum([0, *sizes[:-1]])
    return np.concatenate(
        [
            start + (np.arange(size) if order is None else order)
            for start, size, order in zip(starts, sizes, orders, strict=True)
        ]
    )


def _common(orders: Sequence[NDArray[np.int64] | None], step: Step) -> NDArray[np.int64] | None:
    """Return the order of features that meet one by one; all must have the same."""
    first, *others = orders
    if not all(
        other is first or (other is not None and first is not None and np.array_equal(other, first))
        for other in others
    ):
        verb = "multiplies" if isinstance(step.layer, Multiply) else "adds"
        raise InputError(
            f'"{step.name}" {verb} flattened maps and the features of a linear layer',
            "all in one order; Keras flattens maps in another",
            "flatten after the branches meet, or start each of them with a linear layer",
        )
    return first


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
