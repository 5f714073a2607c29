"""The table of a network that is being edited, or where it does not fit and what would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convlens.errors import NetworkError
from convlens.layers import Layer, read_layers
from convlens.network import Network
from convlens.serve import describe
from convlens.serve.limits import Limits
from convlens.serve.problems import Problem, wrong
from convlens.serve.trainings import network_limits, read_network
from convlens.table import Table, walk


def shapes_of(asked: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """Return the table of the network in a request.

    Raises
    ------
    Problem
        422 with the words of `convlens shapes`; its `layer` is the index of the layer that is at
        fault, and `table` has the rows up to it.
    """
    written = asked.get("network")
    rounding = asked.get("rounding")
    if rounding not in (None, "strict", "floor"):
        raise wrong("rounding", "the rounding is not known", "strict or floor")
    try:
        network = read_network(written, limits)
    except NetworkError as error:
        raise _told(error, _misread(written), []) from None
    if rounding:
        network = network.model_copy(update={"rounding": rounding})
    most = network_limits(limits)
    try:
        table = network.table(limits=most)
    except NetworkError as error:
        index, rows = _failing(network, limits)
        raise _told(error, index, rows) from None
    return describe.shapes(network, table)


def _told(error: NetworkError, layer: int | None, rows: list[dict[str, Any]]) -> Problem:
    # the message ends with the table as text, which is sent as data
    message = error.what.partition("\n  the table up to it")[0]
    return Problem(
        *(422, "invalid", message, error.expected, error.fix),
        more={"layer": layer, "table": rows, "field": "network"},
    )


def _misread(written: object) -> int | None:
    """Return the index of the first layer that cannot be read, where there is one."""
    layers = written.get("layers") if isinstance(written, dict) else None
    for index, layer in enumerate(layers if isinstance(layers, list) else []):
        try:
            read_layers([layer], "layers")
        except NetworkError:
            return index
    return None


def _failing(network: Network, limits: Limits) -> tuple[int | None, list[dict[str, Any]]]:
    """Return the index of the first layer that does not fit, and the rows of those before it."""
    layers = network.layers
    fits, fails = 0, len(layers) + 1
    while fails - fits > 1:
        middle = (fits + fails) // 2
        if _walked(network, layers[:middle], limits) is None:
            fails = middle
        else:
            fits = middle
    table = _walked(network, layers[:fits], limits)
    if table is None:  # the input itself
        return None, []
    begun = network.model_copy(update={"layers": layers[:fits], "classes": None})
    rows = describe.layer_rows(begun, table)
    # where all layers fit one another, it is the last that does not give the classes
    return (fits if fits < len(layers) else max(0, len(layers) - 1)), rows


def _walked(network: Network, layers: tuple[Layer, ...], limits: Limits) -> Table | None:
    try:
        floor = network.rounding == "floor"
        return walk(network.input, layers, floor=floor, limits=network_limits(limits))
    except NetworkError:
        return None
