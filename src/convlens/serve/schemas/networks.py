"""A network: its layers as they are computed, and as they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypeAliasType, TypedDict

from convlens.network.layers import COMPUTED, KINDS

BRANCHES = ("layers", "shortcut", "branches")
"""Fields that hold layers of their own."""

if TYPE_CHECKING:
    Kind = str
    WrittenKind = str
    SettingName = str
else:  # the list of kinds is data, which a type checker does not see
    _WRITTEN = tuple(KINDS)
    _FIELDS = {name: None for cls in KINDS.values() for name in cls.model_fields}
    _SETTINGS = tuple(name for name in _FIELDS if name not in ("name", *BRANCHES))
    Kind = TypeAliasType("Kind", Literal[COMPUTED])
    WrittenKind = TypeAliasType("WrittenKind", Literal[_WRITTEN])
    SettingName = TypeAliasType("SettingName", Literal[_SETTINGS])
"""The kinds of layers that are computed, those that are written, and their settings."""

Shape = list[int]
"""`(channels, height, width)`, or `(features,)`."""

Input = TypeAliasType("Input", tuple[int, int, int])
"""`(channels, height, width)` of a network's images."""

Slide = TypeAliasType("Slide", tuple[int, int, int, int, int])
"""`[kernel, stride, before, after, dilation]` along one axis."""


class Step(TypedDict):
    """One layer of a network as it is computed, with all that drawing a window needs."""

    name: Annotated[str, Field(examples=["residual1.conv2"])]
    kind: Annotated[Kind, Field(examples=["conv"])]
    settings: Annotated[str, Field(examples=["8 of 3x3"])]
    depth: Annotated[int, Field(description="how many blocks it stands in")]
    block: Annotated[
        str, Field(description="the join in one of whose branches it stands; empty for none")
    ]
    branch: Annotated[int, Field(description="which of that join's branches, from 0")]
    input: Shape
    output: Shape
    parameters: int
    multiply_adds: int
    receptive_field: Annotated[
        tuple[int, int], Field(description="rows and columns of the image that a cell depends on")
    ]
    jump: Annotated[tuple[int, int], Field(description="pixels between neighbouring cells")]
    offset: Annotated[tuple[int, int], Field(description="the first pixel of cell 0")]
    dropped: Annotated[
        tuple[int, int], Field(description="rows and columns of the input that no window reaches")
    ]
    source: Annotated[
        list[str | None], Field(description="the layers that it reads; null is the image")
    ]
    parameters_of: Annotated[dict[str, Shape], Field(description="its arrays")]
    window: NotRequired[
        Annotated[
            tuple[Slide, Slide],
            Field(
                description="of convolutions and pools, along rows and along columns: "
                "kernel, stride, padding before and after, dilation"
            ),
        ]
    ]
    origins: NotRequired[
        Annotated[
            tuple[list[int] | None, list[int] | None, list[int] | None],
            Field(
                description="of layers that only move values: which channel, row and column of "
                "the input each one of the output is; -1 for zeros, null where all stay"
            ),
        ]
    ]
    counted: NotRequired[
        Annotated[
            tuple[tuple[int, int], tuple[int, int]],
            Field(
                description="of average pools that count padding as zeros: how many cells of it, "
                "before and after the rows and before and after the columns"
            ),
        ]
    ]
    groups: NotRequired[
        Annotated[int, Field(description="of convolutions and group normalisation")]
    ]
    constants: NotRequired[
        Annotated[
            dict[str, float],
            Field(description="numbers that it was written with and is computed with"),
        ]
    ]


class WrittenNetwork(TypedDict):
    """A network as it is written."""

    name: str
    about: NotRequired[str]
    input: Input
    classes: NotRequired[int]
    rounding: NotRequired[Literal["strict", "floor"]]
    layers: list[dict[str, Any]]


class Shapes(TypedDict):
    """A network's table."""

    layers: list[Step]
    parameters: int
    multiply_adds: int
    network: WrittenNetwork


class Zoo(TypedDict):
    """The named networks."""

    networks: list[WrittenNetwork]
    default: Annotated[str, Field(description="the one that `convlens train` takes for digits")]


class Setting(TypedDict):
    """One setting of a kind of layer."""

    name: SettingName
    key: Annotated[
        str, Field(description="under which it is written; a kind's own key has its main setting")
    ]
    required: bool
    default: Annotated[
        bool | int | float | list[int] | str | None,
        Field(description="what it is where it is not written; null follows from another one"),
    ]
    choices: NotRequired[Annotated[list[str], Field(description="where it is one of a few words")]]


class KindSettings(TypedDict):
    """A kind of layer as it is written."""

    kind: WrittenKind
    settings: list[Setting]


class Kinds(TypedDict):
    """The kinds that a network is written with."""

    kinds: list[KindSettings]
