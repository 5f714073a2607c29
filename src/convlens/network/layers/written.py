"""The kinds by the key that names them, and a layer as the table that a person writes."""

from __future__ import annotations

from typing import Any

from convlens.network.layers.activations import GELU, LeakyReLU, ReLU, SiLU
from convlens.network.layers.base import Layer, short
from convlens.network.layers.convolution import Conv, Depthwise
from convlens.network.layers.dense import Linear, Softmax
from convlens.network.layers.joins import Residual
from convlens.network.layers.normalisation import BatchNorm
from convlens.network.layers.pooling import AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from convlens.network.layers.regularisation import Dropout
from convlens.network.layers.shapes import Flatten

KINDS: dict[str, type[Layer]] = {
    cls.kind: cls
    for cls in (
        *(Conv, Depthwise, BatchNorm, ReLU, GELU, SiLU, LeakyReLU, MaxPool, AvgPool),
        *(GlobalMaxPool, GlobalAvgPool, Dropout, Flatten, Linear, Softmax, Residual),
    )
}
"""The kinds that can be written, by the key that names them."""


def write_layer(layer: Layer) -> dict[str, Any]:
    """Return the table that `convlens.network.reading` turns back into an equal layer.

    >>> write_layer(Conv(filters=32, kernel=3, padding=1))
    {'conv': 32, 'kernel': 3, 'padding': 1}
    """
    written: dict[str, Any] = {layer.kind: True}
    if isinstance(layer, Residual):
        written[layer.kind] = [write_layer(inner) for inner in layer.layers]
        if layer.shortcut:
            written["shortcut"] = [write_layer(inner) for inner in layer.shortcut]
    elif layer.head is not None:
        written[layer.kind] = short(getattr(layer, layer.head))
    for field, info in type(layer).model_fields.items():
        value = getattr(layer, field)
        if field in (layer.head, "shortcut") or (
            value == info.default and not (field == "kernel" and layer.head != "kernel")
        ):
            continue
        written[field] = short(value)
    return written
