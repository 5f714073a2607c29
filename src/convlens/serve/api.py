"""The API's description of itself: bodies, answers and examples of every operation."""

from __future__ import annotations

from typing import Any

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
GRID = [[0] * 28 for _ in range(28)]
NETWORK = {
    "input": [1, 28, 28],
    "layers": [{"conv": 8, "kernel": 3}, {"relu": True}, {"flatten": True}, {"linear": 10}],
}
_BYTES = {"type": "string", "format": "binary"}
_PICTURE = {
    "type": "array",
    "description": "(C, H, W) or (H, W), whole numbers 0 to 255",
    "items": {"type": "array", "items": {}},
}


def answers(model: type | None, *problems: int, binary: str = "", status: int = 200) -> Any:
    """Return the answers of an operation: its good one, and the errors that it can give."""
    good: dict[str, Any] = {"description": "The answer."}
    if model is not None:
        good["model"] = model
    if binary:
        good.setdefault("content", {})[binary] = {"schema": _BYTES}
    found: dict[int, Any] = {status: good}
    for number in sorted({400, 401, 403, 500, 503, *problems}):
        found[number] = {"model": schemas.Error, "description": _PHRASES[number]}
    return found


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
    shown = {key: [GRID] if several else GRID, **(example or {})}
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
            "network": {"type": "object"},
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
            "network": {"type": "object"},
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
