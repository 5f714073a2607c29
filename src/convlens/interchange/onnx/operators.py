"""ONNX operators as layers: what no layer computes is named, never guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto

from convlens.foundation.errors import WeightsError, quote
from convlens.interchange.assembly import (
    UNREADABLE,
    Node,
    NoLayerError,
    Piece,
    ZeroPadding,
    make_layer,
    unsupported,
)
from convlens.interchange.onnx.call import NodeCall, decimal
from convlens.interchange.onnx.graph import DROP_PATH
from convlens.interchange.onnx.pointwise import OPERATORS, Forms
from convlens.interchange.onnx.several import (
    Part,
    begun,
    continued,
    group_norm,
    kinds_of,
    layer_norm_of_features,
)
from convlens.network import layers


class Reader:
    """Reads nodes one by one; collects those that are no layer, to name them all at once."""

    def __init__(self, path: Path, constants: dict[str, TensorProto], *, keep_names: bool) -> None:
        self.path, self.constants, self.keep_names = path, constants, keep_names
        self.same: dict[str, str] = {}
        """Tensors that are another one under a new name."""
        self.forms = Forms()
        self.shapes: dict[str, str] = {}
        """Tensors that are the shape of another one."""
        self.parts: dict[str, Part] = {}
        """Tensors on the way through several nodes that are one layer."""
        self.unbiased: dict[str, Node] = {}
        self.known: set[str] = set()
        self.nodes: list[Node] = []

    def read(self, graph: GraphProto, source: str) -> list[Node]:
        """Return the graph's operations as nodes, in its own order of computation."""
        self.known.add(source)
        foreign: list[tuple[str, str]] = []
        for node in graph.node:
            if node.output and node.output[0] in self.constants:
                continue  # a Constant, or its Identity
            try:
                self._node(node)
                continue
            except NoLayerError as error:
                reason = str(error)
            except UNREADABLE:
                reason = f"{node.op_type} with settings that cannot be read"
            foreign.append((node.name or (node.output[0] if node.output else ""), reason))
            self.known.update(node.output)  # what follows is judged on its own
        if foreign:
            raise unsupported(str(self.path), foreign, _OPERATORS)
        return self.nodes

    def _node(self, node: NodeProto) -> None:
        if node.domain not in ("", "ai.onnx"):
            raise NoLayerError(f"{node.op_type} of the domain {quote(node.domain)}")
        reader = _READERS.get(node.op_type)
        if reader is None and node.op_type not in (*OPERATORS, *_OF_SEVERAL):
            raise NoLayerError(node.op_type)
        if len(set(node.output)) != len(node.output) or any(o in self.known for o in node.output):
            raise WeightsError(
                f"{self.path}: {quote(node.name)} gives a tensor that was given before",
                "a graph in which each tensor is computed once",
                "export it again",
            )
        inputs = [self.same.get(name, name) for name in node.input]
        data = [n for n in inputs if n and n not in self.constants and n not in self.shapes]
        if not data or not all(name in self.known for name in data):
            raise NoLayerError(f"{node.op_type} of something that is not computed from the images")
        name = node.name if self.keep_names else ""
        call = NodeCall(node, name, inputs, data, self.constants)
        call.shapes = self.shapes
        if node.op_type == "Shape":
            self.shapes[call.output] = data[0]
            self.known.add(call.output)
            return
        part = next((self.parts[name] for name in data if name in self.parts), None)
        several = begun(call) if part is None else continued(part, call)
        if isinstance(several, Part):
            self.parts[call.output] = several
            self.known.add(call.output)
            return
        if several is not None:
            assert part is not None
            self.add(call, several, inputs=(part.source,))
            return
        if node.op_type in _OF_SEVERAL:
            raise NoLayerError(f"{node.op_type}, other than in {kinds_of(node.op_type)}")
        if reader is None or any(map(self.forms.is_part_only, data)):
            self.pointwise(call)
            return
        try:
            reader(self, call)
        except NoLayerError as error:
            if node.op_type not in OPERATORS:
                raise
            try:
                self.pointwise(call)
            except NoLayerError:
                raise error from None

    def pointwise(self, call: NodeCall) -> None:
        """Keep a part of a pointwise kind, or the layer that it completes."""
        whole = self.forms.read(call)
        if whole is not None:
            piece, source = whole
            self.add(call, piece, inputs=(source,))
        self.known.add(call.output)

    def add(self, call: NodeCall, *pieces: Piece, inputs: tuple[str, ...] | None = None) -> None:
        """Keep a node that stands for these layers."""
        inputs = inputs or (call.data[0],)
        self.nodes.append(Node(call.output, inputs, pieces))
        self.known.add(call.output)
        last = pieces[-1].layer if pieces else None
        vector = isinstance(last, layers.Flatten | layers.Linear) or self.forms.is_vector(inputs[0])
        self.forms.layer(call.output, vector=vector)

    def flattened_pool(self, call: NodeCall) -> Node | None:
        """Return the node that a node reads, where that is a global pool that gives features."""
        node = self.node_of(call.data[0])
        if node is None or len(node.pieces) != 2:
            return None
        return node if isinstance(node.pieces[1].layer, layers.Flatten) else None

    def node_of(self, tensor: str) -> Node | None:
        """Return the node that gives a tensor; None for the graph's input."""
        return next((node for node in reversed(self.nodes) if node.name == tensor), None)

    def alias(self, call: NodeCall) -> None:
        """Keep a node that changes nothing."""
        self.same[call.output] = call.data[0]
        self.known.add(call.output)


def _conv(reader: Reader, call: NodeCall) -> None:
    call.one_input()
    weight = call.floats(1, 4)
    filters, depth, *kernel = weight.shape
    groups = call.get("group", 1)
    sliding = {**call.sliding(), "kernel": kernel, "dilation": call.get("dilations", [1, 1])}
    bias = {"bias": call.floats(2, 1)} if call.has(2) else {}
    if groups > 1 and depth == 1 and filters % groups == 0:
        spec = make_layer(
            layers.Depthwise, multiplier=filters // groups, bias=bool(bias), **sliding
        )
    else:
        spec = make_layer(layers.Conv, filters=filters, groups=groups, bias=bool(bias), **sliding)
    reader.add(call, Piece(spec, {"weight": weight, **bias}, call.name))


def _pool(kind: type[layers.Layer]) -> Any:
    def read(reader: Reader, call: NodeCall) -> None:
        call.one_input()
        call.expect(dilations=[1, 1], storage_order=0)
        sliding = call.sliding()
        if call.get("count_include_pad", 0) and sliding["padding"] != (0, 0, 0, 0):
            sliding["count_padding"] = True
        reader.add(call, Piece(make_layer(kind, **_touching(sliding)), {}, call.name))

    return read


def _touching(sliding: dict[str, Any]) -> dict[str, Any]:
    """Leave the stride out where it equals the kernel, which is a pooling's default."""
    same = list(sliding["stride"]) == list(sliding["kernel"] or [])
    return {key: value for key, value in sliding.items() if key != "stride" or not same}


def _batch_norm(reader: Reader, call: NodeCall) -> None:
    call.one_input()
    call.expect(training_mode=0, spatial=1)
    names = ("weight", "bias", "running_mean", "running_var")
    arrays = {name: call.floats(i, 1) for i, name in enumerate(names, start=1)}
    momentum = decimal(1 - call.get("momentum", 0.9))
    epsilon = decimal(call.get("epsilon", 1e-5))
    spec = make_layer(layers.BatchNorm, epsilon=epsilon, momentum=momentum or 1e-6)
    reader.add(call, Piece(spec, arrays, call.name))


def _dropout(reader: Reader, call: NodeCall) -> None:
    rate = call.get("ratio", None)
    if rate is None and call.has(1):
        rate = float(call.floats(1, 0, 1).ravel()[0])
    rate = 0.5 if rate is None else decimal(rate)
    reader.add(call, Piece(make_layer(layers.Dropout, rate=rate), {}, call.name))


def _reshape(reader: Reader, call: NodeCall) -> None:
    if call.node.op_type == "Flatten":
        call.one_input()
        call.expect(axis=1)
    else:
        sizes = call.integers(1)
        if sizes[2:] == [1, 1] and (pooled := reader.flattened_pool(call)) is not None:
            reader.add(call, *pooled.pieces[:-1], inputs=pooled.inputs)
            return
        if len(sizes) != 2 or sizes[0] > 1 or (sizes[0] == 1 and sizes[1] != -1):
            raise NoLayerError(f"Reshape to {sizes}, other than (batch, features)")
    reader.add(call, Piece(layers.Flatten(), {}, call.name))


def _gemm(reader: Reader, call: NodeCall) -> None:
    call.one_input()
    call.expect(alpha=1.0, beta=1.0, transA=0)
    weight = call.floats(1, 2)
    weight = weight if call.get("transB", 0) else np.ascontiguousarray(weight.T)
    bias = (
        {"bias": np.broadcast_to(call.floats(2, 0, 1), len(weight)).copy()} if call.has(2) else {}
    )
    spec = make_layer(layers.Linear, features=len(weight), bias=bool(bias))
    reader.add(call, Piece(spec, {"weight": weight, **bias}, call.name))


def _matmul(reader: Reader, call: NodeCall) -> None:
    call.one_input()
    weight = np.ascontiguousarray(call.floats(1, 2).T)
    spec = make_layer(layers.Linear, features=len(weight), bias=False)
    reader.add(call, Piece(spec, {"weight": weight}, call.name))
    reader.unbiased[call.output] = reader.nodes[-1]


def _join(reader: Reader, call: NodeCall, join: layers.Join) -> None:
    """Keep a node at which branches meet; where they part, `convlens.network.tree` finds."""
    if len(call.data) != len(call.inputs):
        raise NoLayerError(f"{call.node.op_type} of something that is not computed from the images")
    if len(call.data) == 1:
        reader.alias(call)
    else:
        reader.add(call, Piece(join, {}, call.name), inputs=tuple(call.data))


def _concat(reader: Reader, call: NodeCall) -> None:
    axis = call.get("axis", None)
    if axis != 1 and axis != (-1 if reader.forms.is_vector(call.data[0]) else -3):
        raise NoLayerError(f"Concat along axis {axis}, other than the channels")
    _join(reader, call, layers.Concat())


def _mul(reader: Reader, call: NodeCall) -> None:
    """Keep a part of an activation, or the product of two branches: SiLU multiplies too."""
    try:
        reader.pointwise(call)
    except NoLayerError:
        if len(call.data) < 2:
            raise
        # convlens writes a product of three branches as two nodes, of which the first is named so
        first = reader.node_of(call.data[0])
        if first is not None and first.name.startswith(f"{call.node.name}/mul"):
            inputs = (*first.inputs, call.data[1])
            reader.add(call, Piece(layers.Multiply(), {}, call.name), inputs=inputs)
        else:
            _join(reader, call, layers.Multiply())


def _add(reader: Reader, call: NodeCall) -> None:
    if len(call.data) == 2:
        _join(reader, call, layers.Add())
        return
    before = reader.unbiased.get(call.data[0])
    bias = call.floats(0 if call.inputs[1] == call.data[0] else 1, 1)
    if before is None or len(bias) != len(before.pieces[0].arrays["weight"]):
        raise NoLayerError("Add of a constant, other than the bias of a MatMul")
    # the product itself stays as it is for whoever else reads it
    spec = make_layer(layers.Linear, features=len(bias))
    arrays = {**before.pieces[0].arrays, "bias": bias}
    reader.add(call, Piece(spec, arrays, call.name), inputs=before.inputs)


def _global_pool(kind: type[layers.Layer], operator: str) -> Any:
    def read(reader: Reader, call: NodeCall) -> None:
        if operator.startswith("Reduce"):
            axes = call.get("axes", None) or (call.integers(1) if call.has(1) else [])
            if sorted(axis % 4 for axis in axes) != [2, 3]:
                raise NoLayerError(f"{operator} over the axes {axes}, not height and width")
            flat = not call.get("keepdims", 1)
            pieces = [Piece(kind()), *([Piece(layers.Flatten())] if flat else [])]
            reader.add(call, *pieces)
        else:
            reader.add(call, Piece(kind(), {}, call.name))

    return read


def _pad(reader: Reader, call: NodeCall) -> None:
    call.expect(value=0.0)
    mode = _PAD_MODES.get(call.get("mode", b"constant"))
    if mode is None or call.has(3):
        raise NoLayerError(f"Pad with mode {call.get('mode', b'')!r:.40} or chosen axes")
    pads = call.get("pads", None) or call.integers(1)
    if len(pads) != 8 or any(pads[i] for i in (0, 1, 4, 5)) or min(pads) < 0:
        raise NoLayerError(f"Pad by {pads}, other than height and width")
    if call.has(2) and call.floats(2, 0, 1).any():
        raise NoLayerError("Pad with a value other than 0")
    sides = (pads[2], pads[6], pads[3], pads[7])
    if mode == "zero" and not reader.keep_names:  # a convolution after it may take them over
        reader.add(call, Piece(ZeroPadding(sides)))
        return
    reader.add(call, Piece(make_layer(layers.Pad, padding=sides, mode=mode), {}, call.name))


_PAD_MODES = {b"constant": "zero", b"reflect": "reflect", b"edge": "replicate"}


def _layer_norm(reader: Reader, call: NodeCall) -> None:
    call.one_input()
    if not reader.forms.is_vector(call.data[0]):
        raise NoLayerError("LayerNormalization of maps whose channels do not stand last")
    reader.add(call, layer_norm_of_features(call))


def _local_response_norm(reader: Reader, call: NodeCall) -> None:
    call.one_input()
    usual = {"alpha": 1e-4, "beta": 0.75, "k": 1.0}
    names = {"alpha": "alpha", "beta": "beta", "k": "bias"}
    settings = {own: decimal(call.get(names[own], value)) for own, value in usual.items()}
    spec = make_layer(layers.LocalResponseNorm, size=call.get("size", 0), **settings)
    reader.add(call, Piece(spec, {}, call.name))


def _identity(reader: Reader, call: NodeCall) -> None:
    """Take a note of this program: a layer that works in training only."""
    note = call.node.doc_string
    if not (reader.keep_names and note.startswith(DROP_PATH)):
        reader.alias(call)
        return
    rate = float(note.removeprefix(DROP_PATH))
    reader.add(call, Piece(make_layer(layers.DropPath, rate=rate), {}, call.name))


def _slice(reader: Reader, call: NodeCall) -> None:
    call.one_input()
    cut = {"starts": [0], "ends": [0], "axes": [0], "steps": [1]}
    for place, key in enumerate(cut, start=1):  # attributes before opset 10
        if call.has(place):
            cut[key] = call.integers(place)
        else:
            cut[key] = list(call.get(key, cut[key]))
    (start, *_), (end, *_) = cut["starts"], cut["ends"]
    if cut["axes"] != [1] or cut["steps"] != [1] or not 0 <= start < end:
        raise NoLayerError(f"Slice by {cut}, other than of channels counted from the first")
    spec = make_layer(layers.Channels, count=end - start, start=start)
    reader.add(call, Piece(spec, {}, call.name))


def _softmax(reader: Reader, call: NodeCall) -> None:
    call.one_input()
    if call.get("axis", -1) not in (1, -1):
        raise NoLayerError(f"Softmax over axis {call.get('axis', -1)}")
    reader.add(call, Piece(layers.Softmax(), {}, call.name))


_READERS: dict[str, Any] = {
    "Conv": _conv,
    "BatchNormalization": _batch_norm,
    "MaxPool": _pool(layers.MaxPool),
    "AveragePool": _pool(layers.AvgPool),
    "GlobalMaxPool": _global_pool(layers.GlobalMaxPool, "GlobalMaxPool"),
    "GlobalAveragePool": _global_pool(layers.GlobalAvgPool, "GlobalAveragePool"),
    "ReduceMax": _global_pool(layers.GlobalMaxPool, "ReduceMax"),
    "ReduceMean": _global_pool(layers.GlobalAvgPool, "ReduceMean"),
    "Flatten": _reshape,
    "Reshape": _reshape,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Add": _add,
    "Sum": lambda reader, call: _join(reader, call, layers.Add()),
    "Concat": _concat,
    "Mul": _mul,
    "Softmax": _softmax,
    "LogSoftmax": _softmax,  # what is computed are the logits before it; these give both
    "Dropout": _dropout,
    "Identity": _identity,
    "Pad": _pad,
    "Slice": _slice,
    "LayerNormalization": _layer_norm,
    "GroupNormalization": lambda reader, call: reader.add(call, group_norm(call)),
    "LRN": _local_response_norm,
}
_OF_SEVERAL = ("Transpose", "InstanceNormalization", "Shape")
"""Operators that are read in layers of several nodes only."""
_OPERATORS = tuple(dict.fromkeys((*_READERS, *sorted(OPERATORS), *_OF_SEVERAL)))
