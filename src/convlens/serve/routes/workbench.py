"""The answers to someone who edits a network: its table, what there is, and trainings."""

from __future__ import annotations

import asyncio
import urllib.parse
from functools import cache

from fastapi import FastAPI, Request, Response

from convlens.network import zoo
from convlens.serve import schemas
from convlens.serve.api import SHAPES, TRAIN, answers
from convlens.serve.http.bodies import Call
from convlens.serve.models import describe
from convlens.serve.models.registry import Registry
from convlens.serve.routes.models import json_response
from convlens.serve.services import Services
from convlens.serve.workbench.kinds import written_kinds
from convlens.serve.workbench.shapes import shapes_of
from convlens.serve.workbench.trainings import available, read_order


def add(app: FastAPI, registry: Registry, services: Services) -> None:
    """Add the routes to an application."""
    run = services.computing.run
    starting = asyncio.Lock()

    @app.post("/v1/shapes", tags=["workbench"], **SHAPES)
    async def shapes(request: Request) -> Response:
        asked = await _call(request).json()
        return json_response(await run(shapes_of, asked, services.limits))

    @app.get(
        "/v1/zoo", tags=["workbench"], summary="The named networks", responses=answers(schemas.Zoo)
    )
    async def named() -> Response:
        content: schemas.Zoo = {"networks": await run(_zoo), "default": zoo.default(1)}
        return json_response(content)

    @app.get(
        "/v1/kinds",
        tags=["workbench"],
        summary="The kinds of layers that a network is written with, and their settings",
        responses=answers(schemas.Kinds),
    )
    async def kinds() -> Response:
        content: schemas.Kinds = {"kinds": written_kinds()}
        return json_response(content)

    @app.get(
        "/v1/datasets",
        tags=["workbench"],
        summary="The data sets on this machine",
        responses=answers(schemas.DataSets),
    )
    async def datasets() -> Response:
        content: schemas.DataSets = {"datasets": await run(available)}
        return json_response(content)

    @app.post("/v1/trainings", tags=["workbench"], **TRAIN)
    async def train(request: Request) -> Response:
        asked = await _call(request).json()
        order = await run(read_order, asked, services.limits)
        async with starting:
            name = await run(services.trainings.start, order)
        return json_response(_started(name), 202)

    @app.delete(
        "/v1/trainings/{name}",
        tags=["workbench"],
        summary="Stop a training; its state is saved",
        status_code=202,
        responses=answers(schemas.Started, 404, status=202),
    )
    async def stop(name: str) -> Response:
        services.trainings.stop(name)
        return json_response(_started(urllib.parse.quote(name)), 202)


def _started(run: str) -> schemas.Started:
    return {"run": run}


def _call(request: Request) -> Call:
    call: Call = request.scope["convlens.call"]
    return call


@cache
def _zoo() -> list[schemas.WrittenNetwork]:
    return [describe.written(zoo.load(name)) for name in zoo.names()]
