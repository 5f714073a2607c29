"""One node of an ONNX graph: its attributes and constants, checked as they are asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import AttributeProto, NodeProto, TensorProto, helper, numpy_helper

from convlens.interchange.assembly import NoLayerError
from convlens.weights.tensor_file import Array

_FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
_INTEGERS = (TensorProto.INT64, TensorProto.INT32)


class NodeCall:
    """One node with its inputs looked up.

    Parameters
    ----------
    node : NodeProto
        The node.
    name : str
        Its name, if worth keeping.
    inputs : list of str
        Its inputs, in its own order; empty where an optional one is left out.
    data : list of str
        Those of them that are computed from the images.
    constants : mapping of str to TensorProto
        The tensors that the file holds.
    """

    def __init__(
        self,
        node: NodeProto,
        name: str,
        inputs: list[str],
        data: list[str],
        constants: Mapping[str, TensorProto],
    ) -> None:
        self.node, self.name, self.inputs, self.data = node, name, inputs, data
        self.constants = constants
        self.shapes: Mapping[str, str] = {}
        """By a tensor that is the shape of another one, that one."""
        self.output = node.output[0]
        self.attributes = {a.name: _attribute(a) for a in node.attribute}

    def get(self, key: str, default: Any) -> Any:
        """Return an attribute."""
        return self.attributes.get(key, default)

    def expect(self, **usual: Any) -> None:
        """Refuse a setting that convlens's layer does not have."""
        for key, value in usual.items():
            if self.get(key, value) != value:
                raise NoLayerError(f"{self.node.op_type} with {key} {self.attributes[key]!r:.60}")

    def one_input(self) -> None:
        """Refuse a second input that is computed."""
        if len(self.data) != 1 or self.inputs[0] != self.data[0]:
            raise NoLayerError(f"{self.node.op_type} of {len(self.data)} computed inputs")

    def has(self, place: int) -> bool:
        """Say whether an optional input is there."""
        return len(self.inputs) > place and bool(self.inputs[place])

    def floats(self, place: int, *axes: int) -> Array:
        """Return a constant input as float32; its number of axes must be one of `axes`."""
        tensor = self._constant(place)
        if tensor.data_type not in _FLOATS or len(tensor.dims) not in axes:
            kind = TensorProto.DataType.Name(tensor.data_type)
            raise NoLayerError(f"{self.node.op_type} with {kind} weights {list(tensor.dims)}")
        return np.asarray(numpy_helper.to_array(tensor)).astype(np.float32)

    def integers(self, place: int) -> list[int]:
        """Return a constant input as whole numbers."""
        tensor = self._constant(place)
        if tensor.data_type not in _INTEGERS or math.prod(tensor.dims) > 8:
            raise NoLayerError(f"{self.node.op_type} with settings that are no whole numbers")
        return [int(n) for n in np.asarray(numpy_helper.to_array(tensor)).ravel()]

    def _constant(self, place: int) -> TensorProto:
        if not self.has(place) or self.inputs[place] not in self.constants:
            raise NoLayerError(f"{self.node.op_type} with weights that are computed")
        return self.constants[self.inputs[place]]

    def sliding(self) -> dict[str, Any]:
        """Return kernel, stride, padding and `ceil` of pools as convlens's layers take them."""
        kernel = self.get("kernel_shape", None)
        if kernel is not None and len(kernel) != 2:
            raise NoLayerError(f"{self.node.op_type} over {len(kernel)} axes")
        automatic = self.get("auto_pad", b"NOTSET")
        if automatic not in (b"NOTSET", b"", b"VALID", b"SAME_UPPER"):
            raise NoLayerError(f"{self.node.op_type} with auto_pad {automatic!r:.40}")
        pads = list(self.get("pads", [0, 0, 0, 0])) if automatic != b"VALID" else [0, 0, 0, 0]
        if len(pads) != 4:
            raise NoLayerError(f"{self.node.op_type} with {len(pads)} pads")
        padding: Any = "same"
        if automatic != b"SAME_UPPER":
            padding = (pads[0], pads[2], pads[1], pads[3])
        sliding = {"kernel": kernel, "stride": self.get("strides", [1, 1]), "padding": padding}
        return {**sliding, "ceil": True} if self.get("ceil_mode", 0) else sliding


def _attribute(attribute: AttributeProto) -> Any:
    if attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS, AttributeProto.TENSOR):
        return None  # refused where a layer would need it
    return helper.get_attribute_value(attribute)


def decimal(value: float) -> float:
    """Return the short decimal that a float32 was made of.

    >>> decimal(float(np.float32(0.1)))
    0.1
    """
    return float(f"{value:.6g}")
