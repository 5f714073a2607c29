"""An ONNX file read node by node: only operators that are one of convlens's layers, nothing run.

The file is parsed from memory, so that nothing but itself is ever opened: tensors that lie in
other files are refused by their own entry. Operators: https://onnx.ai/onnx/operators/.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper

from convlens.foundation.errors import InputError, WeightsError, quote
from convlens.interchange.assembly import MOST_NODES, Node, build
from convlens.interchange.imported import Imported, network_name, read_facts
from convlens.interchange.onnx.folding import folded_node
from convlens.interchange.onnx.operators import Reader
from convlens.weights import check_arrays
from convlens.weights.tensor_file import require_file

MOST_BYTES = 2**31 - 1
"""What protobuf allows one message."""
MOST_TENSORS = 20_000
_WIDTH: dict[int, int] = {
    **{TensorProto.FLOAT: 4, TensorProto.DOUBLE: 8, TensorProto.FLOAT16: 2},
    **{TensorProto.BFLOAT16: 2, TensorProto.INT64: 8, TensorProto.INT32: 4},
}
Shape = tuple[int, int, int]


def read_onnx(path: Path, input_shape: Shape | None = None) -> Imported:
    """Read an ONNX file as a network and its weights.

    Parameters
    ----------
    path : Path
        The file.
    input_shape : (C, H, W), optional
        The size of one image, where the file leaves it open.

    Raises
    ------
    InputError
        The graph has operators that are no layer of convlens, or does not say its input's size.
    WeightsError
        The file is damaged, too large, or keeps tensors in other files.
    """
    model = _parse(path)
    graph = model.graph
    _check(path, model)
    constants = _constants(path, graph)
    source, shape = _input(path, graph, constants, input_shape)
    ours = model.producer_name == "convlens"
    reader = Reader(path, constants, keep_names=ours)
    nodes = reader.read(graph, source)
    output = _output(path, graph, nodes)
    name = network_name(graph.name if ours else path.stem)
    built = build(nodes, source, output, shape, name, str(path))
    check_arrays(built.weights, built.network.plan().weight_shapes())
    metadata = {entry.key: entry.value for entry in model.metadata_props} if ours else {}
    facts = read_facts(metadata, str(path), built.network)
    return Imported(built.network, built.weights, *facts, notes=built.notes)


def _parse(path: Path) -> ModelProto:
    require_file(path)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise _damaged(path, f"it has {size:,} bytes, more than one ONNX file can hold")
    model = ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except (DecodeError, OSError, ValueError, RecursionError) as error:
        raise _damaged(path, str(error).split("\n", 1)[0] or "it is not ONNX") from None
    return model


def _damaged(path: Path, why: str) -> WeightsError:
    return WeightsError(
        f"{path} cannot be read: {why}", "a whole ONNX file", "export or fetch it again"
    )


def _check(path: Path, model: ModelProto) -> None:
    graph = model.graph
    if not graph.node:
        raise _damaged(path, "it holds no graph")
    if len(graph.node) > MOST_NODES or len(graph.initializer) > MOST_TENSORS:
        raise InputError(
            f"{path} has {len(graph.node):,} nodes and {len(graph.initializer):,} tensors",
            f"at most {MOST_NODES:,} and {MOST_TENSORS:,}",
        )
    opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)
    if not 7 <= opset <= 64:
        raise InputError(f"{path} uses opset {opset}", "opset 7 (2018) or later", "export it again")
    if any(not isinstance(text, str) for text in _texts(model)):
        raise _damaged(path, "a name in it is not UTF-8")  # protobuf hands it out as bytes
    if model.functions or graph.sparse_initializer:
        raise InputError(
            f"{path} has functions or sparse tensors of its own",
            "a flat graph of standard operators",
            "export it with its functions inlined",
        )


def _texts(model: ModelProto) -> Iterator[object]:
    """Yield every text of a model that is read."""
    graph = model.graph
    yield from (model.producer_name, graph.name)
    for entry in model.metadata_props:
        yield from (entry.key, entry.value)
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)
    constants = [attribute.t for node in graph.node for attribute in node.attribute]
    for tensor in (*graph.initializer, *constants):
        yield tensor.name
        yield from (text for entry in tensor.external_data for text in (entry.key, entry.value))
    yield from (value.name for values in (graph.input, graph.output) for value in values)


def _constants(path: Path, graph: GraphProto) -> dict[str, TensorProto]:
    """Return the tensors that the file holds, each checked to hold all it declares."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and len(node.output) == len(node.attribute) == 1:
            value = node.attribute[0]
            if value.name == "value":
                constants[node.output[0]] = value.t
            elif value.name in ("value_int", "value_ints", "value_float", "value_floats"):
                held = np.asarray(helper.get_attribute_value(value))
                kind = np.int64 if "int" in value.name else np.float32
                constants[node.output[0]] = numpy_helper.from_array(held.astype(kind))
        if node.op_type == "Identity" and len(node.input) == 1 and node.input[0] in constants:
            constants[node.output[0]] = constants[node.input[0]]
        if (folded := folded_node(node, constants)) is not None:
            constants[node.output[0]] = folded
    for name, tensor in constants.items():
        _check_tensor(path, name, tensor)
    return constants


def _check_tensor(path: Path, name: str, tensor: TensorProto) -> None:
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        places = [entry.value for entry in tensor.external_data if entry.key == "location"]
        raise WeightsError(
            f"{path}: the tensor {quote(name)} lies in another file, "
            f"{quote(places[0] if places else '')}",
            "one file that holds everything; no other is opened",
            "save it with onnx.save(model, path, save_as_external_data=False)",
        )
    count = math.prod(tensor.dims)
    if any(size < 0 for size in tensor.dims) or len(tensor.dims) > 8:
        raise _damaged(path, f"{quote(name)} has the shape {list(tensor.dims)[:9]}")
    if tensor.data_type not in _WIDTH:
        return  # refused where a layer asks for it
    held = len(tensor.raw_data) // _WIDTH[tensor.data_type]
    if not tensor.raw_data:
        fields = (tensor.float_data, tensor.double_data, tensor.int32_data, tensor.int64_data)
        held = sum(map(len, fields))
    if held != count:
        raise _damaged(path, f"{quote(name)} declares {count:,} values and holds {held:,}")


def _input(
    path: Path, graph: GraphProto, constants: dict[str, TensorProto], asked_for: Shape | None
) -> tuple[str, Shape]:
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1:
        raise InputError(f"{path} has {len(inputs)} inputs", "one: a batch of images")
    sizes = [d.dim_value for d in inputs[0].type.tensor_type.shape.dim]
    if len(sizes) != 4:
        raise InputError(
            f"{path} takes an input of {len(sizes)} axes",
            "images of 4 axes (N, C, H, W)",
        )
    shape = asked_for or (sizes[1], sizes[2], sizes[3])
    if min(shape) < 1:
        raise InputError(
            f"{path} leaves the size of its images open: {sizes[1:]}, 0 where it is not said",
            "channels, height and width",
            "give them as `input_shape`",
        )
    if asked_for and any(
        size > 0 and size != asked for size, asked in zip(sizes[1:], asked_for, strict=True)
    ):
        raise InputError(
            f"{path} takes images of {sizes[1:]} and `input_shape` is {list(asked_for)}",
            "the file's own size",
            "leave `input_shape` out",
        )
    return inputs[0].name, shape


def _output(path: Path, graph: GraphProto, nodes: list[Node]) -> str:
    """Return the output that comes last: logits, or the probabilities made of them."""
    place = {node.name: i for i, node in enumerate(nodes)}
    outputs = [value.name for value in graph.output if value.name in place]
    if not outputs:
        raise InputError(
            f"{path} has no output that depends on its images", "one", "export it again"
        )
    return str(max(outputs, key=place.__getitem__))
