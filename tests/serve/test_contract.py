"""Every JSON answer has the shape that the description promises, with these keys and no other."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from convlens.serve import schemas
from serving import Reply, Server, as_form, serving

JSON = "application/json"

NETWORK = {
    "input": [1, 28, 28],
    "layers": [{"conv": 2, "kernel": 5}, {"relu": True}, {"flatten": True}, {"linear": 10}],
}
IMAGE = [[[0] * 28] * 28]
PART = "/v1/models/{name}"
COLLECTION = "/v1/photos/{collection}"
ASKED: dict[tuple[str, str], list[tuple[str, Any]]] = {
    ("GET", "/healthz"): [("", None)],
    ("GET", "/readyz"): [("", None)],
    ("GET", "/v1/models"): [("", None)],
    ("GET", PART): [("", None)],
    ("GET", f"{PART}/metrics"): [("", None), ("?after=1000", None)],
    ("GET", f"{PART}/samples"): [("?count=3", None), ("?kind=mistakes", None)],
    ("POST", f"{PART}:predict"): [("", {"images": [IMAGE, IMAGE]})],
    ("POST", f"{PART}:activations"): [("", {"image": IMAGE, "layers": ["conv1", "linear1"]})],
    ("POST", f"{PART}:window"): [
        ("", {"image": IMAGE, "layer": "conv1", "cell": [1, 0, 0]}),
        ("", {"image": IMAGE, "layer": "relu1", "cell": [1, 0, 0]}),
        ("", {"image": IMAGE, "layer": "max_pool1", "cell": [1, 0, 0]}),
        ("", {"image": IMAGE, "layer": "flatten1", "cell": [7]}),
        ("", {"image": IMAGE, "layer": "linear1", "cell": [3]}),
    ],
    ("POST", f"{PART}:attribution"): [
        ("", {"image": IMAGE, "method": "grad-cam"}),
        ("", {"image": IMAGE, "method": "occlusion", "class": "3"}),
    ],
    ("POST", "/v1/shapes"): [("", {"network": NETWORK})],
    ("GET", "/v1/zoo"): [("", None)],
    ("GET", "/v1/kinds"): [("", None)],
    ("GET", "/v1/datasets"): [("", None)],
    ("POST", "/v1/trainings"): [],  # asked below, on a server of its own
    ("DELETE", "/v1/trainings/{name}"): [],
    ("GET", "/v1/photos"): [("", None)],
    ("POST", "/v1/photos"): [],  # and these too, on a collection of its own
    ("GET", COLLECTION): [],
    ("DELETE", COLLECTION): [],
    ("POST", f"{COLLECTION}/classes"): [],
    ("POST", f"{COLLECTION}/classes/{{label}}"): [],
    ("DELETE", f"{COLLECTION}/classes/{{label}}"): [],
    ("POST", f"{COLLECTION}/classes/{{label}}/images"): [],
    ("DELETE", f"{COLLECTION}/images/{{photo}}"): [],
    ("POST", f"{COLLECTION}/archive"): [],
    ("POST", f"{COLLECTION}/training"): [],
}


@pytest.fixture(scope="module")
def promised(server: Server) -> dict[tuple[str, str], TypeAdapter[Any]]:
    """The shape of each address's good answer, as the server's description names it."""
    shapes = {}
    for path, operations in server.get("/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            (good,) = (
                operation["responses"][n] for n in ("200", "202") if n in operation["responses"]
            )
            schema = good["content"].get("application/json", {}).get("schema", {})
            if "$ref" in schema:
                name = schema["$ref"].rpartition("/")[2]
                shapes[method.upper(), path] = TypeAdapter(getattr(schemas, name))
    return shapes


def check(shape: TypeAdapter[Any], reply: Reply, status: int = 200) -> Any:
    assert reply.status == status, reply.body
    return shape.validate_json(reply.body, strict=True, extra="forbid")


def test_every_address_that_answers_json_is_asked(promised: dict[Any, Any]) -> None:
    assert set(ASKED) == set(promised)


@pytest.mark.parametrize(("method", "path"), [asked for asked, cases in ASKED.items() if cases])
def test_an_answer_has_the_promised_shape(
    method: str, path: str, server: Server, promised: dict[Any, Any]
) -> None:
    for query, body in ASKED[method, path]:
        where = path.replace("{name}", "first") + query
        reply = server.get(where) if body is None else server.post(where, body)
        check(promised[method, path], reply)


def test_a_run_that_is_being_trained_has_the_same_shape(
    promised: dict[Any, Any], tmp_path: Path
) -> None:
    with serving("--runs", tmp_path) as server:
        order = {"network": NETWORK, "data": "digits-5k", "settings": {"epochs": 500}}
        begun = server.post("/v1/trainings", order)
        name = check(promised["POST", "/v1/trainings"], begun, 202)["run"]
        for path in ("/v1/models", PART, f"{PART}/metrics"):
            check(promised["GET", path], server.get(path.replace("{name}", name)))
        stopped = server.ask("DELETE", f"/v1/trainings/{name}")
        check(promised["DELETE", "/v1/trainings/{name}"], stopped, 202)


def test_answers_about_photos_have_the_promised_shape(
    promised: dict[Any, Any], tmp_path: Path
) -> None:
    pixels = io.BytesIO()
    Image.effect_noise((64, 64), 80).convert("RGB").save(pixels, "PNG")
    sent, form = as_form(("image", "a.png", pixels.getvalue()), ("image", "b.png", b"none"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("bird/a.png", pixels.getvalue())
    with serving("--runs", tmp_path) as server:

        def ask(
            method: str, path: str, body: bytes = b"", kind: str = "", status: int = 200
        ) -> Any:
            where = path.replace("{collection}", name).replace("{label}", label)
            reply = server.ask(
                method, where.replace("{photo}", photo), body, {"Content-Type": kind}
            )
            return check(promised[method, path], reply)

        name, label, photo = "", "1", ""
        name = ask("POST", "/v1/photos", b'{"classes": ["cat", "dog"]}', JSON)["id"]
        ask("POST", f"{COLLECTION}/classes", b'{"name": "fox"}', JSON)
        ask("POST", f"{COLLECTION}/classes/{{label}}", b'{"name": "kitten"}', JSON)
        added = ask("POST", f"{COLLECTION}/classes/{{label}}/images", sent, form)
        assert (added["added"], added["refused_count"]) == (1, 1)
        photo = added["collection"]["classes"][0]["photos"][0]
        ask("POST", f"{COLLECTION}/archive", packed.getvalue(), "application/zip")
        ask("DELETE", f"{COLLECTION}/images/{{photo}}")
        label = "3"
        ask("DELETE", f"{COLLECTION}/classes/{{label}}")
        ask("GET", COLLECTION)
        (row,) = check(promised["GET", "/v1/photos"], server.get("/v1/photos"))["collections"]
        assert row["classes"] == ["kitten", "dog", "bird"]
        ask("DELETE", COLLECTION)


@pytest.mark.parametrize(
    ("status", "method", "path", "body"),
    [
        (404, "GET", "/v1/models/none", None),
        (404, "GET", "/v1/nothing", None),
        (405, "DELETE", "/v1/models", None),
        (415, "POST", "/v1/shapes", b"text"),
        (422, "GET", "/v1/models/first/metrics?after=x", None),
        (422, "POST", "/v1/models/first:predict", {"images": 3}),
        (422, "POST", "/v1/shapes", {"network": {"input": [1, 28, 28], "layers": [{"no": 1}]}}),
        (
            422,
            "POST",
            "/v1/shapes",
            {"network": {**NETWORK, "layers": [{"conv": 2, "kernel": 40}]}},
        ),
    ],
)
def test_an_error_has_the_promised_shape(
    status: int, method: str, path: str, body: Any, server: Server
) -> None:
    if isinstance(body, bytes):
        reply = server.ask(method, path, body, {"Content-Type": "text/plain"})
    else:
        reply = server.ask(method, path) if body is None else server.post(path, body)
    check(TypeAdapter(schemas.Error), reply, status)


def test_the_check_finds_a_key_that_is_not_promised() -> None:
    health = TypeAdapter(schemas.Health)
    check(health, Reply(200, {}, b'{"status": "ok", "seconds": 1}'))
    with pytest.raises(ValidationError, match="more"):
        check(health, Reply(200, {}, b'{"status": "ok", "seconds": 1, "more": 2}'))
    with pytest.raises(ValidationError, match="seconds"):
        check(health, Reply(200, {}, b'{"status": "ok"}'))
