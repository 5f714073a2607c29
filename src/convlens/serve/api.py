"""The API's description of itself: bodies, answers and examples of every operation."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter

from convlens.serve import schemas
from convlens.serve.http.bodies import SAFETENSORS

_PHRASES = {
    400: "The request or a name in it is malformed.",
    401: "The token is missing or wrong.",
    403: "The request comes from another site, or for another host.",
    404: "There is no such thing here.",
    408: "The body did not arrive in time.",
    409: "Not now: the run has no weights yet, or a training is running.",
    413: "The body, an image or the number of parts is too large.",
    415: "The content type is not one of those listed.",
    422: "A field of the request is wrong; the error names it.",
    500: "A fault of the server.",
    503: "Too much is waiting; Retry-After says when to come back.",
}
STROKE = [[0, 255, 0], [0, 255, 0], [0, 255, 0]]
"""An image of 3x3 pixels, which is brought to the size that a network takes."""
NETWORK = {
    "input": [1, 28, 28],
    "layers": [{"conv": 8, "kernel": 3}, {"relu": True}, {"flatten": True}, {"linear": 10}],
}
_BYTES = {"type": "string", "format": "binary"}
_NETWORK = {
    "type": "object",
    "description": "as in docs/networks.md: input, layers, and what else it says",
    "additionalProperties": True,
}
_PICTURE = {
    "type": "array",
    "description": "(C, H, W) or (H, W), whole numbers 0 to 255",
    "items": {"type": "array", "items": {}},
}


def answers(shape: Any, *problems: int, binary: str = "", status: int = 200) -> Any:
    """Return the answers of an operation: its good one, and the errors that it can give.

    Shapes are named here and described by `complete`, all at once: FastAPI would build a
    validator for each of an operation's answers, which takes a second for all of them.
    """
    content = {} if shape is None else {"application/json": {"schema": _reference(shape.__name__)}}
    if binary:
        content[binary] = {"schema": _BYTES}
    responses: dict[int, Any] = {status: {"description": "The answer.", "content": content}}
    for number in sorted({400, 401, 403, 500, 503, *problems}):
        responses[number] = {"$ref": f"#/components/responses/{number}"}
    return responses


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def complete(description: dict[str, Any]) -> dict[str, Any]:
    """Return FastAPI's description with the errors and the shapes that its operations name.

    FastAPI's own 422, for an address with parameters, goes: convlens answers in one form only.
    """
    for operations in description["paths"].values():
        for operation in operations.values():
            for status, response in list(operation["responses"].items()):
                if "$ref" in response:  # FastAPI writes a description beside it
                    operation["responses"][status] = {"$ref": response["$ref"]}
                elif "HTTPValidationError" in str(response):
                    del operation["responses"][status]
    error = {"application/json": {"schema": _reference(schemas.Error.__name__)}}
    components = {
        "responses": {
            str(number): {"description": phrase, "content": error}
            for number, phrase in _PHRASES.items()
        },
        "schemas": shapes_of(re.findall(r"#/components/schemas/(\w+)", str(description))),
    }
    return {**description, "components": components}


def shapes_of(names: Iterable[str]) -> dict[str, Any]:
    """Return the JSON schemas of shapes, of errors, and of all that these hold, by name."""
    wanted = {name for name in names if hasattr(schemas, name)} | {schemas.Error.__name__}
    _, document = TypeAdapter.json_schemas(
        [(name, "serialization", TypeAdapter(getattr(schemas, name))) for name in sorted(wanted)],
        ref_template="#/components/schemas/{model}",
    )
    shapes: dict[str, Any] = document["$defs"]
    for shape in shapes.values():
        for part in shape.get("properties", {}).values():
            part.pop("title", None)  # the key once more
    return dict(sorted(shapes.items()))


def json_body(properties: dict[str, Any], required: list[str], example: Any) -> dict[str, Any]:
    """Return the description of a body that is one JSON object."""
    schema = {"type": "object", "properties": properties, "required": required}
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


NAME = [
    {
        "name": "name",
        "in": "path",
        "required": True,
        "schema": {"type": "string"},
        "example": "last",
    }
]


def image_body(
    key: str, fields: dict[str, Any] | None = None, example: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the description of a body with an image, or with images, in its three forms."""
    fields, several = fields or {}, key == "images"
    picture: Any = {"type": "array", "items": _PICTURE, "minItems": 1} if several else _PICTURE
    shown = {key: [STROKE] if several else STROKE, **(example or {})}
    file = {"type": "array", "items": _BYTES} if several else _BYTES
    said = json_body({key: picture, **fields}, [key, *(example or {})], shown)
    content = said["requestBody"]["content"]
    texts = {name: {"type": "string"} for name in fields}
    schema = {"type": "object", "properties": {"image": file, **texts}, "required": ["image"]}
    content["multipart/form-data"] = {"schema": schema}
    content[SAFETENSORS] = {"schema": _BYTES}
    return {**said, "parameters": NAME}


PREDICT = {
    "summary": "Classify images",
    "description": "Files of any size, prepared exactly as in training; or arrays of bytes. "
    "Requests that arrive together are computed together.",
    "openapi_extra": image_body("images"),
    "responses": answers(schemas.Predictions, 404, 408, 409, 413, 415, 422),
}
ACTIVATIONS = {
    "summary": "Every layer's output for one image",
    "description": f"With Accept: {SAFETENSORS} the tensors image, normalised, logits, "
    "probabilities and activation/LAYER for all layers, or for those in `layers`; as JSON nested "
    "lists, and activations only of the layers asked for.",
    "openapi_extra": image_body(
        "image", {"layers": {"type": "array", "items": {"type": "string"}}}
    ),
    "responses": answers(schemas.ActivationLists, 404, 408, 409, 413, 415, 422, binary=SAFETENSORS),
}
WINDOW = {
    "summary": "One output cell as the sum it is",
    "description": "`cell` is [filter or channel, row, column] of maps, [index] of features.",
    "openapi_extra": image_body(
        "image",
        {
            "layer": {"type": "string"},
            "cell": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        },
        {"layer": "conv1", "cell": [0, 12, 9]},
    ),
    "responses": answers(schemas.Window, 404, 408, 409, 413, 415, 422),
}
ATTRIBUTION = {
    "summary": "How much each pixel speaks for a class",
    "description": "`class` is a class's name or number; by default the answer.",
    "openapi_extra": image_body(
        "image",
        {"method": {"type": "string"}, "class": {"type": ["string", "integer"]}},
        {"method": "occlusion"},
    ),
    "responses": answers(schemas.AttributionMap, 404, 408, 409, 413, 415, 422, binary=SAFETENSORS),
}
SHAPES = {
    "summary": "The table of a network, or why its layers do not fit",
    "openapi_extra": json_body(
        {
            "network": _NETWORK,
            "rounding": {"type": "string", "enum": ["strict", "floor"]},
        },
        ["network"],
        {"network": NETWORK},
    ),
    "responses": answers(schemas.Shapes, 408, 413, 415, 422),
}
TRAIN = {
    "summary": "Start a training; one at a time",
    "status_code": 202,
    "openapi_extra": json_body(
        {
            "network": _NETWORK,
            "data": {"type": "string"},
            "recipe": {"type": "string"},
            "settings": {
                "type": "object",
                "properties": {
                    "epochs": {"type": "integer", "minimum": 1},
                    "batch_size": {"type": "integer", "minimum": 1},
                    "learning_rate": {"type": "number", "exclusiveMinimum": 0},
                    "seed": {"type": "integer", "minimum": 0},
                },
            },
        },
        ["network", "data"],
        {"network": NETWORK, "data": "digits-5k", "settings": {"epochs": 3, "seed": 0}},
    ),
    "responses": answers(schemas.Started, 408, 409, 413, 415, 422, status=202),
}

_NAMED = {"type": "string", "maxLength": 60}
CREATE_PHOTOS = {
    "summary": "Begin a collection of photos",
    "openapi_extra": json_body(
        {"classes": {"type": "array", "items": _NAMED}}, [], {"classes": ["cat", "dog"]}
    ),
    "responses": answers(schemas.PhotoCollection, 408, 413, 415, 422),
}
ADD_CLASS = {
    "summary": "Add a class",
    "openapi_extra": json_body({"name": _NAMED}, ["name"], {"name": "cat"}),
    "responses": answers(schemas.PhotoCollection, 404, 408, 413, 415, 422),
}
RENAME_CLASS = {**ADD_CLASS, "summary": "Give a class another name"}


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}


ADD_PHOTOS = {
    "summary": "Add photos to a class",
    "description": "Each file is taken or refused by itself, and decoded as training will. "
    "`recording` names the camera's recording that they are frames of: frames of one recording "
    "are kept on one side of the split, because they resemble each other.",
    "openapi_extra": _body(
        {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"image": {"type": "array", "items": _BYTES}},
                    "required": ["image"],
                }
            }
        }
    ),
    "responses": answers(schemas.AddedPhotos, 404, 408, 413, 415, 422),
}
ADD_ARCHIVE = {
    "summary": "Add the photos of a zip",
    "description": "The folder that a photo lies in is its class, which is made where there is "
    "none of that name; `title` is the class of photos in no folder.",
    "openapi_extra": _body(
        {kind: {"schema": _BYTES} for kind in ("application/zip", "application/octet-stream")}
    ),
    "responses": answers(schemas.AddedPhotos, 404, 408, 413, 415, 422),
}
TRAIN_PHOTOS = {
    "summary": "Train a classifier on the photos; one training at a time",
    "description": "EfficientNet-Lite0, whose layers keep the weights that others trained on "
    "ImageNet, with a new last layer for these classes. DELETE /v1/trainings/NAME stops it, and "
    "nothing of it stays.",
    "status_code": 202,
    "responses": answers(schemas.Started, 404, 409, 422, status=202),
}
