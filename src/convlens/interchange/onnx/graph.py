"""A network as an ONNX graph, written node by node: every layer keeps its name.

The graph is small and known, so it is not traced from PyTorch (docs/decisions/0010). Operators
and their attributes: https://onnx.ai/onnx/operators/, opset 20, the first with Gelu.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from convlens.network import Network, layers
from convlens.network.arithmetic import Shape, Window
from convlens.network.layers import notation
from convlens.network.plan import IMAGE, Plan, Step
from convlens.weights.tensor_file import Array

OPSET = 20
IR_VERSION = 9
"""The pair that ONNX 1.15 (2023) introduced; ONNX Runtime 1.17 and later read it."""
DROP_PATH = "drop_path "
"""Begins the note of a node that stands for such a layer; its rate follows."""
INPUT, LOGITS, PROBABILITIES = "images", "logits", "probabilities"
_BATCH = "batch"


def write_graph(
    network: Network, weights: Mapping[str, Array], *, all_layers: bool = False
) -> tuple[onnx.GraphProto, dict[str, str]]:
    """Write a network with its weights as an ONNX graph for batches of any size.

    Parameters
    ----------
    network : Network
        What to write.
    weights : mapping of str to float32 array
        The neutral layout.
    all_layers : bool
        Make every layer's output an output of the graph, in the order of the table.

    Returns
    -------
    graph : GraphProto
        Input "images", normalised float32 `(batch, C, H, W)`. Output "logits"
        `(batch, classes)`, and "probabilities" where the network ends in a softmax.
    layers : dict of str to str
        The tensor that each layer's output is, by the layer's name.
    """
    plan = network.plan()
    writer = _Writer(plan, weights)
    writer.write()
    if not plan.steps:  # a graph may not hand its input out as its output
        writer.node("Identity", "identity", [INPUT], LOGITS)
    shapes = {writer.outputs[step.name]: step.output for step in plan.steps} or {LOGITS: plan.input}
    shown = list(shapes) if all_layers else [t for t in shapes if t in (LOGITS, PROBABILITIES)]
    graph = helper.make_graph(
        writer.nodes,
        network.name,
        [_value(INPUT, network.input)],
        [_value(tensor, shapes[tensor]) for tensor in shown],
        initializer=writer.constants,
        doc_string=network.about,
    )
    return graph, writer.outputs


def write_part(plan: Plan, weights: Mapping[str, Array]) -> onnx.GraphProto:
    """Write the layers of a plan: input "images" of its input's shape, output "logits" of its last.

    Parameters
    ----------
    plan : Plan
        A network's, or the first part that `Plan.cut` gives; it has a layer.
    weights : mapping of str to float32 array
        The neutral layout.
    """
    writer = _Writer(plan, weights)
    writer.write()
    inputs, outputs = [_value(INPUT, plan.input)], [_value(LOGITS, plan.logits.output)]
    return helper.make_graph(writer.nodes, plan.name, inputs, outputs, initializer=writer.constants)


def _value(name: str, shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [_BATCH, *shape])


class _Writer:
    """Writes layers in order; remembers which tensor each layer's output is."""

    def __init__(self, plan: Plan, weights: Mapping[str, Array]) -> None:
        self.plan = plan
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.outputs: dict[str, str] = {}
        kept = plan.logits.steps
        self.renamed = {step.name: PROBABILITIES for step in plan.steps[len(kept) :]}
        if kept:
            self.renamed[kept[-1].name] = LOGITS

    def write(self) -> None:
        """Write all layers."""
        tensors = {IMAGE: INPUT}
        for position, step in enumerate(self.plan.steps):
            tensor = self.layer(step, [tensors[i] for i in step.inputs])
            tensors[position] = self.outputs[step.name] = tensor

    def output_of(self, name: str) -> str:
        """Return the tensor of a layer's output: its name, where that is free."""
        # no layer's name has a slash
        taken = (INPUT, LOGITS, PROBABILITIES)
        return self.renamed.get(name, f"{name}/output" if name in taken else name)

    def node(
        self, operator: str, name: str, inputs: list[str], output: str, **attributes: Any
    ) -> str:
        """Add a node; return its output."""
        self.nodes.append(helper.make_node(operator, inputs, [output], name=name, **attributes))
        return output

    def constant(self, name: str, value: Array) -> str:
        """Add a constant; return its name."""
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def layer(self, step: Step, sources: list[str]) -> str:
        """Write one layer on the tensors that it reads; return the tensor that it gives."""
        spec, name, output = step.layer, step.name, self.output_of(step.name)
        if isinstance(spec, layers.Pointwise) and (forms := spec.onnx()):
            return self.operation(forms[0], step, sources[0], name, output)
        if isinstance(spec, layers.GroupNorm):
            return self._group_norm(spec, step, sources[0], output)
        inputs = [*sources, *(self._array(step, array) for array in spec.weights(step.input))]
        match spec:
            case layers.Convolution():
                _, groups = spec.sizes(step.input[0])
                sliding = _sliding(spec.windows(step.input), dilations=True)
                return self.node("Conv", name, inputs, output, group=groups, **sliding)
            case layers.MaxPool():
                return self.node("MaxPool", name, inputs, output, **_pooling(spec, step.input))
            case layers.AvgPool():
                counted = int(spec.count_padding)
                pooling = _pooling(spec, step.input)
                return self.node(
                    "AveragePool", name, inputs, output, count_include_pad=counted, **pooling
                )
            case layers.BatchNorm():
                inputs += [self._array(step, array) for array in spec.buffers(step.input)]
                return self.node(
                    "BatchNormalization",
                    name,
                    inputs,
                    output,
                    epsilon=spec.epsilon,
                    momentum=1 - spec.momentum,  # ONNX counts the share of the old moments
                )
            case layers.Dropout():  # does nothing: only told, so that the layer is not lost
                rate = self.constant(f"{name}/rate", np.asarray(spec.rate, np.float32))
                return self.node("Dropout", name, [*sources, rate], output)
            case layers.DropPath():  # the same; ONNX has no operator that drops whole images
                told = f"{DROP_PATH}{spec.rate}"
                return self.node("Identity", name, sources, output, doc_string=told)
            case layers.LayerNorm():
                return self._layer_norm(spec, step, inputs, output)
            case layers.LocalResponseNorm():
                settings = {"size": spec.size, "alpha": spec.alpha, "beta": spec.beta}
                return self.node("LRN", name, inputs, output, bias=spec.k, **settings)
            case layers.Pointwise():
                raise TypeError(f"{spec.kind} says no form for ONNX, and has no case here")
            case layers.Flatten():
                return self.node("Flatten", name, inputs, output, axis=1)
            case layers.Linear():
                return self.node("Gemm", name, inputs, output, transB=1)
            case layers.Softmax():
                return self.node("Softmax", name, inputs, output, axis=1)
            case layers.GlobalMaxPool():
                return self.node("GlobalMaxPool", name, inputs, output)
            case layers.GlobalAvgPool():
                return self.node("GlobalAveragePool", name, inputs, output)
            case layers.AdaptiveAvgPool():
                rows, columns = spec.shares(step.input)
                left = self.constant(f"{name}/rows", rows.astype(np.float32))
                right = self.constant(f"{name}/columns", columns.T.astype(np.float32))
                means = self.node("MatMul", f"{name}/down", [left, *sources], f"{name}/down")
                return self.node("MatMul", name, [means, right], output)
            case layers.Pad():
                top, bottom, before, after = spec.sides()
                sides = [0, 0, top, before, 0, 0, bottom, after]
                pads = self.constant(f"{name}/pads", np.array(sides, np.int64))
                mode = {"zero": "constant", "replicate": "edge"}.get(spec.mode, spec.mode)
                return self.node("Pad", name, [*sources, pads], output, mode=mode)
            case layers.Channels():
                cut = {"starts": spec.start, "ends": spec.start + spec.count, "axes": 1}
                cuts = [self._sizes(f"{name}/{key}", at) for key, at in cut.items()]
                return self.node("Slice", name, [*sources, *cuts], output)
            case layers.ChannelShuffle():
                channels, *size = step.input
                parted = self._sizes(f"{name}/groups", 0, spec.groups, -1, *size)
                whole = self._sizes(f"{name}/channels", 0, channels, *size)
                parts = self.node("Reshape", f"{name}/parted", [*sources, parted], f"{name}/parted")
                mixed = f"{name}/mixed"
                self.node("Transpose", mixed, [parts], mixed, perm=[0, 2, 1, 3, 4])
                return self.node("Reshape", name, [mixed, whole], output)
            case layers.Add():
                return self.node("Add" if len(inputs) == 2 else "Sum", name, inputs, output)
            case layers.Concat():
                return self.node("Concat", name, inputs, output, axis=1)
            case layers.Multiply():
                first, *others, last = inputs
                for number, other in enumerate(others, start=1):  # the operator has two inputs
                    product = f"{name}/mul{number}"
                    first = self.node("Mul", product, [first, other], product)
                return self.node("Mul", name, [first, last], output)
            case _:
                assert_never(spec)

    def _layer_norm(
        self, spec: layers.LayerNorm, step: Step, inputs: list[str], output: str
    ) -> str:
        """Write the operator on the last axis, to which the channels of maps are brought."""
        name, settings = step.name, {"axis": -1, "epsilon": spec.epsilon}
        if len(step.input) == 1:
            return self.node("LayerNormalization", name, inputs, output, **settings)
        x, *arrays = inputs
        last, normal = f"{name}/last", f"{name}/normal"
        self.node("Transpose", last, [x], last, perm=[0, 2, 3, 1])
        self.node("LayerNormalization", normal, [last, *arrays], normal, **settings)
        return self.node("Transpose", name, [normal], output, perm=[0, 3, 1, 2])

    def _group_norm(self, spec: layers.GroupNorm, step: Step, x: str, output: str) -> str:
        """Write what PyTorch's exporter writes: groups as the channels of an instance norm."""
        name, groups = step.name, spec.groups
        parts, normal, whole, scaled = (
            f"{name}/{part}" for part in ("groups", "normal", "whole", "scaled")
        )
        one = self.constant(f"{name}/one", np.ones(groups, np.float32))
        zero = self.constant(f"{name}/zero", np.zeros(groups, np.float32))
        self.node("Reshape", parts, [x, self._sizes(f"{parts}/size", 0, groups, -1)], parts)
        self.node("InstanceNormalization", normal, [parts, one, zero], normal, epsilon=spec.epsilon)
        size = self._sizes(f"{whole}/size", 0, *step.input)
        self.node("Reshape", whole, [normal, size], whole)
        weight, bias = (
            self._per_channel(f"{name}.{array}", axes=3) for array in ("weight", "bias")
        )
        self.node("Mul", scaled, [whole, weight], scaled)
        return self.node("Add", name, [scaled, bias], output)

    def operation(self, of: notation.Operation, step: Step, x: str, name: str, output: str) -> str:
        """Write what a kind's own form says, the innermost operator first; return the output."""

        def tensor(operand: notation.Operand) -> str:
            match operand:
                case notation.Input():
                    return x
                case notation.Operation():
                    inner = f"{name}/{operand.operator.lower()}"
                    return self.operation(operand, step, x, inner, inner)
                case notation.Array():  # meets maps channel by channel
                    return self._per_channel(f"{step.name}.{operand.name}", len(step.input))
                case _:
                    value = np.asarray(number(operand), np.float32)
                    return self.constant(f"{name}/{len(self.constants)}", value)

        def number(operand: notation.Setting | float | bytes) -> float | bytes:
            return (
                getattr(step.layer, operand.name)
                if isinstance(operand, notation.Setting)
                else operand
            )

        attributes = {key: number(value) for key, value in of.attributes.items()}
        return self.node(of.operator, name, [tensor(i) for i in of.inputs], output, **attributes)

    def _sizes(self, name: str, *sizes: int) -> str:
        """Add whole numbers as a constant; 0 stands for the size that an axis has already."""
        return self.constant(name, np.array(sizes, np.int64))

    def _per_channel(self, name: str, axes: int) -> str:
        """Add an array `(C,)` in the shape that meets `axes` axes channel by channel."""
        array = np.asarray(self.weights[name], np.float32)
        return self.constant(name, array.reshape(-1, *(1,) * (axes - 1)))

    def _array(self, step: Step, array: str) -> str:
        name = f"{step.name}.{array}"
        return self.constant(name, np.asarray(self.weights[name], np.float32))


def _pooling(spec: layers.MaxPool | layers.AvgPool, shape: Shape) -> dict[str, Any]:
    """Return the windows of a pool, rounded up by ONNX's own rule where all of its versions agree.

    Before opset 22 a window that begins in the padding after the maps was not left out by
    `ceil_mode`. There the floor rule says the same.
    """
    written = spec.unrounded(shape)
    agreed = all(
        window.fits(size) or window.rounded_up(size) != window
        for window, size in zip(written, shape[1:], strict=True)
    )
    if spec.rounds_up() and agreed:
        return {**_sliding(written), "ceil_mode": 1}
    return dict(_sliding(spec.windows(shape)))


def _sliding(windows: tuple[Window, Window], *, dilations: bool = False) -> dict[str, list[int]]:
    rows, columns = windows
    attributes = {
        "kernel_shape": [rows.kernel, columns.kernel],
        "strides": [rows.stride, columns.stride],
        "pads": [rows.before, columns.before, rows.after, columns.after],
    }
    if dilations:
        attributes["dilations"] = [rows.dilation, columns.dilation]
    return attributes
