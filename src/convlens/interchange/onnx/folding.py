"""Settings that a file computes from constants: PyTorch's exporter writes padding so.

Only a few operators on a few whole numbers are computed, by NumPy; all others stay as they are and
are refused where a layer needs their result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

_MOST = 64
"""Numbers that a setting may consist of."""
_WHOLE = (TensorProto.INT64, TensorProto.INT32)

Whole = NDArray[np.int64]


def folded_node(node: NodeProto, constants: Mapping[str, TensorProto]) -> TensorProto | None:
    """Return the constant that a node computes from small constants of whole numbers, or None.

    None also where the node is damaged: whoever needs its result refuses it.
    """
    compute = _OPERATORS.get(node.op_type)
    if compute is None or not all(name in constants for name in node.input if name):
        return None
    tensors = [constants[name] for name in node.input if name]
    if not all(t.data_type in _WHOLE and math.prod(t.dims) <= _MOST for t in tensors):
        return None
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    try:
        inputs = [np.asarray(numpy_helper.to_array(t)).astype(np.int64) for t in tensors]
        result = np.asarray(compute(inputs, attributes))
    except (TypeError, ValueError, KeyError, IndexError, ArithmeticError):
        return None
    if result.dtype != np.int64 or result.size > _MOST:
        return None
    return numpy_helper.from_array(result)


def _filled(inputs: list[Whole], attributes: Mapping[str, Any]) -> Whole:
    (shape,) = inputs
    if math.prod(shape.tolist()) > _MOST:
        raise ValueError(shape)
    value = attributes["value"]
    held = np.asarray(numpy_helper.to_array(value))
    return np.full(shape.tolist(), held.item(), held.dtype)


def _sliced(inputs: list[Whole], attributes: Mapping[str, Any]) -> Whole:
    data, starts, ends, *rest = inputs
    axes = rest[0].tolist() if rest else range(len(starts))
    steps = rest[1].tolist() if len(rest) > 1 else [1] * len(starts)
    cut = [slice(None)] * data.ndim
    for axis, start, end, step in zip(axes, starts.tolist(), ends.tolist(), steps, strict=True):
        # the least of all numbers means: down to the first
        stop = None if step < 0 and end < -data.shape[axis] else end
        cut[axis] = slice(start, stop, step)
    return np.asarray(data[tuple(cut)])


_OPERATORS: dict[str, Callable[[list[Whole], Mapping[str, Any]], Any]] = {
    "ConstantOfShape": _filled,
    "Concat": lambda inputs, attributes: np.concatenate(inputs, axis=attributes["axis"]),
    "Slice": _sliced,
    "Reshape": lambda inputs, attributes: inputs[0].reshape(inputs[1].tolist()),
    "Transpose": lambda inputs, attributes: inputs[0].transpose(attributes.get("perm")),
    "Cast": lambda inputs, attributes: inputs[0] if attributes["to"] in _WHOLE else None,
    "Unsqueeze": lambda inputs, attributes: np.expand_dims(
        inputs[0], tuple(inputs[1] if len(inputs) > 1 else attributes["axes"])
    ),
}
