"""Photos over HTTP: what is answered, what is refused, and who may."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import photos as pictures
from serving import Server, as_form, serving


def jpeg(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=90)
    return file.getvalue()


TILES = [jpeg(tile) for tile in pictures.tiles("flower")[-8:]]


@pytest.fixture(scope="module")
def photo_server(tmp_path_factory: pytest.TempPathFactory):
    with serving("--runs", tmp_path_factory.mktemp("runs"), "--patience", "2") as server:
        yield server


@pytest.fixture
def path(photo_server: Server):
    """The address of a collection with a class 1."""
    name = photo_server.post("/v1/photos", {"classes": ["flower"]}).json()["id"]
    yield f"/v1/photos/{name}"
    photo_server.ask("DELETE", f"/v1/photos/{name}")


def send(server: Server, path: str, *contents: bytes, query: str = ""):
    body, kind = as_form(*(("image", f"{n}.jpg", c) for n, c in enumerate(contents)))
    return server.ask("POST", f"{path}/classes/1/images{query}", body, {"Content-Type": kind})


def test_photos_are_sent_seen_and_removed(photo_server: Server, path: str) -> None:
    told = send(photo_server, path, *TILES[:2], b"no photo").json()
    assert (told["added"], told["refused_count"]) == (2, 1)
    assert told["refused"][0]["file"] == "2.jpg"
    (label,) = told["collection"]["classes"]
    photo = label["photos"][0]
    whole = photo_server.get(f"{path}/images/{photo}")
    assert (whole.headers["content-type"], whole.body) == ("image/jpeg", TILES[0])
    # a page of another site may not even show it
    assert whole.headers["cross-origin-resource-policy"] == "same-origin"
    small = photo_server.get(f"{path}/thumbnails/{photo}")
    assert Image.open(io.BytesIO(small.body)).size == (64, 64)
    left = photo_server.ask("DELETE", f"{path}/images/{photo}").json()
    assert left["classes"][0]["photos"] == label["photos"][1:]
    assert photo_server.get(f"{path}/thumbnails/{photo}").status == 404


def test_a_zip_is_read_as_it_arrives(photo_server: Server, path: str) -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as file:
        file.writestr("bee/a.jpg", TILES[0])
        file.writestr("b.jpg", TILES[1])
    kind = {"Content-Type": "application/zip"}
    told = photo_server.ask("POST", f"{path}/archive?title=rest", body.getvalue(), kind).json()
    assert {one["name"]: len(one["photos"]) for one in told["collection"]["classes"]} == {
        "flower": 0,
        "rest": 1,
        "bee": 1,
    }
    refused = photo_server.ask("POST", f"{path}/archive", b"no zip", kind)
    assert (refused.status, refused.error["code"]) == (422, "bad_archive")
    other = photo_server.ask("POST", f"{path}/archive", b"x", {"Content-Type": "text/html"})
    assert other.status == 415
    huge = {**kind, "Content-Length": str(2**40)}
    assert photo_server.ask("POST", f"{path}/archive", b"", huge).status == 413


def test_a_recording_is_remembered_and_has_a_safe_name(photo_server: Server, path: str) -> None:
    told = send(photo_server, path, *TILES[:4], query="?recording=r1").json()
    assert told["collection"]["divided"] == ["flower"]
    refused = send(photo_server, path, TILES[5], query="?recording=../x")
    assert (refused.status, refused.error["field"]) == (422, "recording")


@pytest.mark.parametrize(
    ("method", "where", "body", "status", "code"),
    [
        ("GET", "/v1/photos/none", None, 404, "no_such_photos"),
        ("GET", "/v1/photos/%2e%2e", None, 404, "no_such_photos"),
        ("GET", "/v1/photos/000000000000/images/..%2fcollection.json", None, 400, ""),
        ("POST", "/v1/photos/none/training", b"{}", 404, "no_such_photos"),
        ("POST", "/v1/photos", b'{"classes": "cat"}', 422, "invalid"),
        ("POST", "/v1/photos", b'{"classes": [1]}', 422, "invalid"),
        ("POST", "/v1/photos", b'{"classes": ["a", "A"]}', 422, "invalid"),
        ("POST", "/v1/photos/none/classes", b'{"name": 3}', 422, "invalid"),
        ("POST", "/v1/photos/none/classes", b"{}", 422, "invalid"),
        ("POST", "/v1/photos/none/classes/1/images", b"{}", 415, "unsupported_media_type"),
    ],
)
def test_what_is_wrong_is_told(
    photo_server: Server, method: str, where: str, body: bytes | None, status: int, code: str
) -> None:
    reply = photo_server.ask(method, where, body, {"Content-Type": "application/json"})
    assert reply.status == status, reply.body
    assert reply.error["code"] == code or not code


def test_the_bounds_are_told(photo_server: Server) -> None:
    told = photo_server.get("/v1/photos").json()
    assert told["bounds"]["body_photos"] == 64
    assert told["bounds"]["photos"] == 5_000


def test_pages_of_other_sites_and_strangers_may_not(photo_server: Server, tmp_path: Path) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for method, where in (("POST", "/v1/photos"), ("DELETE", "/v1/photos/none")):
            reply = photo_server.ask(method, where, b"{}", headers)
            assert (reply.status, reply.error["code"]) == (403, "wrong_origin")
    with serving("--runs", tmp_path, "--host", "0.0.0.0", "--token", "new") as open_server:
        own = {"Authorization": f"Bearer {open_server.token}"}
        told = open_server.post("/v1/photos", {"classes": ["cat"]}, **own)
        assert told.status == 200
        place = f"/v1/photos/{told.json()['id']}"
        for method, where in (
            ("GET", "/v1/photos"),
            ("GET", place),
            ("GET", f"{place}/images/{'0' * 20}"),
            ("GET", f"{place}/thumbnails/{'0' * 20}"),
            ("POST", "/v1/photos"),
            ("POST", f"{place}/classes/1/images"),
            ("POST", f"{place}/archive"),
            ("POST", f"{place}/training"),
            ("DELETE", place),
        ):
            assert open_server.ask(method, where, b"").status == 401, where
        assert open_server.get(place, **own).status == 200
