"""What every error says."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypeAliasType, TypedDict

from convlens.serve.schemas.networks import Step

Code = TypeAliasType(
    "Code",
    Literal[
        "bad_archive",
        "bad_image",
        "bad_multipart",
        "bad_name",
        "bad_network",
        "bad_request",
        "busy",
        "internal",
        "invalid",
        "method_not_allowed",
        "no_data",
        "no_kernels",
        "no_report",
        "no_such_model",
        "no_such_photos",
        "no_such_training",
        "no_token",
        "no_weights",
        "not_evaluated",
        "not_found",
        "overloaded",
        "refused",
        "too_few_photos",
        "too_large",
        "too_many_parts",
        "too_many_photos",
        "too_slow",
        "unreadable",
        "unsupported_media_type",
        "wrong_host",
        "wrong_origin",
    ],
)
"""The word for programs that every error has; the page has a text for each."""

Place = TypeAliasType("Place", list[int | str])
"""Keys and indices that lead to a layer or a setting: `["layers", 3, "residual", 1, "kernel"]`."""


class Mistake(TypedDict):
    """One mistake of a written network."""

    at: Annotated[Place, Field(description="where it stands in the network")]
    kind: Annotated[str, Field(examples=["unknown_kind"])]
    what: str
    expected: str
    fix: str
    line: NotRequired[Annotated[int, Field(description="in the text that was read")]]


class ErrorDetails(TypedDict, total=False):
    """What some errors say beside their three parts."""

    field: Annotated[str, Field(description="of the request", examples=["images"])]
    layer: Annotated[int | str | None, Field(description="the first part of `at`")]
    at: Annotated[Place, Field(description="of a network: where the layer at fault stands")]
    table: Annotated[list[Step], Field(description="of a network: the layers before it")]
    mistakes: Annotated[list[Mistake], Field(description="of a network: all of them")]


class ErrorParts(ErrorDetails):
    """What is wrong, what was expected, what to do."""

    code: Annotated[Code, Field(examples=["invalid"])]
    message: Annotated[str, Field(examples=["images holds 300"])]
    expected: Annotated[str, Field(examples=["whole numbers 0 to 255"])]
    fix: Annotated[str, Field(examples=["correct the field"])]
    request_id: Annotated[str, Field(examples=["a3f09c1e-00000007"])]


class Error(TypedDict):
    """Every error has this form."""

    error: ErrorParts
