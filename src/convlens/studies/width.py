"""How wide a network should be: its filters and hidden features scaled, everything else kept."""

from __future__ import annotations

from typing import Any

from convlens.network import Network
from convlens.network.layers import Compound, Conv, Layer, Linear, Softmax
from convlens.studies import sizes
from convlens.studies.findings import Findings
from convlens.studies.study import Bench

QUICK, FULL = (0.25, 0.5, 1.0, 2.0), (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)


def study(bench: Bench) -> Findings:
    """Compare widths."""
    return sizes.compare(
        bench,
        "width",
        bench.options.numbers(FULL if bench.options.full else QUICK),
        widened,
        title="How wide the network should be",
        method="Width 0.5 has half the filters in every convolution and half the features in "
        "every linear layer but the last, so about a quarter of the parameters.",
    )


def widened(network: Network, width: float) -> Network:
    """Return the network with all filters and hidden features times `width`.

    Numbers are rounded, to at least 1 and to a multiple of a convolution's groups.

    >>> from convlens.network import zoo
    >>> plan = widened(zoo.load("tutorial-torch"), 0.5).plan()
    >>> plan.step("conv1").output, plan.output
    ((16, 26, 26), (10,))
    """
    layers = list(network.layers)
    heads = [i for i, layer in enumerate(layers) if isinstance(layer, Linear)]
    last = heads[-1] if heads else None
    if last is not None and not all(isinstance(layer, Softmax) for layer in layers[last + 1 :]):
        last = None
    scaled = [layer if i == last else _widened(layer, width) for i, layer in enumerate(layers)]
    if last is None:
        # a network without a linear head gives its classes by its last convolution
        convs = [i for i, layer in enumerate(layers) if isinstance(layer, Conv)]
        if convs:
            scaled[convs[-1]] = layers[convs[-1]]
    return Network(**{**fields_of(network), "layers": scaled})


def fields_of(network: Network) -> dict[str, Any]:
    """Return a network's fields, to make another one with some of them changed."""
    return {field: getattr(network, field) for field in type(network).model_fields}


def _widened(layer: Layer, width: float) -> Layer:
    if isinstance(layer, Conv):
        filters = max(1, round(layer.filters * width / layer.groups)) * layer.groups
        return layer.model_copy(update={"filters": filters})
    if isinstance(layer, Linear):
        return layer.model_copy(update={"features": max(1, round(layer.features * width))})
    if isinstance(layer, Compound):
        for keys, inner in layer.lists().items():
            layer = layer.with_list(keys, tuple(_widened(one, width) for one in inner))
    return layer
