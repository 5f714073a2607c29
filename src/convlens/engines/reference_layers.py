"""Every layer kind as its formula, in NumPy float64: written to be read beside a textbook.

Some kinds carry theirs (`convlens.network.layers.Described`).

Maps are `(N, C, H, W)` and features `(N, F)`, as everywhere in convlens. What a window covers
is cut out once, by `sliding`, and each layer that slides is one line on the result. All layers
compute as in evaluation: batch norm uses its running moments and dropout does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from math import prod
from typing import assert_never

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from convlens.network import layers
from convlens.network.arithmetic import Pair, Window

Float64 = NDArray[np.float64]


def sliding(maps: Float64, windows: tuple[Window, Window], *, padding: float = 0.0) -> Float64:
    """Return what the sliding window covers at each of its positions.

    Parameters
    ----------
    maps : float64 array (N, C, H, W)
        The input.
    windows : (Window, Window)
        How the window slides along height and width.
    padding : float
        The value of the cells that padding adds.

    Returns
    -------
    float64 array (N, C, output height, output width, kernel height, kernel width)
        A view where nothing is padded; it must not be written to.

    Examples
    --------
    >>> maps = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> sliding(maps, (Window(2, stride=2), Window(2, stride=2)))[0, 0, 1, 0]
    array([[ 8.,  9.],
           [12., 13.]])
    """
    rows, columns = windows
    around = ((0, 0), (0, 0), (rows.before, rows.after), (columns.before, columns.after))
    if any(map(any, around)):
        maps = np.pad(maps, around, constant_values=padding)
    everywhere = sliding_window_view(maps, (rows.extent, columns.extent), axis=(2, 3))
    return everywhere[
        :, :, :: rows.stride, :: columns.stride, :: rows.dilation, :: columns.dilation
    ]


def cross_correlation(
    maps: Float64,
    weight: Float64,
    bias: Float64 | None,
    windows: tuple[Window, Window],
    groups: int = 1,
) -> Float64:
    """Return `output[n, f, y, x] = bias[f] + sum over c, i, j of weight[f, c, i, j] * window`.

    Each filter sees the channels of its own group: filters and channels are both cut into
    `groups` runs of equal length. Deep-learning libraries call this convolution, though the
    kernel is not flipped (Dumoulin and Visin 2016, arXiv:1603.07285).

    Parameters
    ----------
    maps : float64 array (N, C, H, W)
        The input.
    weight : float64 array (F, C / groups, kernel height, kernel width)
        One kernel for each filter and each channel that it sees.
    bias : float64 array (F,), optional
        Added to each filter's map.
    windows : (Window, Window)
        How the kernel slides along height and width.
    groups : int
        A divisor of both C and F; C for a depthwise convolution.

    Returns
    -------
    float64 array (N, F, output height, output width)

    Examples
    --------
    >>> corner = np.array([[[[1.0, 0.0], [0.0, 0.0]]]])
    >>> maps = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> cross_correlation(maps, corner, None, (Window(2), Window(2)))[0, 0]
    array([[0., 1.],
           [3., 4.]])
    """
    covered = sliding(maps, windows)
    images, channels, height, width, *kernel = covered.shape
    terms = (channels // groups) * kernel[0] * kernel[1]
    # einsum("ngcyxij,gfcij->ngfyx") is the formula itself. One row a position and one column a
    # term make it a matrix product, which computes the zoo's networks 1.6 to 11 times faster.
    by_position = (
        covered.reshape(images, groups, channels // groups, height, width, *kernel)
        .transpose(0, 1, 3, 4, 2, 5, 6)
        .reshape(images, groups, height * width, terms)
    )
    by_filter = weight.reshape(groups, len(weight) // groups, terms)
    sums = by_position @ by_filter.transpose(0, 2, 1)
    output: Float64 = sums.transpose(0, 1, 3, 2).reshape(images, len(weight), height, width)
    return output if bias is None else output + bias[:, None, None]


def max_pool(maps: Float64, windows: tuple[Window, Window]) -> Float64:
    """Return each window's largest value; padding is minus infinity and never wins."""
    largest: Float64 = sliding(maps, windows, padding=-np.inf).max(axis=(4, 5))
    return largest


def avg_pool(
    maps: Float64,
    windows: tuple[Window, Window],
    counted: tuple[Pair, Pair] = ((0, 0), (0, 0)),
) -> Float64:
    """Return the mean of each window's real cells (docs/decisions/0002).

    `counted` is the part of the padding that is real too, before and after the rows and the
    columns: zeros that the mean counts.
    """
    grown = np.pad(maps, ((0, 0), (0, 0), *counted))
    rows, columns = (
        replace(window, before=window.before - before, after=window.after - after)
        for window, (before, after) in zip(windows, counted, strict=True)
    )
    real = sliding(np.ones_like(grown[:1, :1]), (rows, columns)).sum(axis=(4, 5))
    mean: Float64 = sliding(grown, (rows, columns)).sum(axis=(4, 5)) / real
    return mean


def linear(features: Float64, weight: Float64, bias: Float64 | None) -> Float64:
    """Return `weight @ x + bias` for `(N, F)` features and a `(G, F)` weight."""
    output: Float64 = features @ weight.T
    return output if bias is None else output + bias


def softmax(logits: Float64) -> Float64:
    """Return `exp(x) / sum(exp(x))` over axis 1, shifted by the largest so that exp stays finite.

    >>> softmax(np.log([[1.0, 3.0]])).round(12)
    array([[0.25, 0.75]])
    """
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Float64 = powers / powers.sum(axis=1, keepdims=True)
    return shares


def output(
    layer: layers.AnyLayer, inputs: Sequence[Float64], arrays: Mapping[str, Float64]
) -> Float64:
    """Compute one layer.

    Parameters
    ----------
    layer : Layer
        What to compute.
    inputs : sequence of float64 array (N, ...)
        Its inputs: one, or several for a join.
    arrays : mapping of str to float64 array
        The layer's own weights and buffers: `weight`, `bias`, `running_mean`, `running_var`.

    Returns
    -------
    float64 array (N, ...)
    """
    values, shape = inputs[0], inputs[0].shape[1:]
    match layer:
        case layers.Convolution():
            windows, (_, groups) = layer.windows(shape), layer.sizes(shape[0])
            return cross_correlation(values, arrays["weight"], arrays.get("bias"), windows, groups)
        case layers.MaxPool():
            return max_pool(values, layer.windows(shape))
        case layers.AvgPool():
            return avg_pool(values, layer.windows(shape), layer.counted(shape))
        case layers.GlobalMaxPool():
            return np.asarray(values.max(axis=(2, 3), keepdims=True))
        case layers.GlobalAvgPool():
            return np.asarray(values.mean(axis=(2, 3), keepdims=True))
        case layers.Described():
            return layer.compute(values, arrays)
        case layers.Flatten():
            return values.reshape(len(values), prod(shape))
        case layers.Linear():
            return linear(values, arrays["weight"], arrays.get("bias"))
        case layers.Softmax():
            return softmax(values)
        case layers.Add():
            return reduce(np.add, inputs)
        case layers.Concat():
            return np.concatenate(inputs, axis=1)
        case layers.Multiply():
            return reduce(np.multiply, inputs)
        case _:
            assert_never(layer)
