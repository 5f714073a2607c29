"""The settings of Keras's layers as layers of convlens; read as data, nothing is imported.

Source: each layer's `get_config`, https://keras.io/api/layers/.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from convlens.interchange.assembly import NoLayerError, Pad, make_layer
from convlens.network import layers

Config = Mapping[str, Any]

KINDS = {
    "Conv2D": "conv2d",
    "DepthwiseConv2D": "depthwise_conv2d",
    "BatchNormalization": "batch_normalization",
    "Dense": "dense",
}
"""The layers with variables, and how the weights spell their kind."""


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
        reader = READERS.get(str(value.get("class_name")))
        if reader is None or value.get("class_name") not in ("ReLU", "LeakyReLU", "Softmax"):
            raise NoLayerError(f"activation {str(value.get('class_name'))[:40]!r}")
        return list(reader(value.get("config") or {}))
    plain: dict[str, list[layers.Layer]] = {
        "linear": [],
        "relu": [layers.ReLU()],
        "silu": [layers.SiLU()],
        "swish": [layers.SiLU()],
        "softmax": [layers.Softmax()],
        "leaky_relu": [layers.LeakyReLU(slope=0.2)],
        "gelu": [layers.GELU()],
    }
    if value is None:
        return []
    if not isinstance(value, str) or value not in plain:
        raise NoLayerError(f"activation {value!r:.40}")
    return list(plain[value])


def _sliding(settings: Config, size: str) -> dict[str, Any]:
    padding = settings.get("padding", "valid")
    if padding not in ("same", "valid"):
        raise NoLayerError(f"padding {padding!r:.40}")
    return {"kernel": settings.get(size), "stride": settings.get("strides"), "padding": padding}


def _conv(settings: Config) -> list[layers.Layer]:
    sliding = {
        **_sliding(settings, "kernel_size"),
        "dilation": settings.get("dilation_rate", [1, 1]),
    }
    spec = make_layer(
        layers.Conv,
        filters=settings.get("filters"),
        groups=settings.get("groups", 1),
        bias=settings.get("use_bias", True),
        **sliding,
    )
    return [spec, *_activation(settings.get("activation"))]


def _depthwise(settings: Config) -> list[layers.Layer]:
    sliding = {
        **_sliding(settings, "kernel_size"),
        "dilation": settings.get("dilation_rate", [1, 1]),
    }
    spec = make_layer(
        layers.Depthwise,
        multiplier=settings.get("depth_multiplier", 1),
        bias=settings.get("use_bias", True),
        **sliding,
    )
    return [spec, *_activation(settings.get("activation"))]


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


def _leaky_relu(settings: Config) -> list[layers.Layer]:
    return [make_layer(layers.LeakyReLU, slope=settings.get("negative_slope", 0.3))]


def _softmax(settings: Config) -> list[layers.Layer]:
    _expect(settings, axis=-1)
    return [layers.Softmax()]


def _padding(settings: Config) -> list[layers.Layer | Pad]:
    try:
        (top, bottom), (left, right) = settings.get("padding", ())
        sides = (int(top), int(bottom), int(left), int(right))
    except (TypeError, ValueError):
        sides = (-1, 0, 0, 0)
    if min(sides) < 0:
        raise NoLayerError(f"padding {settings.get('padding')!r:.60}")
    return [Pad(sides)]


def _permute(settings: Config) -> list[layers.Layer]:
    """Take the one order that makes Keras's Flatten lay maps out channel by channel."""
    if list(settings.get("dims", ())) != [3, 1, 2]:
        raise NoLayerError(f"dims {settings.get('dims')!r:.40}, other than channels to the front")
    return []


READERS: dict[str, Callable[[Config], Any]] = {
    "Conv2D": _conv,
    "DepthwiseConv2D": _depthwise,
    "BatchNormalization": _batch_norm,
    "Dense": _dense,
    "MaxPooling2D": _pool(layers.MaxPool),
    "AveragePooling2D": _pool(layers.AvgPool),
    "GlobalMaxPooling2D": _global_pool(layers.GlobalMaxPool),
    "GlobalAveragePooling2D": _global_pool(layers.GlobalAvgPool),
    "Activation": lambda settings: _activation(settings.get("activation")),
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "Softmax": _softmax,
    "Dropout": lambda settings: [make_layer(layers.Dropout, rate=settings.get("rate"))],
    "Flatten": lambda settings: [layers.Flatten()],
    "Permute": _permute,
    "ZeroPadding2D": _padding,
    "Rescaling": lambda settings: [],
    "Add": lambda settings: [],
}
