"""A Keras model's `config.json` as nodes: read as data, nothing of it imported or called.

Only layers of Keras's own, by class name and with settings that convlens has, are understood; a
custom module, a Lambda or a TFSMLayer names code to run and is refused unread. Format:
https://keras.io/api/models/model_saving_apis/ and the layers' `get_config`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from convlens import layers
from convlens.errors import InputError
from convlens.importing.assembly import MOST_NODES, Node, Pad, Piece, unsupported

_MODULES = ("keras", "keras.layers", "keras.src.models.functional", "keras.src.models.sequential")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
Config = Mapping[str, Any]


@dataclass
class KerasModel:
    """What a config says: nodes to assemble, and where each layer's variables belong."""

    nodes: list[Node] = field(default_factory=list)
    source: str = ""
    output: str = ""
    shape: tuple[int, int, int] = (0, 0, 0)
    kinds: dict[str, str] = field(default_factory=dict)
    """Each layer with variables, in the file's order, and its kind as the weights spell it."""
    scale: float = 1.0
    """What a leading Rescaling multiplies pixels of 0 to 255 with."""
    offset: float = 0.0
    rescaled: bool = False


def read_config(config: object, where: str, shape: tuple[int, int, int] | None) -> KerasModel:
    """Read a Sequential or Functional model's configuration.

    Parameters
    ----------
    config : object
        The decoded `config.json`.
    where : str
        The file, for errors.
    shape : (C, H, W), optional
        The size of one image, where the file leaves it open.

    Raises
    ------
    InputError
        A layer is foreign, or a setting of one has no counterpart; each is listed.
    """
    top = _table(config, where)
    kind = top.get("class_name")
    if kind not in ("Sequential", "Functional", "Model") or top.get("module") not in _MODULES:
        raise InputError(
            f"{where} holds a {str(kind)[:60]!r} of the module {str(top.get('module'))[:60]!r}",
            "a Sequential or Functional model of Keras 3",
            "save such a model with model.save",
        )
    inner = _table(top.get("config"), where)
    written = inner.get("layers")
    if not isinstance(written, list) or not 1 <= len(written) <= MOST_NODES:
        raise _damaged(where, "it has no list of layers")
    entries = [_entry(layer, where) for layer in written]
    _refuse_foreign(entries, where)
    model = KerasModel()
    chain = kind == "Sequential"
    foreign: list[tuple[str, str]] = []
    same: dict[str, str] = {}
    previous = ""
    for entry in entries:
        inputs = [previous] if chain else _inputs(entry.written, where)
        if entry.kind == "InputLayer":
            if model.source:
                raise InputError(f"{where} has two inputs", "one: a batch of images", "")
            model.source, model.shape = entry.name, _input_shape(entry.settings, shape, where)
        else:
            if chain and not model.source:  # a Sequential may leave its input unsaid
                model.source, model.shape = (
                    "input",
                    _input_shape(
                        {"batch_shape": entry.written.get("build_config", {}).get("input_shape")},
                        shape,
                        where,
                    ),
                )
                inputs = ["input"]
            inputs = [same.get(name, name) for name in inputs]
            try:
                pieces = _pieces(model, entry, first=inputs == [model.source])
            except _NoLayerError as reason:
                foreign.append((entry.name, f"{entry.kind}: {reason}"))
                pieces = ()
            sum_of_two = entry.kind == "Add"
            if len(inputs) != (2 if sum_of_two else 1):
                foreign.append((entry.name, f"{entry.kind} of {len(inputs)} inputs"))
            elif pieces or sum_of_two:
                model.nodes.append(Node(entry.name, tuple(inputs), pieces))
            else:
                same[entry.name] = inputs[0]
        previous = entry.name
    if foreign:
        raise unsupported(where, foreign, tuple(_READERS))
    model.output = same.get(previous, previous) if chain else _output(inner, same, where)
    _check_links(model, where)
    return model


@dataclass(frozen=True)
class _Entry:
    name: str
    kind: str
    module: str
    settings: Config
    written: Config


def _entry(written: object, where: str) -> _Entry:
    table = _table(written, where)
    settings = _table(table.get("config", {}), where)
    name = str(table.get("name", settings.get("name", "")))
    return _Entry(name, str(table.get("class_name")), str(table.get("module")), settings, table)


def _refuse_foreign(entries: Sequence[_Entry], where: str) -> None:
    for entry in entries:
        if entry.module != "keras.layers" or entry.written.get("registered_name") is not None:
            raise InputError(
                f"{where}: the layer {entry.name[:60]!r} is a {entry.kind[:60]!r} of the module "
                f"{entry.module[:60]!r}",
                "layers of keras.layers only; code that a file names is never imported",
                "build the model from Keras's own layers and save it again",
            )
        if not _NAME.fullmatch(entry.name):
            raise InputError(
                f"{where} has a layer named {entry.name[:60]!r}",
                "a name of letters, digits, _, - and .",
                "rename the layer and save the model again",
            )
    names = [entry.name for entry in entries]
    if len(set(names)) < len(names):
        raise _damaged(where, "two of its layers have one name")


def _damaged(where: str, why: str) -> InputError:
    return InputError(f"{where} is damaged: {why}", "a model saved by Keras 3", "save it again")


def _table(value: object, where: str) -> Config:
    if not isinstance(value, dict):
        raise _damaged(where, "a part of its configuration is no table")
    return value


def _inputs(written: Config, where: str) -> list[str]:
    """Return the layers that a layer of a Functional model reads."""
    nodes = written.get("inbound_nodes", [])
    if not isinstance(nodes, list) or len(nodes) > 1:
        raise InputError(
            f"{where} uses the layer {str(written.get('name'))[:60]!r} more than once",
            "each layer in one place",
            "build the model without shared layers",
        )
    found: list[str] = []

    def visit(value: object, depth: int) -> None:
        if depth > 6:
            raise _damaged(where, "its connections are nested too deeply")
        if isinstance(value, list):
            for item in value:
                visit(item, depth + 1)
        elif isinstance(value, dict):
            history = _table(value.get("config", {}), where).get("keras_history")
            if value.get("class_name") == "__keras_tensor__" and isinstance(history, list):
                found.append(str(history[0]) if history else "")

    for node in nodes:
        visit(_table(node, where).get("args", []), 0)
    return found


def _output(inner: Config, same: Mapping[str, str], where: str) -> str:
    written = inner.get("output_layers")
    while isinstance(written, list) and len(written) == 1 and isinstance(written[0], list):
        written = written[0]
    if not isinstance(written, list) or not written or not isinstance(written[0], str):
        raise InputError(f"{where} has not one output", "one: the classes", "save such a model")
    return same.get(written[0], written[0])


def _check_links(model: KerasModel, where: str) -> None:
    known = {model.source}
    for node in model.nodes:
        if not set(node.inputs) <= known:
            raise _damaged(where, f"{node.name[:60]!r} reads what is not computed before it")
        known.add(node.name)
    if model.output not in known:
        raise _damaged(where, "its output is none of its layers")


def _input_shape(
    settings: Config, given: tuple[int, int, int] | None, where: str
) -> tuple[int, int, int]:
    sizes = settings.get("batch_shape")
    if not isinstance(sizes, list) or len(sizes) != 4:
        raise InputError(
            f"{where} takes {str(sizes)[:60]}",
            "images of 4 axes (N, H, W, C)",
            "save a model for images, channels last",
        )
    height, width, channels = sizes[1:]
    shape = (channels, height, width)
    for size, asked in zip(shape, given or shape, strict=True):
        if size is not None and size != asked:
            raise InputError(
                f"{where} takes images of {shape} and --input is {given}",
                "the file's own size",
                "leave --input out",
            )
    shape = given or shape
    if not all(isinstance(size, int) and 1 <= size <= 16_384 for size in shape):
        raise InputError(
            f"{where} leaves the size of its images open: {shape}",
            "channels, height and width",
            "give them: --input C,H,W",
        )
    return shape


class _NoLayerError(Exception):
    """A layer, or a setting of one, that no layer of convlens computes."""


def _pieces(model: KerasModel, entry: _Entry, *, first: bool) -> tuple[Piece, ...]:
    reader = _READERS.get(entry.kind)
    if reader is None:
        raise _NoLayerError("not among the layers that are understood")
    settings = entry.settings
    if settings.get("data_format", "channels_last") != "channels_last":
        raise _NoLayerError(f"data_format {settings['data_format']!r:.40}")
    if entry.kind == "Rescaling":
        if not first or model.rescaled:
            raise _NoLayerError("not the first layer")
        model.scale, model.offset = _number(settings, "scale"), _number(settings, "offset")
        model.rescaled = True
        return ()
    found = reader(settings)
    if entry.kind in _KINDS:
        model.kinds[entry.name] = _KINDS[entry.kind]
        head = Piece(found[0], {}, entry.name)
        return (head, *map(Piece, found[1:]))
    return tuple(map(Piece, found))


_KINDS = {
    "Conv2D": "conv2d",
    "DepthwiseConv2D": "depthwise_conv2d",
    "BatchNormalization": "batch_normalization",
    "Dense": "dense",
}
"""The layers with variables, and how the weights spell their kind."""


def _number(settings: Config, key: str) -> float:
    value = settings.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _NoLayerError(f"{key} {value!r:.40}")
    return float(value)


def _layer(kind: type[layers.Layer], **settings: Any) -> layers.Layer:
    try:
        return kind(**settings)
    except ValueError as error:
        raise _NoLayerError(" ".join(str(error).splitlines()[1:3])[:120]) from None


def _expect(settings: Config, **usual: Any) -> None:
    for key, value in usual.items():
        if settings.get(key, value) != value:
            raise _NoLayerError(f"{key} {settings[key]!r:.60}")


def _activation(value: object) -> list[layers.Layer]:
    if isinstance(value, dict):
        if value.get("registered_name") is not None or value.get("module") != "keras.layers":
            raise _NoLayerError("an activation of another module")
        reader = _READERS.get(str(value.get("class_name")))
        if reader is None or value.get("class_name") not in ("ReLU", "LeakyReLU", "Softmax"):
            raise _NoLayerError(f"activation {str(value.get('class_name'))[:40]!r}")
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
        raise _NoLayerError(f"activation {value!r:.40}")
    return list(plain[value])


def _sliding(settings: Config, size: str) -> dict[str, Any]:
    padding = settings.get("padding", "valid")
    if padding not in ("same", "valid"):
        raise _NoLayerError(f"padding {padding!r:.40}")
    return {"kernel": settings.get(size), "stride": settings.get("strides"), "padding": padding}


def _conv(settings: Config) -> list[layers.Layer]:
    sliding = {
        **_sliding(settings, "kernel_size"),
        "dilation": settings.get("dilation_rate", [1, 1]),
    }
    spec = _layer(
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
    spec = _layer(
        layers.Depthwise,
        multiplier=settings.get("depth_multiplier", 1),
        bias=settings.get("use_bias", True),
        **sliding,
    )
    return [spec, *_activation(settings.get("activation"))]


def _dense(settings: Config) -> list[layers.Layer]:
    spec = _layer(
        layers.Linear, features=settings.get("units"), bias=settings.get("use_bias", True)
    )
    return [spec, *_activation(settings.get("activation"))]


def _batch_norm(settings: Config) -> list[layers.Layer]:
    axis = settings.get("axis", -1)
    if axis not in (-1, [-1], 3, [3]):
        raise _NoLayerError(f"axis {axis!r:.40}")
    _expect(settings, center=True, scale=True, renorm=False)
    momentum = round(1 - _number(settings, "momentum"), 9)  # Keras counts the old moments' share
    return [_layer(layers.BatchNorm, epsilon=settings.get("epsilon"), momentum=momentum)]


def _pool(kind: type[layers.Layer]) -> Callable[[Config], list[layers.Layer]]:
    def read(settings: Config) -> list[layers.Layer]:
        sliding = _sliding(settings, "pool_size")
        if sliding["stride"] in (None, sliding["kernel"]):
            del sliding["stride"]
        return [_layer(kind, **sliding)]

    return read


def _global_pool(kind: type[layers.Layer]) -> Callable[[Config], list[layers.Layer]]:
    return lambda settings: [kind(), *([] if settings.get("keepdims") else [layers.Flatten()])]


def _relu(settings: Config) -> list[layers.Layer]:
    if settings.get("max_value") is not None or settings.get("threshold", 0):
        raise _NoLayerError("max_value or threshold")
    slope = settings.get("negative_slope") or 0.0
    return [_layer(layers.LeakyReLU, slope=slope) if slope else layers.ReLU()]


def _leaky_relu(settings: Config) -> list[layers.Layer]:
    return [_layer(layers.LeakyReLU, slope=settings.get("negative_slope", 0.3))]


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
        raise _NoLayerError(f"padding {settings.get('padding')!r:.60}")
    return [Pad(sides)]


_READERS: dict[str, Callable[[Config], Any]] = {
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
    "Dropout": lambda settings: [_layer(layers.Dropout, rate=settings.get("rate"))],
    "Flatten": lambda settings: [layers.Flatten()],
    "ZeroPadding2D": _padding,
    "Rescaling": lambda settings: [],
    "Add": lambda settings: [],
}
