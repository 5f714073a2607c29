"""The built page as files, and what stands in its place where it is not built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from starlette.staticfiles import StaticFiles

from convlens.serve.http.problems import Problem

NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>convlens</title>
<body style="font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto">
<h1>convlens</h1>
<p>The server runs; its page is not built in this checkout. Build it with
<code>make web</code>, which needs Node, or install a released package, which holds it.</p>
<p>The API answers: <a href="v1/models">models</a>, <a href="openapi.json">its description</a>.</p>
"""


def add(app: FastAPI, static: Path) -> None:
    """Add the page to an application, behind everything else."""

    @app.get("/v1/{rest:path}", include_in_schema=False)
    async def unknown(rest: str) -> Response:
        if ".." in rest or "\0" in rest:
            raise Problem(400, "bad_name", "the address names no run", "see GET /v1/models")
        raise Problem(404, "not_found", "there is nothing at this address", "see /openapi.json")

    if (static / "index.html").is_file():
        app.mount("/", _Page(directory=static, html=True, follow_symlink=False))
        return

    @app.get("/", include_in_schema=False)
    async def not_built() -> Response:
        return Response(NOT_BUILT, media_type="text/html; charset=utf-8")


class _Page(StaticFiles):
    """The built page; browsers ask each time whether a file is still the one they have."""

    def file_response(self, *arguments: Any, **named: Any) -> Response:
        response = super().file_response(*arguments, **named)
        response.headers["cache-control"] = "no-cache"
        return response
