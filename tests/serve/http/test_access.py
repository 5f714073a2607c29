"""Who may ask: host names, origins and the token, over real HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving import Server, serving

IMAGE = {"images": [[[0] * 28 for _ in range(28)]]}
PREDICT = "/v1/models/first:predict"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:1234", 200),
        ("127.0.0.1", 200),
        ("[::1]:80", 200),
        ("127.1.2.3", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.nip.io", 403),
        ("192.168.0.1", 403),
        ("", 403),
        ("[", 403),
    ],
)
def test_only_names_of_this_machine_are_answered(server: Server, host: str, status: int) -> None:
    for path in ("/healthz", "/v1/models", "/"):
        assert server.get(path, Host=host).status == status


def test_pages_of_other_sites_cannot_post(server: Server) -> None:
    own = f"http://127.0.0.1:{server.port}"
    assert server.post(PREDICT, IMAGE, Origin=own).status == 200
    assert server.post(PREDICT, IMAGE, **{"Sec-Fetch-Site": "same-origin"}).status == 200
    for origin in ("http://evil.example", "null", own + "1", "http://localhost:1"):
        reply = server.post(PREDICT, IMAGE, Origin=origin)
        assert (reply.status, reply.error["code"]) == (403, "wrong_origin")
    assert server.post(PREDICT, IMAGE, **{"Sec-Fetch-Site": "cross-site"}).status == 403
    reply = server.ask("DELETE", "/v1/trainings/x", headers={"Origin": "http://evil.example"})
    assert reply.status == 403
    for name in ("access-control-allow-origin", "access-control-allow-credentials"):
        assert name not in {key.lower() for key in server.get("/v1/models").headers}


def test_beyond_this_machine_a_token_is_asked_for(served_runs: Path) -> None:
    where = ("--host", "0.0.0.0", "--token", "new")
    with serving("first", "--runs", served_runs, *where) as server:
        token = server.token
        assert len(token) >= 16
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": "convlens_token=x"}):
            for path in ("/", "/v1/models", "/metrics", "/openapi.json"):
                reply = server.get(path, **headers)
                assert (reply.status, reply.error["code"]) == (401, "no_token")
                assert reply.headers["www-authenticate"] == "Bearer"
        assert server.post(PREDICT, IMAGE).status == 401
        assert server.get("/healthz").status == 200
        assert server.get("/readyz").status == 200

        bearer = {"Authorization": f"Bearer {token}"}
        assert server.get("/v1/models", **bearer).status == 200
        assert server.post(PREDICT, IMAGE, **bearer).status == 200
        # another host name is fine here: the token is what counts
        assert server.get("/v1/models", Host="convlens.example", **bearer).status == 200

        page = server.get(f"/?token={token}&lang=zh")
        assert (page.status, page.headers["location"]) == (303, "/?lang=zh")
        cookie = page.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert server.get("/", Cookie=cookie.partition(";")[0]).status == 200
        assert server.get("/?token=wrong").status == 401
        assert "location" not in server.get("//evil.example/?token=wrong").headers
        assert server.get(f"//evil.example/?token={token}").headers["location"][:2] != "//"
