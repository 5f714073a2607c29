"""ONNX operators as layers: what no layer computes is named, never guessed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, helper, numpy_helper

from convlens import layers
from convlens.errors import WeightsError
from convlens.importing.assembly import Node, Pad, Piece, unsupported
from convlens.weights.tensor_file import Array, quote

_FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
_INTEGERS = (TensorProto.INT64, TensorProto.INT32)


class Reader:
    """Reads nodes one by one; collects those that are no layer, to name them all at once."""

    def __init__(self, path: Path, constants: dict[str, TensorProto], *, keep_names: bool) -> None:
        self.path, self.constants, self.keep_names = path, constants, keep_names
        self.same: dict[str, str] = {}
        """Tensors that are another one under a new name."""
        self.parts: dict[str, tuple[str, str]] = {}
        """Tensors that are a part of an activation: which part, and of which tensor."""
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
            except _NoLayerError as reason:
                foreign.append((node.name or (node.output[0] if node.output else ""), str(reason)))
                self.known.update(node.output)  # what follows is judged on its own
        if foreign:
            raise unsupported(str(self.path), foreign, _OPERATORS)
        return self.nodes

    def _node(self, node: NodeProto) -> None:
        if node.domain not in ("", "ai.onnx"):
            raise _NoLayerError(f"{node.op_type} of the domain {quote(node.domain)}")
        reader = _READERS.get(node.op_type)
        if reader is None:
            raise _NoLayerError(node.op_type)
        if len(set(node.output)) != len(node.output) or any(o in self.known for o in node.output):
            raise WeightsError(
                f"{self.path}: {quote(node.name)} gives a tensor that was given before",
                "a graph in which each tensor is computed once",
                "export it again",
            )
        given = [self.same.get(name, name) for name in node.input]
        data = [name for name in given if name and name not in self.constants]
        if not data or not all(name in self.known for name in data):
            raise _NoLayerError(f"{node.op_type} of something that is not computed from the images")
        call = _Call(self, node, given, data)
        if node.op_type in ("Sigmoid", "Erf", "Div", "Mul") or any(n in self.parts for n in data):
            _activation(self, call)
        else:
            reader(self, call)

    def add(self, call: _Call, *pieces: Piece, inputs: tuple[str, ...] | None = None) -> None:
        """Keep a node that is worth these layers."""
        self.nodes.append(Node(call.output, inputs or (call.data[0],), pieces))
        self.known.add(call.output)

    def alias(self, call: _Call) -> None:
        """Keep a node that changes nothing."""
        self.same[call.output] = call.data[0]
        self.known.add(call.output)


class _NoLayerError(Exception):
    """An operator, or a setting of one, that no layer of convlens computes."""


class _Call:
    """One node with its inputs looked up."""

    def __init__(self, reader: Reader, node: NodeProto, given: list[str], data: list[str]) -> None:
        self.reader, self.node, self.given, self.data = reader, node, given, data
        self.output = node.output[0]
        self.name = node.name if reader.keep_names else ""
        self.attributes = {a.name: _attribute(a) for a in node.attribute}

    def get(self, key: str, default: Any) -> Any:
        """Return an attribute."""
        return self.attributes.get(key, default)

    def expect(self, **usual: Any) -> None:
        """Refuse a setting that convlens's layer does not have."""
        for key, value in usual.items():
            if self.get(key, value) != value:
                raise _NoLayerError(f"{self.node.op_type} with {key} {self.attributes[key]!r:.60}")

    def one_input(self) -> None:
        """Refuse a second input that is computed."""
        if len(self.data) != 1 or self.given[0] != self.data[0]:
            raise _NoLayerError(f"{self.node.op_type} of {len(self.data)} computed inputs")

    def has(self, place: int) -> bool:
        """Say whether an optional input is there."""
        return len(self.given) > place and bool(self.given[place])

    def floats(self, place: int, *axes: int) -> Array:
        """Return a constant input as float32; its number of axes must be one of `axes`."""
        tensor = self._constant(place)
        if tensor.data_type not in _FLOATS or len(tensor.dims) not in axes:
            kind = TensorProto.DataType.Name(tensor.data_type)
            raise _NoLayerError(f"{self.node.op_type} with {kind} weights {list(tensor.dims)}")
        return np.asarray(numpy_helper.to_array(tensor)).astype(np.float32)

    def number(self) -> float | None:
        """Return the one constant among the inputs where it is a single number."""
        held = [name for name in self.given if name in self.reader.constants]
        if len(held) != 1 or math.prod(self.reader.constants[held[0]].dims) != 1:
            return None
        return float(numpy_helper.to_array(self.reader.constants[held[0]]).item())

    def integers(self, place: int) -> list[int]:
        """Return a constant input as whole numbers."""
        tensor = self._constant(place)
        if tensor.data_type not in _INTEGERS or math.prod(tensor.dims) > 8:
            raise _NoLayerError(f"{self.node.op_type} with settings that are no whole numbers")
        return [int(n) for n in np.asarray(numpy_helper.to_array(tensor)).ravel()]

    def _constant(self, place: int) -> TensorProto:
        if not self.has(place) or self.given[place] not in self.reader.constants:
            raise _NoLayerError(f"{self.node.op_type} with weights that are computed")
        return self.reader.constants[self.given[place]]

    def sliding(self) -> dict[str, Any]:
        """Return kernel, stride and padding as convlens's layers take them."""
        kernel = self.get("kernel_shape", None)
        if kernel is not None and len(kernel) != 2:
            raise _NoLayerError(f"{self.node.op_type} over {len(kernel)} axes")
        self.expect(ceil_mode=0)
        automatic = self.get("auto_pad", b"NOTSET")
        if automatic not in (b"NOTSET", b"", b"VALID", b"SAME_UPPER"):
            raise _NoLayerError(f"{self.node.op_type} with auto_pad {automatic!r:.40}")
        pads = self.get("pads", [0, 0, 0, 0]) if automatic != b"VALID" else [0, 0, 0, 0]
        padding: Any = "same"
        if automatic != b"SAME_UPPER":
            padding = (pads[0], pads[2], pads[1], pads[3])
        return {"kernel": kernel, "stride": self.get("strides", [1, 1]), "padding": padding}


def _attribute(attribute: AttributeProto) -> Any:
    if attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS, AttributeProto.TENSOR):
        return None  # refused where a layer would need it
    return helper.get_attribute_value(attribute)


def _layer(kind: type[layers.Layer], **settings: Any) -> layers.Layer:
    try:
        return kind(**settings)
    except ValueError as error:
        first = str(error).splitlines()
        raise _NoLayerError(f"{kind.kind}: {' '.join(first[1:3])[:120]}") from None


def _conv(reader: Reader, call: _Call) -> None:
    call.one_input()
    weight = call.floats(1, 4)
    filters, depth, *kernel = weight.shape
    groups = call.get("group", 1)
    sliding = {**call.sliding(), "kernel": kernel, "dilation": call.get("dilations", [1, 1])}
    bias = {"bias": call.floats(2, 1)} if call.has(2) else {}
    if groups > 1 and depth == 1 and filters % groups == 0:
        spec = _layer(layers.Depthwise, multiplier=filters // groups, bias=bool(bias), **sliding)
    else:
        spec = _layer(layers.Conv, filters=filters, groups=groups, bias=bool(bias), **sliding)
    reader.add(call, Piece(spec, {"weight": weight, **bias}, call.name))


def _pool(kind: type[layers.Layer]) -> Any:
    def read(reader: Reader, call: _Call) -> None:
        call.one_input()
        call.expect(dilations=[1, 1], storage_order=0)
        sliding = call.sliding()
        if call.get("count_include_pad", 0) and sliding["padding"] not in ((0, 0, 0, 0), "same"):
            raise _NoLayerError("AveragePool that counts its padding")
        reader.add(call, Piece(_layer(kind, **_touching(sliding)), {}, call.name))

    return read


def _touching(sliding: dict[str, Any]) -> dict[str, Any]:
    """Leave a stride out that is the kernel, as the layer's usual one is."""
    same = list(sliding["stride"]) == list(sliding["kernel"] or [])
    return {key: value for key, value in sliding.items() if key != "stride" or not same}


def _batch_norm(reader: Reader, call: _Call) -> None:
    call.one_input()
    call.expect(training_mode=0, spatial=1)
    names = ("weight", "bias", "running_mean", "running_var")
    arrays = {name: call.floats(i, 1) for i, name in enumerate(names, start=1)}
    momentum = _decimal(1 - call.get("momentum", 0.9))
    epsilon = _decimal(call.get("epsilon", 1e-5))
    spec = _layer(layers.BatchNorm, epsilon=epsilon, momentum=momentum or 1e-6)
    reader.add(call, Piece(spec, arrays, call.name))


def _decimal(value: float) -> float:
    """Return the short decimal that a float32 was made of: ONNX keeps 0.1 as 0.10000000149."""
    return float(f"{value:.6g}")


def _simple(kind: type[layers.Layer], **usual: Any) -> Any:
    def read(reader: Reader, call: _Call) -> None:
        call.one_input()
        call.expect(**usual)
        reader.add(call, Piece(kind(), {}, call.name))

    return read


def _leaky_relu(reader: Reader, call: _Call) -> None:
    slope = _decimal(call.get("alpha", 0.01))
    reader.add(call, Piece(_layer(layers.LeakyReLU, slope=slope), {}, call.name))


def _dropout(reader: Reader, call: _Call) -> None:
    rate = call.get("ratio", None)
    if rate is None and call.has(1):
        rate = float(call.floats(1, 0, 1).ravel()[0])
    rate = 0.5 if rate is None else _decimal(rate)
    reader.add(call, Piece(_layer(layers.Dropout, rate=rate), {}, call.name))


def _activation(reader: Reader, call: _Call) -> None:
    """Put SiLU, x * sigmoid(x), and GELU, x/2 * (1 + erf(x/sqrt 2)), together from their parts."""
    operator, parts = call.node.op_type, reader.parts
    found = None
    if len(call.data) == 2 and operator == "Mul":
        for value, other in (call.data, call.data[::-1]):
            part, of = parts.get(other, ("", ""))
            if (part, of) == ("sigmoid", value):
                reader.add(call, Piece(layers.SiLU(), {}, call.name), inputs=(value,))
                return
            if (part, of) == ("1 + erf", value):
                found = ("x(1 + erf)", value)
            elif part == "1 + erf" and parts.get(value) == ("x/2", of):
                reader.add(call, Piece(layers.GELU(), {}, call.name), inputs=(of,))
                return
    elif len(call.data) == 1:
        value = call.data[0]
        part, of = parts.get(value, ("x", value))
        number = call.number()
        if operator == "Div" and number and call.given[0] == value:
            operator, number = "Mul", 1 / number
        match operator, part, number:
            case "Sigmoid", "x", None:
                found = ("sigmoid", of)
            case "Mul", "x", float(factor) if math.isclose(factor, 0.5**0.5, rel_tol=1e-5):
                found = ("x/sqrt 2", of)
            case "Erf", "x/sqrt 2", None:
                found = ("erf", of)
            case "Add", "erf", 1.0:
                found = ("1 + erf", of)
            case "Mul", "x", 0.5:
                found = ("x/2", of)
            case "Mul", "x(1 + erf)", 0.5:
                reader.add(call, Piece(layers.GELU(), {}, call.name), inputs=(of,))
                return
    if found is None:
        raise _NoLayerError(f"{call.node.op_type}, other than in SiLU or GELU")
    reader.parts[call.output] = found
    reader.known.add(call.output)


def _reshape(reader: Reader, call: _Call) -> None:
    if call.node.op_type == "Flatten":
        call.one_input()
        call.expect(axis=1)
    else:
        sizes = call.integers(1)
        if len(sizes) != 2 or sizes[0] > 1 or (sizes[0] == 1 and sizes[1] != -1):
            raise _NoLayerError(f"Reshape to {sizes}, other than (batch, features)")
    reader.add(call, Piece(layers.Flatten(), {}, call.name))


def _gemm(reader: Reader, call: _Call) -> None:
    call.one_input()
    call.expect(alpha=1.0, beta=1.0, transA=0)
    weight = call.floats(1, 2)
    weight = weight if call.get("transB", 0) else np.ascontiguousarray(weight.T)
    bias = (
        {"bias": np.broadcast_to(call.floats(2, 0, 1), len(weight)).copy()} if call.has(2) else {}
    )
    spec = _layer(layers.Linear, features=len(weight), bias=bool(bias))
    reader.add(call, Piece(spec, {"weight": weight, **bias}, call.name))


def _matmul(reader: Reader, call: _Call) -> None:
    call.one_input()
    weight = np.ascontiguousarray(call.floats(1, 2).T)
    spec = _layer(layers.Linear, features=len(weight), bias=False)
    reader.add(call, Piece(spec, {"weight": weight}, call.name))
    reader.unbiased[call.output] = reader.nodes[-1]


def _add(reader: Reader, call: _Call) -> None:
    if len(call.data) == 2:
        block = Piece(layers.Residual(layers=()), {}, call.name)  # its sides are found later
        reader.add(call, block, inputs=tuple(call.data))
        return
    before = reader.unbiased.get(call.data[0])
    bias = call.floats(0 if call.given[1] == call.data[0] else 1, 1)
    if before is None or len(bias) != len(before.pieces[0].arrays["weight"]):
        raise _NoLayerError("Add of a constant, other than the bias of a MatMul")
    # the product itself stays as it is for whoever else reads it
    spec = _layer(layers.Linear, features=len(bias))
    arrays = {**before.pieces[0].arrays, "bias": bias}
    reader.add(call, Piece(spec, arrays, call.name), inputs=before.inputs)


def _global_pool(kind: type[layers.Layer], operator: str) -> Any:
    def read(reader: Reader, call: _Call) -> None:
        if operator.startswith("Reduce"):
            axes = call.get("axes", None) or (call.integers(1) if call.has(1) else [])
            if sorted(axis % 4 for axis in axes) != [2, 3]:
                raise _NoLayerError(f"{operator} over the axes {axes}, not height and width")
            flat = not call.get("keepdims", 1)
            pieces = [Piece(kind()), *([Piece(layers.Flatten())] if flat else [])]
            reader.add(call, *pieces)
        else:
            reader.add(call, Piece(kind(), {}, call.name))

    return read


def _pad(reader: Reader, call: _Call) -> None:
    call.expect(mode=b"constant", value=0.0)
    pads = call.get("pads", None) or call.integers(1)
    if len(pads) != 8 or any(pads[i] for i in (0, 1, 4, 5)) or min(pads) < 0:
        raise _NoLayerError(f"Pad by {pads}, other than height and width")
    if call.has(2) and call.floats(2, 0, 1).any():
        raise _NoLayerError("Pad with a value other than 0")
    reader.add(call, Piece(Pad((pads[2], pads[6], pads[3], pads[7]))))


def _softmax(reader: Reader, call: _Call) -> None:
    call.one_input()
    if call.get("axis", -1) not in (1, -1):
        raise _NoLayerError(f"Softmax over axis {call.get('axis', -1)}")
    reader.add(call, Piece(layers.Softmax(), {}, call.name))


_READERS: dict[str, Any] = {
    "Conv": _conv,
    "BatchNormalization": _batch_norm,
    "Relu": _simple(layers.ReLU),
    "LeakyRelu": _leaky_relu,
    "Gelu": _simple(layers.GELU, approximate=b"none"),
    "Sigmoid": _activation,
    "Erf": _activation,
    "Mul": _activation,
    "Div": _activation,
    "Swish": _simple(layers.SiLU, alpha=1.0),
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
    "Softmax": _softmax,
    "LogSoftmax": _softmax,  # what is computed are the logits before it; these give both
    "Dropout": _dropout,
    "Identity": lambda reader, call: reader.alias(call),
    "Pad": _pad,
}
_OPERATORS = tuple(_READERS)
