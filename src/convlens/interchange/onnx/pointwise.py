"""Kinds that make each value from one value, put together from the operators that files hold.

Each kind says in which forms it is written (`Pointwise.onnx`): GELU is `Gelu(x)`, or
`x/2 * (1 + Erf(x / sqrt 2))`, or the same in another order. A node is read as an operation on what
its inputs are. Where that is a form of a kind, the node is the layer; where it is a part of a form,
it is kept until the form is whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from onnx import defs, helper

from convlens.interchange.assembly import NoLayerError, Piece, make_layer
from convlens.interchange.onnx.call import NodeCall, decimal
from convlens.network.layers import POINTWISE, notation
from convlens.network.layers.notation import X
from convlens.weights.tensor_file import Array

_FORMS = tuple((kind, form) for kind in POINTWISE for form in kind.onnx())
_PARTS = tuple(part for _, form in _FORMS for part in form.parts())

_SAME = {"Div": "Mul"}
"""What is read as another operator: a division by a number multiplies with its reciprocal."""
_OF_FORMS = frozenset(form.operator for form in (*(form for _, form in _FORMS), *_PARTS))
OPERATORS = _OF_FORMS | {one for one, other in _SAME.items() if other in _OF_FORMS}
"""The operators that forms are made of."""

_EITHER_ORDER = ("Add", "Mul")


@dataclass(frozen=True)
class _Operation:
    """An operation as a file has it."""

    operator: str
    inputs: tuple[_Operand, ...]
    attributes: Mapping[str, Any]


_Operand: TypeAlias = _Operation | notation.Input | float | Array | None
_Bound = dict[str, Any]
"""The settings and arrays of a layer, by their names."""


@dataclass(frozen=True)
class _Known:
    """What a tensor can be read as: an operation on the tensor `of`, or that tensor itself."""

    what: _Operand
    of: str


class Forms:
    """The tensors of a graph that are parts of a form, as far as it has been read.

    A tensor may be a layer's output and a part of another form at once, and is read as either.
    """

    def __init__(self) -> None:
        self._parts: dict[str, list[_Known]] = {}
        self._vectors: set[str] = set()
        self._layers: set[str] = set()

    def layer(self, tensor: str, *, vector: bool) -> None:
        """Keep a tensor that a layer gives, and whether it is `(N, F)` and not `(N, C, H, W)`."""
        self._layers.add(tensor)
        if vector:
            self._vectors.add(tensor)

    def is_vector(self, tensor: str) -> bool:
        """Say whether a tensor that a layer gives is `(N, F)`."""
        return tensor in self._vectors

    def is_part_only(self, tensor: str) -> bool:
        """Say whether a tensor is a part of a form, and no layer gives it."""
        return tensor in self._parts and tensor not in self._layers

    def read(self, call: NodeCall) -> tuple[Piece, str] | None:
        """Read a node.

        Returns
        -------
        (Piece, str) or None
            The layer that the node completes, and the tensor that the layer reads; None where the
            node is a part of a form.

        Raises
        ------
        NoLayerError
            Where it is neither.
        """
        parts, layer = [], None
        for inputs in product(*self._inputs(call)):
            of = {one.of for one in inputs if isinstance(one, _Known)}
            if len(of) != 1:
                continue  # it joins two tensors
            source = of.pop()
            operands = tuple(one.what if isinstance(one, _Known) else one for one in inputs)
            operation = _in_plain_form(call, operands)
            if any(_bound(form, operation, self._axes(source)) is not None for form in _PARTS):
                parts.append(_Known(operation, source))
            layer = layer or self._whole(operation, source, call.name)
        if parts:
            self._parts[call.output] = parts
        elif layer is None:
            raise NoLayerError(self._refused(call))
        return layer

    def _inputs(self, call: NodeCall) -> Iterator[Sequence[_Known | float | Array | None]]:
        """Yield what each input of a node can be."""
        for place, name in enumerate(call.inputs):
            if not name:
                yield [None]
            elif name in call.constants:
                array = call.floats(place, *range(5))
                yield [float(array.item()), array] if array.size == 1 else [array]
            elif self.is_part_only(name):
                yield self._parts[name]
            else:
                yield [*self._parts.get(name, ()), _Known(X, name)]

    def _axes(self, source: str) -> int:
        return 1 if source in self._vectors else 3

    def _whole(self, operation: _Operation, source: str, name: str) -> tuple[Piece, str] | None:
        for kind, form in _FORMS:
            bound = _bound(form, operation, self._axes(source))
            if bound is not None:
                arrays = {n: value for n, value in bound.items() if isinstance(value, np.ndarray)}
                settings = {n: value for n, value in bound.items() if n not in arrays}
                return Piece(make_layer(kind, **settings), arrays, name), source
        return None

    def _refused(self, call: NodeCall) -> str:
        operator = call.node.op_type
        for name in call.data:
            if self.is_part_only(name):
                part = self._parts[name][0].what
                assert isinstance(part, _Operation)
                return (
                    f"{operator} of {part.operator}, which is read in {_users(part.operator)} only"
                )
        texts = {
            key: value.decode(errors="replace") if isinstance(value, bytes) else repr(value)
            for key, value in call.attributes.items()
        }
        settings = ", ".join(f"{key} {text:.60}" for key, text in texts.items())
        written = f"{operator} with {settings}" if settings else operator
        return f"{written}, other than in {_users(operator)}"


def _users(operator: str) -> str:
    """Return the kinds that have an operator in a form of theirs."""
    same = _SAME.get(operator, operator)
    kinds = {
        kind.kind for kind, form in _FORMS for o in (form, *form.parts()) if o.operator == same
    }
    return " or ".join(sorted(kinds))


def _in_plain_form(call: NodeCall, inputs: tuple[_Operand, ...]) -> _Operation:
    """Return a node as forms are written."""
    operator, attributes = call.node.op_type, {**_usual(call.node.op_type), **call.attributes}
    if operator == "Div" and len(inputs) == 2 and isinstance(inputs[1], float) and inputs[1]:
        return _Operation(_SAME[operator], (inputs[0], 1 / inputs[1]), {})
    if operator == "Clip":  # before opset 11 its bounds were attributes
        bounds = [attributes.pop(key) for key in ("min", "max") if key in attributes]
        inputs = (*inputs, *bounds)
    return _Operation(operator, inputs, attributes)


def _bound(
    form: notation.Operand | notation.Setting | bytes, read: Any, axes: int
) -> _Bound | None:
    """Return the settings and arrays that make a form equal to what was read; None if none do.

    `axes` is the number of axes of the layer's input beside the batch.
    """
    match form:
        case notation.Input():
            return {} if isinstance(read, notation.Input) else None
        case notation.Setting():
            return {form.name: decimal(read)} if isinstance(read, float) else None
        case notation.Array():
            return {form.name: read.ravel()} if _per_channel(read, axes) else None
        case notation.Operation():
            return _operation_bound(form, read, axes) if isinstance(read, _Operation) else None
        case bytes():
            return {} if form == read else None
        case _:
            equal = isinstance(read, float) and math.isclose(form, read, rel_tol=1e-5)
            return {} if equal else None


def _operation_bound(form: notation.Operation, read: _Operation, axes: int) -> _Bound | None:
    wanted = {**_usual(form.operator), **form.attributes}
    if form.operator != read.operator or wanted.keys() != read.attributes.keys():
        return None
    settings = [(wanted[key], read.attributes[key]) for key in wanted]
    orders = [read.inputs]
    if form.operator in _EITHER_ORDER:
        orders.append(read.inputs[::-1])
    for order in orders:
        if len(form.inputs) != len(order):
            return None
        pairs = (*settings, *zip(form.inputs, order, strict=True))
        bounds = [_bound(*pair, axes) for pair in pairs]
        if None not in bounds:
            return {key: value for bound in bounds if bound for key, value in bound.items()}
    return None


def _per_channel(read: object, axes: int) -> bool:
    """Say whether a constant has one number per channel: `(C, 1, 1)` for maps, `(F,)` else."""
    if not isinstance(read, np.ndarray) or read.ndim not in (axes, axes + 1):
        return False
    shape = read.shape[1:] if read.ndim > axes and read.shape[0] == 1 else read.shape
    return len(shape) == axes and math.prod(shape[1:]) == 1


@cache
def _usual(operator: str) -> Mapping[str, Any]:
    """Return an operator's attributes with the values that ONNX itself gives them."""
    if not defs.has(operator):  # newer than the installed package
        return {}
    attributes = defs.get_schema(operator).attributes
    return {
        name: helper.get_attribute_value(attribute.default_value)
        for name, attribute in attributes.items()
        if attribute.default_value.type
    }
