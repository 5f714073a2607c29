"""The kernels that a network has learned, as arrays `(filters, channels per group, h, w)`.

The names follow the neutral layout of weights: the kernels of the layer `conv1` are the array
`conv1.weight`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.foundation.errors import InputError, nearest
from convlens.network.layers import Convolution
from convlens.network.plan import Plan

Kernels = NDArray[np.float32]


@dataclass(frozen=True)
class KernelLayer:
    """A layer with kernels, and what its place in the network says about them.

    Attributes
    ----------
    name : str
        Full name, as in the table of the network.
    groups : int
        The input channels are divided into so many groups, and so are the filters.
    colour : bool
        Whether its three input channels are the image's red, green and blue.
    """

    name: str
    groups: int = 1
    colour: bool = False

    def input_channel(self, kernels: Kernels, number: int, channel: int) -> int:
        """Return which channel of the layer's input a filter's n-th channel is.

        Without groups they are the same; in groups, a filter sees its own group alone.

        >>> KernelLayer("conv1", groups=2).input_channel(np.zeros((4, 3, 1, 1), np.float32), 2, 0)
        3
        """
        filters, channels = (int(n) for n in kernels.shape[:2])
        return number // (filters // self.groups) * channels + channel


def kernel_layers(plan: Plan) -> list[KernelLayer]:
    """Return the layers that have kernels, in the order of computation.

    >>> from convlens.network import Network
    >>> network = Network(input=[3, 8, 8], layers=[{"conv": 4}, {"relu": True}, {"depthwise": 1}])
    >>> for layer in kernel_layers(network.plan()):
    ...     print(layer)
    KernelLayer(name='conv1', groups=1, colour=True)
    KernelLayer(name='depthwise1', groups=4, colour=False)
    """
    layers = []
    for place, step in enumerate(plan.steps):
        layer = step.layer
        if isinstance(layer, Convolution):
            _, groups = layer.sizes(step.input[0])
            colour = place == 0 and step.input[0] == 3 and groups == 1
            layers.append(KernelLayer(step.name, groups, colour))
    return layers


def learned_kernels(weights: Mapping[str, NDArray[Any]], layer: str) -> Kernels:
    """Return the kernels of one convolution, depthwise ones included.

    Parameters
    ----------
    weights : mapping of str to array
        Weights in the neutral layout, such as `run.weights()` or one of a run's snapshots.
    layer : str
        Full name of the layer, as in the table of the network.

    Returns
    -------
    float32 array (filters, channels a group, height, width)
        One kernel for each filter and each channel that the filter sees: all input channels
        of a plain convolution, one of a depthwise one.

    Raises
    ------
    InputError
        Where there is no such layer, or it has no kernels; gives the nearest name.
    """
    known = [
        name.removesuffix(".weight")
        for name, array in weights.items()
        if name.endswith(".weight") and array.ndim == 4
    ]
    if layer in known:
        return np.asarray(weights[f"{layer}.weight"], np.float32)
    exists = any(name.rpartition(".")[0] == layer for name in weights)
    raise InputError(
        f'the layer "{layer}" is no convolution and has no kernels'
        if exists
        else f'there is no layer "{layer}" with kernels{nearest(layer, known)}',
        "one of " + ", ".join(known) if known else "a network with a convolution",
    )


def strongest_channels(kernels: Kernels, count: int) -> NDArray[np.intp]:
    """Return, for each filter, the channels whose kernels have the largest norm.

    A filter sums over all its channels; those with large kernels decide most of the sum when
    the channels' maps are of similar size.

    Parameters
    ----------
    kernels : float array (filters, channels, height, width)
        The kernels of one layer.
    count : int
        How many channels to name, at most all.

    Returns
    -------
    int array (filters, min(count, channels))
        Channel numbers, the largest L2 norm first, ties in the order of the channels.

    Examples
    --------
    >>> kernels = np.zeros((1, 3, 2, 2), np.float32)
    >>> kernels[0, 1], kernels[0, 2] = 1, -2
    >>> strongest_channels(kernels, 2)
    array([[2, 1]])
    """
    norms = np.linalg.norm(kernels.reshape(*kernels.shape[:2], -1).astype(np.float64), axis=2)
    return np.argsort(-norms, axis=1, kind="stable")[:, :count]
