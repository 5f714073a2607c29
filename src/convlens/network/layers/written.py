"""A layer as the table that a person writes."""

from __future__ import annotations

from typing import Any

from convlens.network.layers.base import Layer, short


def write_layer(layer: Layer) -> dict[str, Any]:
    """Return the table that `convlens.network.reading` turns back into an equal layer.

    >>> from convlens.network.layers import Conv, Repeat
    >>> write_layer(Conv(filters=32, kernel=3, padding=1))
    {'conv': 32, 'kernel': 3, 'padding': 1}
    >>> write_layer(Repeat(times=2, layers=(Conv(filters=8, kernel=3),)))
    {'repeat': 2, 'layers': [{'conv': 8, 'kernel': 3}]}
    """
    written: dict[str, Any] = {layer.kind: True}
    if layer.head is not None:
        written[layer.kind] = _value(getattr(layer, layer.head))
    for field, info in type(layer).model_fields.items():
        value = getattr(layer, field)
        if field == layer.head or (
            value == info.default and not (field == "kernel" and layer.head != "kernel")
        ):
            continue
        written[field] = _value(value)
    return written


def _value(value: object) -> object:
    """Write a setting in its shortest form, or the layers of a list."""
    if isinstance(value, Layer):
        return write_layer(value)
    if isinstance(value, tuple) and any(isinstance(item, Layer | tuple) for item in value):
        return [_value(item) for item in value]
    return short(value)
