"""What a network makes of images."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypeAliasType, TypedDict

from convlens.inside.reasons import Method
from convlens.serve.schemas.networks import Kind, Shape

Plane = list[list[float]]
"""`(height, width)`."""

Maps = list[Plane]
"""`(channels, height, width)`."""

Ranked = TypedDict(
    "Ranked",
    {
        "class": Annotated[str, Field(examples=["7"])],
        "probability": Annotated[float, Field(examples=[0.998])],
    },
)
"""A class with its probability."""


class Prediction(Ranked):
    """The answer for one image."""

    top: list[Ranked]
    notes: list[str]


class Predictions(TypedDict):
    """One answer per image, in their order."""

    predictions: list[Prediction]


class ActivationLists(TypedDict):
    """What one image makes the network compute, as nested lists."""

    image: list[list[list[int]]]
    normalised: Maps
    logits: list[float]
    probabilities: list[float]
    activations: Annotated[dict[str, Maps | list[float]], Field(description="by layer")]
    notes: list[str]
    weights_version: Annotated[
        str, Field(description="of the weights that computed it, as in the model")
    ]


AttributionMap = TypedDict(
    "AttributionMap",
    {
        "method": Annotated[Method, Field(examples=["occlusion"])],
        "class": Annotated[str, Field(examples=["7"])],
        "class_number": int,
        "signed": Annotated[bool, Field(description="whether values below 0 mean something")],
        "logit": float,
        "probability": float,
        "layer": Annotated[str | None, Field(description="that Grad-CAM looked at")],
        "notes": list[str],
        "map": Plane,
    },
)
"""How much each pixel speaks for a class."""


class Region(TypedDict):
    """A rectangle of the image in pixels; first and last belong to it."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int


class Cell(TypedDict):
    """What every cell says that is taken apart."""

    kind: Annotated[Kind, Field(examples=["conv"])]
    layer: Annotated[str, Field(examples=["conv1"])]
    cell: Annotated[list[int], Field(examples=[[3, 12, 9]])]
    total: Annotated[float, Field(description="computed from the other numbers")]
    computed: Annotated[float, Field(description="as the model put it out")]
    sees: Annotated[Region, Field(description="its receptive field, padding included")]
    visible: Annotated[Region | None, Field(description="the part of it that lies in the image")]
    text: Annotated[str, Field(description="all of it in words")]
    notes: Annotated[list[str], Field(description="what was done to the image")]


class CorrelationCell(Cell):
    """A cell of a convolution: `total = sum(patch * kernel) + bias`."""

    channels: list[int]
    rows: list[int]
    columns: list[int]
    padding: list[list[bool]]
    patch: Maps
    kernel: Maps
    products: Maps
    channel_sums: list[float]
    bias: float | None


class WeightedSumCell(Cell):
    """A feature of a linear layer: `total = sum(patch * kernel) + bias`."""

    patch: list[float]
    kernel: list[float]
    products: list[float]
    bias: float | None
    maps: Annotated[Shape | None, Field(description="that flatten laid out as these features")]


class PoolingCell(Cell):
    """A cell of a pooling layer; what is padding is null in `patch`."""

    patch: list[list[float | None]]
    rows: list[int]
    columns: list[int]
    padding: list[list[bool]]
    winner: Annotated[tuple[int, int] | None, Field(description="of a max pool: row and column")]


class AdditionCell(Cell):
    """A cell where branches are added."""

    addends: list[float]
    sources: list[str]


class ProductCell(Cell):
    """A cell where branches are multiplied."""

    factors: list[float]
    sources: list[str]
    cells: Annotated[list[list[int]], Field(description="where each factor stands in its layer")]


class ConcatenationCell(Cell):
    """A cell where branches stand one after the other: it is a cell of one of them."""

    branch: Annotated[int, Field(description="which of them, from 0")]
    source_layer: Annotated[str, Field(description="the layer at its end")]
    source: Annotated[list[int], Field(description="the cell of that layer's output")]
    value: float


class ElementwiseCell(Cell):
    """A cell that is made from one value."""

    source: list[int] | None
    value: float
    formula: str
    constants: dict[str, float]


Window = TypeAliasType(
    "Window",
    CorrelationCell
    | WeightedSumCell
    | PoolingCell
    | AdditionCell
    | ProductCell
    | ConcatenationCell
    | ElementwiseCell,
)
"""One output cell taken apart."""
