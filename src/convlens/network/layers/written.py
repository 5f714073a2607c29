"""A layer as the table that a person writes."""

from __future__ import annotations

from typing import Any

from convlens.network.layers.base import Layer, short
from convlens.network.layers.joins import Residual


def write_layer(layer: Layer) -> dict[str, Any]:
    """Return the table that `convlens.network.reading` turns back into an equal layer.

    >>> from convlens.network.layers import Conv
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
