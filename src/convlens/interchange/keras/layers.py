"""The settings of Keras's layers as layers of convlens; read as data, nothing is imported.

Source: each layer's `get_config`, https://keras.io/api/layers/.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from convlens.interchange.assembly import NoLayerError, ZeroPadding, make_layer
from convlens.network import layers

Config = Mapping[str, Any]

WITH_VARIABLES: dict[type[layers.Layer], str] = {
    layers.Conv: "Conv2D",
    layers.Depthwise: "DepthwiseConv2D",
    layers.BatchNorm: "BatchNormalization",
    layers.LayerNorm: "LayerNormalization",
    layers.GroupNorm: "GroupNormalization",
    layers.Scale: "EinsumDense",
    layers.Linear: "Dense",
}
"""The kinds with arrays, and the classes of Keras that hold their variables."""


def in_weights(name: str) -> str:
    """Return what the files of weights call a class.

    >>> in_weights("DepthwiseConv2D")
    'depthwise_conv2d'
    """
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()


def number(settings: Config, key: str) -> float:
    value = settings.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise NoLayerError(f"{key} {value!r:.40}")
    return float(value)


def _expect(settings: Config, **usual: Any) -> None:
    for key, value in usual.items():
        if settings.get(key, value) != value:
            raise NoLayerError(f"{key} {settings[key]!r:.60}")


def _activation(value: object) -> list[layers.Layer]:
    if isinstance(value, dict):
        if value.get("registered_name") is not None or value.get("module") != "keras.layers":
            raise NoLayerError("an activation of another module")
        name = str(value.get("class_name"))
        if name not in _ACTIVATION_CLASSES:
            raise NoLayerError(f"activation {name[:40]!r}")
        return list(READERS[name](value.get("config") or {}))
    if value is None or value == "linear":
        return []
    if value == "softmax":
        return [layers.Softmax()]
    if not isinstance(value, str) or value not in _FUNCTIONS:
        raise NoLayerError(f"activation {value!r:.40}")
    kind, settings = _FUNCTIONS[value]
    return [kind(**settings)]


def _sliding(settings: Config, size: str) -> dict[str, Any]:
    padding = settings.get("padding", "valid")
    if padding not in ("same", "valid"):
        raise NoLayerError(f"padding {padding!r:.40}")
    return {"kernel": settings.get(size), "stride": settings.get("strides"), "padding": padding}


def _convolution(
    kind: type[layers.Convolution], **own: tuple[str, Any]
) -> Callable[[Config], list[layers.Layer]]:
    """Return the reader of a convolution, by what Keras calls its own settings and their usual."""

    def read(settings: Config) -> list[layers.Layer]:
        spec = make_layer(
            kind,
            **{field: settings.get(key, usual) for field, (key, usual) in own.items()},
            **_sliding(settings, "kernel_size"),
            dilation=settings.get("dilation_rate", [1, 1]),
            bias=settings.get("use_bias", True),
        )
        return [spec, *_activation(settings.get("activation"))]

    return read


def _dense(settings: Config) -> list[layers.Layer]:
    spec = make_layer(
        layers.Linear, features=settings.get("units"), bias=settings.get("use_bias", True)
    )
    return [spec, *_activation(settings.get("activation"))]


def _batch_norm(settings: Config) -> list[layers.Layer]:
    axis = settings.get("axis", -1)
    if axis not in (-1, [-1], 3, [3]):
        raise NoLayerError(f"axis {axis!r:.40}")
    _expect(settings, center=True, scale=True, renorm=False)
    momentum = round(1 - number(settings, "momentum"), 9)  # Keras counts the old moments' share
    return [make_layer(layers.BatchNorm, epsilon=settings.get("epsilon"), momentum=momentum)]


def _layer_norm(settings: Config) -> list[layers.Layer]:
    axis = settings.get("axis", -1)
    if axis not in (-1, [-1], 3, [3]):
        raise NoLayerError(f"axis {axis!r:.40}")
    _expect(settings, center=True, scale=True, rms_scaling=False)
    return [make_layer(layers.LayerNorm, epsilon=settings.get("epsilon", 1e-3))]


def _group_norm(settings: Config) -> list[layers.Layer]:
    _expect(settings, center=True, scale=True)
    if settings.get("axis", -1) not in (-1, 3):
        raise NoLayerError(f"axis {settings.get('axis')!r:.40}")
    groups, epsilon = settings.get("groups", 32), settings.get("epsilon", 1e-3)
    return [make_layer(layers.GroupNorm, groups=groups, epsilon=epsilon)]


def _dropout(settings: Config) -> list[layers.Layer]:
    """Take dropout of single values, and of all values of an image, by the shape of its noise."""
    shape = settings.get("noise_shape")
    kind = layers.Dropout if shape is None else layers.DropPath
    if shape is not None and (not isinstance(shape, list) or shape[1:] not in ([1, 1, 1], [1])):
        raise NoLayerError(f"noise_shape {shape!r:.40}")
    return [make_layer(kind, rate=settings.get("rate"))]


def _einsum(settings: Config) -> list[layers.Layer]:
    """Take the one sum that has a single term: a factor for each channel."""
    equation = str(settings.get("equation"))
    if not re.fullmatch(r"([a-z.]+([a-z])),\2->\1", equation):
        raise NoLayerError(f"equation {equation[:40]!r}, other than a factor per channel")
    _expect(settings, bias_axes=None)
    return [layers.Scale(), *_activation(settings.get("activation"))]


def _pool(kind: type[layers.Layer]) -> Callable[[Config], list[layers.Layer]]:
    def read(settings: Config) -> list[layers.Layer]:
        sliding = _sliding(settings, "pool_size")
        if sliding["stride"] in (None, sliding["kernel"]):
            del sliding["stride"]
        return [make_layer(kind, **sliding)]

    return read


def _global_pool(kind: type[layers.Layer]) -> Callable[[Config], list[layers.Layer]]:
    return lambda settings: [kind(), *([] if settings.get("keepdims") else [layers.Flatten()])]


def _relu(settings: Config) -> list[layers.Layer]:
    if settings.get("max_value") is not None or settings.get("threshold", 0):
        raise NoLayerError("max_value or threshold")
    slope = settings.get("negative_slope") or 0.0
    return [make_layer(layers.LeakyReLU, slope=slope) if slope else layers.ReLU()]


def _activation_layer(kind: type[layers.Activation]) -> Callable[[Config], list[layers.Layer]]:
    """Return the reader of an activation that has a class of its own in Keras."""
    known = kind.record.keras.settings

    def read(settings: Config) -> list[layers.Layer]:
        values = {own: settings.get(key, usual) for key, (own, usual) in known.items()}
        return [make_layer(kind, **values)]

    return read


def _softmax(settings: Config) -> list[layers.Layer]:
    _expect(settings, axis=-1)
    return [layers.Softmax()]


def _padding(settings: Config) -> list[layers.Layer | ZeroPadding]:
    try:
        (top, bottom), (left, right) = settings.get("padding", ())
        sides = (int(top), int(bottom), int(left), int(right))
    except (TypeError, ValueError):
        sides = (-1, 0, 0, 0)
    if min(sides) < 0:
        raise NoLayerError(f"padding {settings.get('padding')!r:.60}")
    return [ZeroPadding(sides)]


def _permute(settings: Config) -> list[layers.Layer]:
    """Take the one order that makes Keras's Flatten lay maps out channel by channel."""
    if list(settings.get("dims", ())) != [3, 1, 2]:
        raise NoLayerError(f"dims {settings.get('dims')!r:.40}, other than channels to the front")
    return []


def _concatenate(settings: Config) -> list[layers.Layer]:
    if settings.get("axis", -1) not in (-1, 3):
        raise NoLayerError(f"axis {settings.get('axis')!r:.40}, other than the channels")
    return [layers.Concat()]


def _reshape(settings: Config) -> list[layers.Layer]:
    """Take what makes maps of one cell of features: a global pool before it keeps them."""
    sizes = settings.get("target_shape")
    if not isinstance(sizes, list | tuple) or len(sizes) != 3 or list(sizes[:2]) != [1, 1]:
        raise NoLayerError(f"target_shape {sizes!r:.60}, other than maps of one cell")
    return []


JOINS: dict[str, Callable[[Config], Any]] = {
    "Add": lambda settings: [layers.Add()],
    "Concatenate": _concatenate,
    "Multiply": lambda settings: [layers.Multiply()],
}
"""The layers that read the ends of several branches."""

READERS: dict[str, Callable[[Config], Any]] = {
    "Conv2D": _convolution(layers.Conv, filters=("filters", None), groups=("groups", 1)),
    "DepthwiseConv2D": _convolution(layers.Depthwise, multiplier=("depth_multiplier", 1)),
    "BatchNormalization": _batch_norm,
    "Dense": _dense,
    "EinsumDense": _einsum,
    "MaxPooling2D": _pool(layers.MaxPool),
    "AveragePooling2D": _pool(layers.AvgPool),
    "GlobalMaxPooling2D": _global_pool(layers.GlobalMaxPool),
    "GlobalAveragePooling2D": _global_pool(layers.GlobalAvgPool),
    "AdaptiveAveragePooling2D": lambda settings: [
        make_layer(layers.AdaptiveAvgPool, size=settings.get("output_size"))
    ],
    "Activation": lambda settings: _activation(settings.get("activation")),
    **{
        kind.record.keras.layer: _activation_layer(kind)
        for kind in layers.ACTIVATIONS
        if kind.record.keras.layer
    },
    "ReLU": _relu,  # Keras's has settings that make another kind of it
    "Softmax": _softmax,
    "Dropout": _dropout,
    "LayerNormalization": _layer_norm,
    "GroupNormalization": _group_norm,
    "Flatten": lambda settings: [layers.Flatten()],
    "Permute": _permute,
    "ZeroPadding2D": _padding,
    "Rescaling": lambda settings: [],
    **JOINS,
    "Reshape": _reshape,
}
_ACTIVATION_CLASSES = {kind.record.keras.layer for kind in layers.ACTIVATIONS} - {""} | {"Softmax"}
_FUNCTIONS = {
    name: (kind, settings)
    for kind in layers.ACTIVATIONS
    for name, settings in kind.record.keras.functions.items()
}
"""The names of `keras.activations`: which kind each is, and with which settings."""
