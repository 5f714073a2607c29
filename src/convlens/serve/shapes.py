"""The table of a network that is being edited, or where it does not fit and what would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convlens.errors import NetworkError
from convlens.layers import Layer, Residual, read_layers
from convlens.network import Network
from convlens.serve import describe
from convlens.serve.limits import Limits
from convlens.serve.problems import Problem, wrong
from convlens.serve.trainings import network_limits, read_network
from convlens.table import Misfit, Table, own_names

Place = list[int | str]
"""Indices and keys that lead to a layer of a written network."""


def shapes_of(asked: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """Return the table of the network in a request.

    Raises
    ------
    Problem
        422 with the words of `convlens shapes`. Its `at` says where the layer stands that is at
        fault, `[3, "residual", 1]` being the second layer of the block that is the fourth one;
        `layer` is the first of these, and `table` has the rows up to it.
    """
    written = asked.get("network")
    rounding = asked.get("rounding")
    if rounding not in (None, "strict", "floor"):
        raise wrong("rounding", "the rounding is not known", "strict or floor")
    try:
        network = read_network(written, limits)
    except NetworkError as error:
        layers = written.get("layers") if isinstance(written, dict) else None
        raise _told(error, _misread(layers), []) from None
    if rounding:
        network = network.model_copy(update={"rounding": rounding})
    try:
        table = network.table(limits=network_limits(limits))
    except Misfit as error:
        at = place_of(network.layers, error.layer)
        raise _told(error, at, _rows(network, error.table)) from None
    except NetworkError as error:
        raise _told(error, [], []) from None
    return describe.shapes(network, table)


def _told(error: NetworkError, at: Place, rows: list[dict[str, Any]]) -> Problem:
    # the message ends with the table as text, which is sent as data
    message = error.what.partition("\n  the table up to it")[0]
    layer = at[0] if at else None
    return Problem(
        *(422, "bad_network", message, error.expected, error.fix),
        more={"layer": layer, "at": at, "table": rows, "field": "network"},
    )


def place_of(layers: tuple[Layer, ...], name: str) -> Place:
    """Return where a layer stands in a written network.

    >>> block = {"residual": [{"relu": True}, {"conv": 4, "kernel": 1}]}
    >>> place_of(read_layers([{"relu": True}, block], "layers"), "residual1.conv1")
    [1, 'residual', 1]
    """
    found: Place = []
    for index, (own, layer) in enumerate(zip(own_names(layers), layers, strict=True)):
        if own == name:
            found = [index]  # of two that share a name, the second is refused
        elif isinstance(layer, Residual) and name.startswith(f"{own}."):
            inner = name.removeprefix(f"{own}.")
            side = inner.removeprefix("shortcut.")
            if side == inner:
                found = [index, "residual", *place_of(layer.layers, inner)]
            else:
                found = [index, "shortcut", *place_of(layer.shortcut, side)]
    return found


def _misread(written: object) -> Place:
    """Return where the first layer stands that cannot be read; empty where it is no layer."""
    if not isinstance(written, list):
        return []
    for index, layer in enumerate(written):
        try:
            read_layers([layer], "layers")
        except NetworkError:
            for key in ("residual", "shortcut"):
                inner = _misread(layer.get(key)) if isinstance(layer, dict) else []
                if inner:
                    return [index, key, *inner]
            return [index]
    return []


def _rows(network: Network, table: Table | None) -> list[dict[str, Any]]:
    """Return the rows of the layers before the one at fault; none where names are not clear."""
    try:
        return describe.layer_rows(network, table) if table else []
    except NetworkError:
        return []
