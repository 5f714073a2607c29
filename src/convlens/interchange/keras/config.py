"""A Keras model's `config.json` as nodes: read as data, nothing of it imported or called.

Only layers of Keras's own, by class name and with settings that convlens has, are understood; a
custom module, a Lambda or a TFSMLayer names code to run and is refused unread. Format:
https://keras.io/api/models/model_saving_apis/ and the layers' `get_config`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from convlens.foundation.errors import InputError
from convlens.interchange.assembly import (
    MOST_NODES,
    UNREADABLE,
    Node,
    NoLayerError,
    Piece,
    unsupported,
)
from convlens.interchange.keras.layers import (
    JOINS,
    READERS,
    WITH_VARIABLES,
    Config,
    in_weights,
    number,
)
from convlens.network.layers import Flatten

_MODULES = ("keras", "keras.layers", "keras.src.models.functional", "keras.src.models.sequential")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@dataclass
class KerasConfig:
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
    permuted: set[str] = field(default_factory=set)
    """The Permute layers that bring the channels to the front, for a Flatten to read."""
    channels_first: set[str] = field(default_factory=set)
    """The Flatten layers that read one: they lay maps out as PyTorch does."""


def read_config(config: object, where: str, shape: tuple[int, int, int] | None) -> KerasConfig:
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
        )
    inner = _table(top.get("config"), where)
    written = inner.get("layers")
    if not isinstance(written, list) or not 1 <= len(written) <= MOST_NODES:
        raise _damaged(where, "it has no list of layers")
    entries = [_entry(layer, where) for layer in written]
    _refuse_foreign(entries, where)
    model = KerasConfig()
    chain = kind == "Sequential"
    foreign: list[tuple[str, str]] = []
    same: dict[str, str] = {}
    previous = ""
    for entry in entries:
        inputs = [previous] if chain else _inputs(entry.written, where)
        if entry.kind == "InputLayer":
            if model.source:
                raise InputError(f"{where} has two inputs", "one: a batch of images")
            model.source, model.shape = entry.name, _input_shape(entry.settings, shape, where)
        else:
            if chain and not model.source:  # a Sequential may leave its input unsaid
                model.source, model.shape = (
                    "input",
                    _input_shape(
                        {
                            "batch_shape": _table(
                                entry.written.get("build_config") or {}, where
                            ).get("input_shape")
                        },
                        shape,
                        where,
                    ),
                )
                inputs = ["input"]
            turned = not model.permuted.isdisjoint(inputs)
            inputs = [same.get(name, name) for name in inputs]
            try:
                pieces = _pieces(model, entry, first=inputs == [model.source], turned=turned)
            except NoLayerError as reason:
                foreign.append((entry.name, f"{entry.kind}: {reason}"))
                pieces = ()
            except UNREADABLE:
                foreign.append((entry.name, f"{entry.kind}: settings that cannot be read"))
                pieces = ()
            if entry.kind == "Reshape" and (pooled := _flattened_pool(model, inputs)) is not None:
                model.nodes.append(Node(entry.name, pooled.inputs, pooled.pieces[:-1]))
            elif entry.kind == "Reshape":
                foreign.append((entry.name, "Reshape: not after a global pooling"))
            elif len(inputs) < 2 if entry.kind in JOINS else len(inputs) != 1:
                foreign.append((entry.name, f"{entry.kind} of {len(inputs)} inputs"))
            elif pieces:
                model.nodes.append(Node(entry.name, tuple(inputs), pieces))
            else:
                same[entry.name] = inputs[0]
        previous = entry.name
    if foreign:
        raise unsupported(where, foreign, tuple(READERS))
    output = previous if chain else _output(inner, where)
    if output in model.permuted:
        raise unsupported(where, [(output, "Permute: not before a Flatten")], tuple(READERS))
    model.output = same.get(output, output)
    _check_links(model, where)
    return model


def _flattened_pool(model: KerasConfig, inputs: list[str]) -> Node | None:
    """Return the node that a layer reads, where that is a global pool that gives features."""
    node = next((node for node in model.nodes if [node.name] == inputs), None)
    if node is None or len(node.pieces) != 2:
        return None
    return node if isinstance(node.pieces[1].layer, Flatten) else None


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
    name = str(table.get("name", settings.get("name")))
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
    names: list[str] = []

    def visit(value: object, depth: int) -> None:
        if depth > 6:
            raise _damaged(where, "its connections are nested too deeply")
        if isinstance(value, list):
            for item in value:
                visit(item, depth + 1)
        elif isinstance(value, dict):
            history = _table(value.get("config", {}), where).get("keras_history")
            if value.get("class_name") == "__keras_tensor__" and isinstance(history, list):
                names.append(str(history[0]) if history else "")

    for node in nodes:
        visit(_table(node, where).get("args", []), 0)
    return names


def _output(inner: Config, where: str) -> str:
    written = inner.get("output_layers")
    while isinstance(written, list) and len(written) == 1 and isinstance(written[0], list):
        written = written[0]
    if not isinstance(written, list) or not written or not isinstance(written[0], str):
        raise InputError(f"{where} has not one output", "one: the classes")
    return written[0]


def _check_links(model: KerasConfig, where: str) -> None:
    known = {model.source}
    for node in model.nodes:
        if not set(node.inputs) <= known:
            raise _damaged(where, f"{node.name[:60]!r} reads what is not computed before it")
        known.add(node.name)
    if model.output not in known:
        raise _damaged(where, "its output is none of its layers")


def _input_shape(
    settings: Config, asked_for: tuple[int, int, int] | None, where: str
) -> tuple[int, int, int]:
    sizes = settings.get("batch_shape")
    if sizes is None and asked_for is not None:
        return asked_for
    if not isinstance(sizes, list) or len(sizes) != 4:
        raise InputError(
            f"{where} takes {str(sizes)[:60]}",
            "images of 4 axes (N, H, W, C)",
        )
    height, width, channels = sizes[1:]
    shape = (channels, height, width)
    for size, asked in zip(shape, asked_for or shape, strict=True):
        if size is not None and size != asked:
            raise InputError(
                f"{where} takes images of {shape} and `input_shape` is {asked_for}",
                "the file's own size",
                "leave `input_shape` out",
            )
    shape = asked_for or shape
    if not all(isinstance(size, int) and 1 <= size <= 16_384 for size in shape):
        raise InputError(
            f"{where} leaves the size of its images open: {shape}",
            "channels, height and width",
            "give them as `input_shape`",
        )
    return shape


def _pieces(model: KerasConfig, entry: _Entry, *, first: bool, turned: bool) -> tuple[Piece, ...]:
    """Return the layers that an entry stands for; `turned` says that it reads permuted axes."""
    reader = READERS.get(entry.kind)
    if reader is None:
        raise NoLayerError("not among the layers that are understood")
    settings = entry.settings
    if settings.get("data_format", "channels_last") != "channels_last":
        raise NoLayerError(f"data_format {settings['data_format']!r:.40}")
    if entry.kind == "Rescaling":
        if not first or model.rescaled:
            raise NoLayerError("not the first layer")
        model.scale, model.offset = number(settings, "scale"), number(settings, "offset")
        model.rescaled = True
        return ()
    if turned and entry.kind != "Flatten":
        raise NoLayerError("after a Permute, which is understood before a Flatten alone")
    layers = reader(settings)
    if entry.kind == "Permute":
        model.permuted.add(entry.name)
        return ()
    if turned:
        model.channels_first.add(entry.name)
        return (Piece(layers[0], {}, entry.name),)
    if entry.kind in WITH_VARIABLES.values():
        model.kinds[entry.name] = in_weights(entry.kind)
        head = Piece(layers[0], {}, entry.name)
        return (head, *map(Piece, layers[1:]))
    return tuple(map(Piece, layers))
