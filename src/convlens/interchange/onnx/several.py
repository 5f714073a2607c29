"""Layers that ONNX files hold as several nodes in a row, each of which is no layer by itself.

A node that begins such a row leaves a `Part` under the name of its output. The node that reads it
is looked up by that part and its own operator; the last one of the row gives the layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from convlens.interchange.assembly import NoLayerError, Piece, make_layer
from convlens.interchange.onnx.call import NodeCall, decimal
from convlens.network import layers
from convlens.network.arithmetic import bins
from convlens.weights.tensor_file import Array


@dataclass(frozen=True)
class Part:
    """A tensor on the way through the nodes of one layer.

    Parameters
    ----------
    what : str
        What has been done so far, in the words of `_CONTINUED`.
    source : str
        The tensor that the layer reads.
    sizes : tuple of int
        The whole numbers that the layer is made with, as far as they are known.
    epsilon : float
        Of a normalisation, once it is known.
    arrays : dict of str to array
        Its arrays, as far as they are known.
    """

    what: str
    source: str
    sizes: tuple[int, ...] = ()
    epsilon: float = 0.0
    arrays: dict[str, Array] = field(default_factory=dict)


Read = Part | Piece


def begun(call: NodeCall) -> Part | None:
    """Return the part that a node begins; None where it begins none."""
    if call.node.op_type == "MatMul" and len(call.data) == 1 and call.inputs[1] == call.data[0]:
        return Part("rows averaged", call.data[0], (_parts(call, call.floats(0, 2)),))
    if call.node.op_type == "Reshape" and call.inputs[0] == call.data[0]:
        sizes = call.integers(1)
        if len(sizes) == 5:
            return Part("channels in groups", call.data[0], tuple(sizes[1:]))
        if len(sizes) == 3:
            return Part("maps in groups", call.data[0], (sizes[1],))
    if call.node.op_type == "Transpose" and list(call.get("perm", ())) == [0, 2, 3, 1]:
        return Part("channels last", call.data[0])
    return None


def continued(part: Part, call: NodeCall) -> Read:
    """Return what a node makes of a part: the next part, or the layer.

    Raises
    ------
    NoLayerError
        Where the node does not go on as the layer does.
    """
    after = _CONTINUED.get((part.what, call.node.op_type))
    if after is None or len(call.data) != 1:
        kinds = ", ".join(
            dict.fromkeys(of for (what, _), (of, _) in _CONTINUED.items() if what == part.what)
        )
        raise NoLayerError(f"{call.node.op_type} of {part.what}, which is read in {kinds} only")
    return after[1](part, call)


def _parts(call: NodeCall, shares: Array) -> int:
    """Return how many parts of an axis a matrix averages, as `adaptive_avg_pool` parts it."""
    count, size = int(shares.shape[0]), int(shares.shape[1])
    expected = np.zeros_like(shares)
    for row, (first, last) in zip(expected, bins(size, count), strict=True):
        row[first : last + 1] = 1 / (last + 1 - first)
    if not np.allclose(shares, expected, atol=1e-6):
        raise NoLayerError("MatMul of a constant, other than the means of adaptive_avg_pool")
    return count


def _columns(part: Part, call: NodeCall) -> Read:
    size = (part.sizes[0], _parts(call, call.floats(1, 2).T))
    return Piece(make_layer(layers.AdaptiveAvgPool, size=size), {}, call.name)


def _mixed(part: Part, call: NodeCall) -> Read:
    if list(call.get("perm", ())) != [0, 2, 1, 3, 4]:
        raise NoLayerError(
            f"Transpose by {call.get('perm', None)}, other than of channels in groups"
        )
    return Part("channels mixed", part.source, part.sizes)


def _shuffled(part: Part, call: NodeCall) -> Read:
    sizes = call.integers(1)
    groups, of_one, *size = part.sizes
    if (
        len(sizes) != 4
        or sizes[2:] != size
        or (of_one > 0 and sizes[1] not in (-1, groups * of_one))
    ):
        raise NoLayerError(f"Reshape to {sizes}, other than all channels of their groups")
    return Piece(make_layer(layers.ChannelShuffle, groups=groups), {}, call.name)


def _layer_norm(part: Part, call: NodeCall) -> Read:
    if call.get("axis", -1) not in (-1, 3):
        raise NoLayerError(f"LayerNormalization from axis {call.get('axis', -1)} on")
    return replace(part, what="normalised places", epsilon=_epsilon(call), arrays=_learned(call))


def layer_norm_of_features(call: NodeCall) -> Piece:
    """Return the layer of a `LayerNormalization` that no transposition surrounds."""
    if call.get("axis", -1) not in (-1, 1):
        raise NoLayerError(f"LayerNormalization from axis {call.get('axis', -1)} on")
    arrays = _learned(call)
    return Piece(make_layer(layers.LayerNorm, epsilon=_epsilon(call)), arrays, call.name)


def _channels_back(part: Part, call: NodeCall) -> Read:
    if list(call.get("perm", ())) != [0, 3, 1, 2]:
        raise NoLayerError(
            f"Transpose by {call.get('perm', None)}, other than channels to the front"
        )
    return Piece(make_layer(layers.LayerNorm, epsilon=part.epsilon), part.arrays, call.name)


def _instance_norm(part: Part, call: NodeCall) -> Read:
    (groups,) = part.sizes
    scale, bias = call.floats(1, 1), call.floats(2, 1)
    if len(scale) != groups or np.any(scale != 1) or np.any(bias != 0):
        raise NoLayerError("InstanceNormalization with weights of its own")
    return replace(part, what="normalised groups", epsilon=_epsilon(call))


def _maps_again(part: Part, call: NodeCall) -> Read:
    if call.shapes.get(call.inputs[1]) == part.source:
        return replace(part, what="group norm without weights")
    sizes = call.integers(1)
    if len(sizes) != 4:
        raise NoLayerError(f"Reshape to {sizes}, other than the maps of their groups")
    return replace(part, what="group norm without weights")


def _per_map(call: NodeCall) -> Array:
    """Return the constant of a product or a sum with maps: one number for each."""
    constant = 0 if call.inputs[1] == call.data[0] else 1
    array = call.floats(constant, 1, 3, 4)
    if array.ndim == 1 or array.shape[-2:] != (1, 1) or (array.ndim == 4 and array.shape[0] != 1):
        raise NoLayerError(f"{call.node.op_type} of a constant {list(array.shape)}")
    return array.ravel()


def _scaled(part: Part, call: NodeCall) -> Read:
    return replace(part, what="group norm without bias", arrays={"weight": _per_map(call)})


def _group_norm(part: Part, call: NodeCall) -> Read:
    spec = make_layer(layers.GroupNorm, groups=part.sizes[0], epsilon=part.epsilon)
    return Piece(spec, {**part.arrays, "bias": _per_map(call)}, call.name)


def group_norm(call: NodeCall) -> Piece:
    """Return the layer of a `GroupNormalization`, which opset 21 has with weights per channel."""
    spec = make_layer(layers.GroupNorm, groups=call.get("num_groups", 0), epsilon=_epsilon(call))
    return Piece(spec, _learned(call), call.name)


def _epsilon(call: NodeCall) -> float:
    return decimal(call.get("epsilon", 1e-5))


def _learned(call: NodeCall) -> dict[str, Array]:
    weight = call.floats(1, 1)
    bias = call.floats(2, 1) if call.has(2) else np.zeros_like(weight)
    return {"weight": weight, "bias": bias}


_CONTINUED: dict[tuple[str, str], tuple[str, Callable[[Part, NodeCall], Read]]] = {
    ("rows averaged", "MatMul"): ("adaptive_avg_pool", _columns),
    ("channels in groups", "Transpose"): ("channel_shuffle", _mixed),
    ("channels mixed", "Reshape"): ("channel_shuffle", _shuffled),
    ("channels last", "LayerNormalization"): ("layer_norm", _layer_norm),
    ("normalised places", "Transpose"): ("layer_norm", _channels_back),
    ("maps in groups", "InstanceNormalization"): ("group_norm", _instance_norm),
    ("normalised groups", "Reshape"): ("group_norm", _maps_again),
    ("group norm without weights", "Mul"): ("group_norm", _scaled),
    ("group norm without bias", "Add"): ("group_norm", _group_norm),
}
"""By a part and the operator of the node that reads it: the kind it is on the way to, and how."""


def kinds_of(operator: str) -> str:
    """Return the kinds that an operator is read in, as one of several nodes."""
    return " or ".join(
        dict.fromkeys(kind for (_, of), (kind, _) in _CONTINUED.items() if of == operator)
    )
