"""SiLU and GELU, put together from the operators that exporters write them in."""

from __future__ import annotations

import math
from collections.abc import Mapping

from convlens.interchange.assembly import NoLayerError
from convlens.interchange.onnx.call import Call
from convlens.network import layers

PARTS = ("Sigmoid", "Erf", "Mul", "Div")
"""Operators that are understood only as parts of an activation."""


def activation(call: Call, parts: Mapping[str, tuple[str, str]]) -> tuple[str | layers.Layer, str]:
    """Say what a node is: a part of an activation, or the activation that it completes.

    SiLU is `x * sigmoid(x)`; GELU is `x/2 * (1 + erf(x/sqrt 2))` or `x * (1 + erf(x/sqrt 2))/2`.

    Parameters
    ----------
    call : Call
        The node.
    parts : mapping of str to (str, str)
        The parts known so far, by their tensor: which, and of what tensor.

    Returns
    -------
    found : str or Layer
        The part's name, or the whole layer.
    of : str
        The tensor that it is computed from.

    Raises
    ------
    NoLayerError
        Where it is neither.
    """
    operator = call.node.op_type
    if len(call.data) == 2 and operator == "Mul":
        for value, other in (call.data, call.data[::-1]):
            part, of = parts.get(other, ("", ""))
            if (part, of) == ("sigmoid", value):
                return layers.SiLU(), value
            if (part, of) == ("1 + erf", value):
                return "x(1 + erf)", value
            if part == "1 + erf" and parts.get(value) == ("x/2", of):
                return layers.GELU(), of
    elif len(call.data) == 1:
        value = call.data[0]
        part, of = parts.get(value, ("x", value))
        number = call.number()
        if operator == "Div" and number and call.given[0] == value:
            operator, number = "Mul", 1 / number
        match operator, part, number:
            case "Sigmoid", "x", None:
                return "sigmoid", of
            case "Mul", "x", float(factor) if math.isclose(factor, 0.5**0.5, rel_tol=1e-5):
                return "x/sqrt 2", of
            case "Erf", "x/sqrt 2", None:
                return "erf", of
            case "Add", "erf", 1.0:
                return "1 + erf", of
            case "Mul", "x", 0.5:
                return "x/2", of
            case "Mul", "x(1 + erf)", 0.5:
                return layers.GELU(), of
    raise NoLayerError(f"{call.node.op_type}, other than in SiLU or GELU")
