"""One frozen spec per layer kind; each knows its own arithmetic.

A layer is written as a small table whose first key is its kind, `{ conv = 32, kernel = 3 }`,
and read back into the same object. Shapes are `(channels, height, width)` before flatten and
`(features,)` after it; the batch axis is never part of a spec. What a layer cannot take it
refuses with an `Unfit`; `convlens.network.advice` says what would fit.

A file holds one family of kinds. Rooms that must know every kind match on `AnyLayer` and end in
`assert_never`, so that the type checker names each place that a new kind is missing from. Kinds
that are `Described` carry what the rooms must know of them; those of them that make each value
from one value are `Pointwise`, and those whose cells are cells of the input are `Moving`.
"""

from __future__ import annotations

from convlens.network.layers.activations import (
    ACTIVATIONS,
    ELU,
    GELU,
    Activation,
    HardSigmoid,
    HardSwish,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Tanh,
)
from convlens.network.layers.base import LARGEST, Layer, Unfit, short
from convlens.network.layers.convolution import Conv, Convolution, Depthwise
from convlens.network.layers.dense import Linear, Softmax
from convlens.network.layers.described import Described, concrete
from convlens.network.layers.joins import (
    Add,
    Branches,
    Compound,
    Concat,
    Join,
    Multiply,
    Repeat,
    Residual,
)
from convlens.network.layers.normalisation import (
    BatchNorm,
    GroupNorm,
    LayerNorm,
    LocalResponseNorm,
    Scale,
)
from convlens.network.layers.pointwise import Pointwise
from convlens.network.layers.pooling import (
    AdaptiveAvgPool,
    AvgPool,
    GlobalAvgPool,
    GlobalMaxPool,
    MaxPool,
)
from convlens.network.layers.regularisation import Dropout, DropPath, Random
from convlens.network.layers.reserved import RESERVED_NAMES
from convlens.network.layers.shapes import Channels, ChannelShuffle, Flatten, Moving, Pad
from convlens.network.layers.sliding import Sliding
from convlens.network.layers.written import write_layer

__all__ = [
    "ACTIVATIONS",
    "COMPOUNDS",
    "COMPUTED",
    "ELU",
    "GELU",
    "JOINS",
    "KINDS",
    "LARGEST",
    "POINTWISE",
    "RESERVED_NAMES",
    "Activation",
    "AdaptiveAvgPool",
    "Add",
    "AnyLayer",
    "AvgPool",
    "BatchNorm",
    "Branches",
    "ChannelShuffle",
    "Channels",
    "Compound",
    "Concat",
    "Conv",
    "Convolution",
    "Depthwise",
    "Described",
    "DropPath",
    "Dropout",
    "Flatten",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "GroupNorm",
    "HardSigmoid",
    "HardSwish",
    "Join",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "MaxPool",
    "Moving",
    "Multiply",
    "Pad",
    "Pointwise",
    "Random",
    "ReLU",
    "Repeat",
    "Residual",
    "Scale",
    "SiLU",
    "Sigmoid",
    "Sliding",
    "Softmax",
    "Tanh",
    "Unfit",
    "short",
    "write_layer",
]

POINTWISE: tuple[type[Pointwise], ...] = concrete(
    BatchNorm, LayerNorm, GroupNorm, LocalResponseNorm, Scale, *ACTIVATIONS, Dropout, DropPath
)
"""The kinds that make each value from one value: the rooms know them by what they carry."""

AnyLayer = (
    Conv
    | Depthwise
    | Pointwise
    | MaxPool
    | AvgPool
    | GlobalMaxPool
    | GlobalAvgPool
    | AdaptiveAvgPool
    | Pad
    | Channels
    | ChannelShuffle
    | Flatten
    | Linear
    | Softmax
    | Add
    | Concat
    | Multiply
)
"""Every kind that is computed. Each `Compound` is a form of writing only."""

COMPOUNDS: tuple[type[Compound], ...] = (Residual, Branches, Repeat)
"""The forms of writing that hold lists of layers."""

JOINS: tuple[type[Join], ...] = (Add, Concat, Multiply)
"""The kinds that read the ends of several branches."""

_WRITTEN: tuple[type[Layer], ...] = (
    Conv,
    Depthwise,
    *POINTWISE,
    MaxPool,
    AvgPool,
    GlobalMaxPool,
    GlobalAvgPool,
    AdaptiveAvgPool,
    *concrete(Pad, Channels, ChannelShuffle),
    Flatten,
    Linear,
    Softmax,
    *COMPOUNDS,
)
KINDS = {cls.kind: cls for cls in _WRITTEN}
"""The kinds that can be written, by the key that names them."""

COMPUTED = (
    *(kind for kind, cls in KINDS.items() if not issubclass(cls, Compound)),
    *(cls.kind for cls in JOINS),
)
"""The kinds that the steps of a plan have, by their keys."""
