"""How deep a network should be: its convolution blocks repeated, everything else kept."""

from __future__ import annotations

from typing import Any

from convlens.network import Network
from convlens.network.layers import (
    AdaptiveAvgPool,
    AvgPool,
    Compound,
    Conv,
    Convolution,
    Depthwise,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    Layer,
    Linear,
    MaxPool,
    Random,
    Repeat,
    Residual,
    Softmax,
)
from convlens.studies import sizes
from convlens.studies.findings import Findings
from convlens.studies.study import Bench
from convlens.studies.width import fields_of

QUICK, FULL = (1, 2, 3), (1, 2, 3, 4, 6)
_STARTS = (Conv, Residual, Repeat)
_GLOBAL = (GlobalAvgPool, GlobalMaxPool, AdaptiveAvgPool)
_ENDS = (Conv, Depthwise, Residual, Repeat, Flatten, Linear, Softmax, *_GLOBAL)
_NOT_REPEATED = (MaxPool, AvgPool, Random)


def study(bench: Bench) -> Findings:
    """Compare depths."""
    default = FULL if bench.options.full else QUICK
    return sizes.compare(
        bench,
        "depth",
        [float(number) for number in bench.options.whole_numbers(default)],
        lambda network, repeats: deepened(network, int(repeats)),
        title="How deep the network should be",
        method="At depth 2 every convolution is followed by a second one with as many filters, "
        "the same kernel, stride 1 and padding that keeps the size, with the batch normalisation "
        "and the activation of the first; every residual block by a second one.",
    )


def deepened(network: Network, repeats: int) -> Network:
    """Return the network with every convolution block `repeats` times in a row.

    A block is a convolution, or a residual block, with what follows it up to the next one; its
    repetitions leave out poolings and dropout and keep the size of their input.

    >>> from convlens.network import zoo
    >>> [row.name for row in deepened(zoo.load("tutorial-torch"), 2).plan().steps][:5]
    ['conv1', 'relu1', 'max_pool1', 'conv2', 'relu2']
    """
    layers: list[Layer] = []
    block: list[Layer] = []
    for layer in network.layers:
        if block and isinstance(layer, _ENDS):
            layers += _repeated(block, repeats)
            block = []
        if isinstance(layer, _STARTS) or block:
            block.append(layer)
        else:
            layers.append(layer)
    layers += _repeated(block, repeats)
    return Network(**{**fields_of(network), "layers": layers})


def _repeated(block: list[Layer], repeats: int) -> list[Layer]:
    if not block or (isinstance(block[0], Conv) and block[0].groups > 1):
        return block
    copy = [_same_size(layer) for layer in block if not isinstance(layer, _NOT_REPEATED)]
    return block + copy * (repeats - 1)


def _same_size(layer: Layer) -> Layer:
    """Return the layer with settings that keep the size of its input."""
    nameless = {"name": None}
    if isinstance(layer, Convolution):
        changes: dict[str, Any] = {**nameless, "stride": (1, 1), "padding": "same"}
        if isinstance(layer, Depthwise):
            changes["multiplier"] = 1
        return layer.model_copy(update=changes)
    if isinstance(layer, Residual):
        inner = tuple(_same_size(part) for part in layer.layers)
        return layer.model_copy(update={**nameless, "layers": inner, "shortcut": ()})
    if isinstance(layer, Compound):
        for keys, listed in layer.lists().items():
            layer = layer.with_list(keys, tuple(map(_same_size, listed)))
    elif isinstance(layer, MaxPool | AvgPool):  # in a branch, where it is not left out
        return layer.model_copy(update={**nameless, "stride": (1, 1), "padding": "same"})
    return layer.model_copy(update=nameless)
