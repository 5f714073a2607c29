"""Any single step of a network: the numbers that one output cell is made of.

`window` takes an image, a layer and one of the layer's output cells. It returns a
`CellComputation`: the cell's input, weights and products, and the pixels that it can depend on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any, SupportsIndex, assert_never

import numpy as np
from numpy.typing import NDArray

from convlens.engines import Floats, Model
from convlens.engines.reference_layers import output
from convlens.foundation.errors import InputError
from convlens.inside.cells import checked_cell, maps_behind, region
from convlens.inside.records import (
    Addition,
    Cell,
    CellComputation,
    Concatenation,
    Correlation,
    Elementwise,
    Float64,
    Pooling,
    Product,
    WeightedSum,
)
from convlens.network import layers
from convlens.network.arithmetic import shape_text
from convlens.network.plan import Step

Arrays = Mapping[str, Float64]


def window(
    model: Model,
    image: Floats,
    layer: str,
    cell: SupportsIndex | Iterable[SupportsIndex],
    *,
    filter: int | None = None,
) -> CellComputation:
    """Return what one output cell of one layer is computed from.

    The layer's input comes from the model itself; the cell is computed from it in float64, and
    carries the model's own result beside its own.

    Parameters
    ----------
    model : Model
        A network with weights, in any engine.
    image : float array (C, H, W)
        One image, normalised as the model expects it.
    layer : str
        A full layer name as in the table.
    cell : int or sequence of int
        `(filter or channel, row, column)` for maps, an index for features. Counted from 0.
    filter : int, optional
        The filter or channel; `cell` is then `(row, column)`.

    Returns
    -------
    CellComputation
        A `Correlation` for conv and depthwise, a `Pooling` for the pools, a `WeightedSum` for
        linear, an `Addition`, a `Product` or a `Concatenation` where branches meet, an
        `Elementwise` for everything else.

    Raises
    ------
    InputError
        Where the layer or the cell does not exist (names the nearest that does), or the image
        is not of the network's input shape.

    Examples
    --------
    The filter [[1, 0], [0, 0]] picks the upper-left value of its window.

    >>> from convlens.engines.reference import ReferenceModel
    >>> from convlens.network import Network
    >>> model = ReferenceModel(Network(input=[1, 4, 4], layers=[{"conv": 1, "kernel": 2}]))
    >>> corner = np.array([[[[1.0, 0.0], [0.0, 0.0]]]])
    >>> model.load_weights({"conv1.weight": corner, "conv1.bias": np.zeros(1)})
    >>> step = window(model, np.arange(16.0).reshape(1, 4, 4), "conv1", (0, 1, 2))
    >>> step.patch[0], step.products[0], step.total
    (array([[ 6.,  7.],
           [10., 11.]]), array([[6., 0.],
           [0., 0.]]), 6.0)
    >>> print(step.receptive_field)
    rows 1 to 2, columns 2 to 3
    """
    plan = model.plan
    step = plan.step(layer)
    place = checked_cell(step, cell, filter)
    image = np.asarray(image)
    if image.shape != plan.input:
        raise InputError(
            f"the image has the shape {image.shape}",
            f"{plan.input}: one image {shape_text(plan.input)} without a batch axis",
            "resize the image, or take one of the batch with images[0]",
        )
    read = plan.sources(layer)
    names = [name for name in (*read, layer) if name is not None]
    activations = model.activations(image[None], names)
    inputs = [
        np.asarray(image if name is None else activations[name][0], np.float64) for name in read
    ]
    common: dict[str, Any] = {
        "layer": layer,
        "kind": step.kind,
        "cell": place,
        "computed": float(activations[layer][0][place]),
        "input_shape": step.input,
        "output_shape": step.output,
        "image_shape": plan.input,
        "receptive_field": region(plan, step, place),
    }
    weights = model.weights()
    own = [*step.layer.weights(step.input), *step.layer.buffers(step.input)]
    arrays = {name: np.asarray(weights[f"{layer}.{name}"], np.float64) for name in own}
    match kind := step.layer:
        case layers.Add():
            return _addition(inputs, read, common)
        case layers.Multiply():
            return _product(inputs, read, common)
        case layers.Concat():
            return _concatenation(inputs, read, common)
        case layers.Convolution():
            return _correlation(step, inputs[0], arrays, common)
        case layers.MaxPool() | layers.AvgPool() | layers.GlobalMaxPool() | layers.GlobalAvgPool():
            return _pooling(step, inputs[0], common)
        case layers.AdaptiveAvgPool():
            return _pooling(step, inputs[0], common)
        case layers.Moving():
            return _moved(kind, step, inputs[0], common)
        case layers.Linear():
            return _weighted_sum(inputs[0], arrays, maps_behind(plan, layer), common)
        case _:
            return _elementwise(kind, step, inputs[0], arrays, common)


def _under(
    layer: layers.Layer, cell: Cell, shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return the input's rows and columns that a cell reads, and which of them are padding."""
    if isinstance(layer, layers.Sliding):
        rows, columns = (
            position * along.stride - along.before + along.dilation * np.arange(along.kernel)
            for along, position in zip(layer.windows(shape), cell[1:], strict=True)
        )
    elif isinstance(layer, layers.AdaptiveAvgPool):
        rows, columns = (
            np.arange(axis[position][0], axis[position][1] + 1)
            for axis, position in zip(layer.reads(shape), cell[1:], strict=True)
        )
    else:  # a global pool
        rows, columns = np.arange(shape[1]), np.arange(shape[2])
    beyond = (rows < 0) | (rows >= shape[1]), (columns < 0) | (columns >= shape[2])
    return rows, columns, beyond[0][:, None] | beyond[1][None, :]


def _patch(
    maps: Float64,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    padding: NDArray[np.bool_],
    fill: float,
) -> Float64:
    """Cut (channels, kernel height, kernel width) out of maps, with `fill` for the padding."""
    _, height, width = maps.shape
    held = rows.clip(0, height - 1), columns.clip(0, width - 1)
    return np.where(padding, fill, maps[:, held[0][:, None], held[1][None, :]])


def _correlation(step: Step, maps: Float64, arrays: Arrays, common: dict[str, Any]) -> Correlation:
    layer, cell = step.layer, common["cell"]
    assert isinstance(layer, layers.Convolution)
    kernel = arrays["weight"][cell[0]]
    filters, groups = layer.sizes(step.input[0])
    group = cell[0] // (filters // groups)
    channels = group * len(kernel) + np.arange(len(kernel))
    rows, columns, padding = _under(layer, cell, step.input)
    patch = _patch(maps[channels], rows, columns, padding, fill=0.0)
    products = patch * kernel
    bias = float(arrays["bias"][cell[0]]) if "bias" in arrays else None
    return Correlation(
        **common,
        total=float(products.sum()) + (bias or 0.0),
        channels=channels,
        rows=rows,
        columns=columns,
        padding=padding,
        patch=patch,
        kernel=kernel,
        products=products,
        channel_sums=products.sum(axis=(1, 2)),
        bias=bias,
    )


def _pooling(step: Step, maps: Float64, common: dict[str, Any]) -> Pooling:
    layer, cell, (_, height, width) = step.layer, common["cell"], step.input
    rows, columns, padding = _under(layer, cell, step.input)
    patch = _patch(maps[cell[0] : cell[0] + 1], rows, columns, padding, fill=np.nan)[0]
    if isinstance(layer, layers.AvgPool) and layer.count_padding:
        (top, bottom), (left, right) = layer.counted(step.input)
        down = (rows < -top) | (rows >= height + bottom)
        across = (columns < -left) | (columns >= width + right)
        uncounted = down[:, None] | across[None, :]
        patch[padding & ~uncounted] = 0.0
        padding = uncounted
    winner = None
    if isinstance(layer, layers.MaxPool | layers.GlobalMaxPool):
        at = np.unravel_index(np.where(padding, -np.inf, patch).argmax(), patch.shape)
        total = float(patch[at])
        winner = int(rows[at[0]]), int(columns[at[1]])
    else:
        total = float(patch[~padding].mean())
    return Pooling(
        **common,
        total=total,
        rows=rows,
        columns=columns,
        padding=padding,
        patch=patch,
        winner=winner,
    )


def _weighted_sum(
    features: Float64, arrays: Arrays, maps: tuple[int, ...] | None, common: dict[str, Any]
) -> WeightedSum:
    (index,) = common["cell"]
    kernel = arrays["weight"][index]
    products = features * kernel
    bias = float(arrays["bias"][index]) if "bias" in arrays else None
    return WeightedSum(
        **common,
        total=float(products.sum()) + (bias or 0.0),
        patch=features,
        kernel=kernel,
        products=products,
        bias=bias,
        maps=maps,
    )


def _addition(
    inputs: list[Float64], read: tuple[str | None, ...], common: dict[str, Any]
) -> Addition:
    addends = tuple(float(values[common["cell"]]) for values in inputs)
    return Addition(
        **common,
        total=sum(addends),
        addends=addends,
        sources=tuple(name or "image" for name in read),
    )


def _product(
    inputs: list[Float64], read: tuple[str | None, ...], common: dict[str, Any]
) -> Product:
    cells = tuple(
        tuple(min(at, size - 1) for at, size in zip(common["cell"], values.shape, strict=True))
        for values in inputs
    )
    factors = tuple(float(values[cell]) for values, cell in zip(inputs, cells, strict=True))
    return Product(
        **common,
        total=prod(factors),
        factors=factors,
        sources=tuple(name or "image" for name in read),
        cells=cells,
    )


def _concatenation(
    inputs: list[Float64], read: tuple[str | None, ...], common: dict[str, Any]
) -> Concatenation:
    number, *place = common["cell"]
    branch = 0
    while number >= len(inputs[branch]):
        number -= len(inputs[branch])
        branch += 1
    cell = (number, *place)
    value = float(inputs[branch][cell])
    return Concatenation(
        **common,
        total=value,
        branch=branch,
        source=read[branch] or "image",
        source_cell=cell,
        value=value,
    )


def _moved(layer: layers.Moving, step: Step, maps: Float64, common: dict[str, Any]) -> Elementwise:
    source = layer.source(common["cell"], step.input)
    value = 0.0 if source is None else float(maps[source])
    kept = f"x: {step.kind} only moves it"
    return Elementwise(
        **common,
        total=value,
        source=source,
        value=value,
        formula="0: padding, which is no cell of the input" if source is None else kept,
        constants={},
    )


def _elementwise(
    layer: layers.Pointwise | layers.Flatten | layers.Softmax,
    step: Step,
    values: Float64,
    arrays: Arrays,
    common: dict[str, Any],
) -> Elementwise:
    source = cell = common["cell"]
    if isinstance(layer, layers.Flatten):
        source = tuple(int(n) for n in np.unravel_index(cell[0], step.input))
    x = float(values[source])
    match layer:
        case layers.Pointwise():
            own = {name: float(array[cell[0]]) for name, array in arrays.items()}
            for name, moment in layer.moments(values[None]).items():
                own[name] = float(np.broadcast_to(moment[0], values.shape)[cell])
            formula, constants = layer.formula(x, own)
        case layers.Softmax():
            largest = float(values.max())
            formula = "exp(x - largest) / sum"
            constants = {"largest": largest, "sum": float(np.exp(values - largest).sum())}
        case layers.Flatten():
            formula, constants = "x: flatten only moves it", {}
        case _:
            assert_never(layer)
    return Elementwise(
        **common,
        total=float(output(layer, [values[None]], arrays)[0][cell]),
        source=source,
        value=x,
        formula=formula,
        constants=constants,
    )
