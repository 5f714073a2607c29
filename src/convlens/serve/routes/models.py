"""The answers about runs: what there is, what each says of itself, its weights and images."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import orjson
from fastapi import FastAPI, Query, Response

from convlens.foundation.errors import RunError
from convlens.interchange.onnx.writing import onnx_bytes
from convlens.network import Network
from convlens.runs import manifest
from convlens.runs.json_file import MAX_BYTES
from convlens.serve import schemas
from convlens.serve.api import answers
from convlens.serve.http.bodies import SAFETENSORS
from convlens.serve.http.problems import Problem
from convlens.serve.models import describe, tensors
from convlens.serve.models.kernel_history import kernels, none_yet
from convlens.serve.models.onnx_model import float32
from convlens.serve.models.registry import RegisteredRun, Registry
from convlens.serve.models.samples import MOST, mistakes, some_of
from convlens.serve.services import Services

REPORT = "report.html"


def add(app: FastAPI, registry: Registry, services: Services) -> None:
    """Add the routes to an application."""
    run = services.computing.run

    @app.get("/v1/models", tags=["models"], summary="The runs", responses=answers(schemas.Models))
    async def models() -> Response:
        content: schemas.Models = {"models": registry.listing()}
        return json_response(content)

    @app.get(
        "/v1/models/{name}",
        tags=["models"],
        summary="All that a run says about itself",
        responses=answers(schemas.Model, 404),
    )
    async def model(name: str) -> Response:
        entry = registry.entry(name)
        if entry.training:
            await run(registry.refresh_facts, entry)
        version = entry.model.version if entry.model else None
        content: schemas.Model = {
            **entry.facts,
            "has_weights": version is not None,
            "weights_version": version,
        }
        return json_response(content)

    @app.get(
        "/v1/models/{name}/weights",
        tags=["models"],
        summary="The weights, in PyTorch's axis order",
        responses=answers(None, 404, 409, binary=SAFETENSORS),
    )
    async def weights(name: str) -> Response:
        model = registry.model(name)
        said = {"weights_version": model.version}
        body = await run(lambda: tensors.to_bytes(float32(model.model.weights()), said))
        return Response(body, media_type=SAFETENSORS)

    @app.get(
        "/v1/models/{name}/metrics",
        tags=["models"],
        summary="Loss and accuracy by epoch, also while it trains",
        responses=answers(schemas.Metrics, 404, 422),
    )
    async def metrics(name: str, after: Annotated[int, Query(ge=0, le=10**9)] = 0) -> Response:
        entry = registry.entry(name)
        if not entry.begun:
            return json_response(_metrics([], after, entry.facts["status"]))
        opened = entry.run
        events, line = await run(describe.epochs_after, opened, after)
        return json_response(_metrics(events, line, describe.status(opened)))

    @app.get(
        "/v1/models/{name}/samples",
        tags=["models"],
        summary="Images of the run's test set, or its worst mistakes",
        responses=answers(schemas.Samples, 404, 409, 422),
    )
    async def samples(
        name: str,
        kind: Literal["test", "mistakes"] = "test",
        count: Annotated[int, Query(ge=1, le=MOST)] = 24,
        seed: Annotated[int, Query(ge=0, lt=2**32)] = 0,
    ) -> Response:
        entry, model = registry.entry(name), registry.model(name)
        if kind == "test":
            part = await run(services.held_out.of, entry.run)
            return json_response(_samples(await run(some_of, model, part, count, seed)))
        try:
            held = await run(services.held_out.of, entry.run)
        except Problem as problem:
            if problem.code != "no_data":
                raise
            held = None
        worst = await run(mistakes, model, entry.run, held, count)
        return json_response(_samples(worst))

    @app.get(
        "/v1/models/{name}/report",
        tags=["models"],
        summary="The run's report, one page without scripts",
        responses=answers(None, 404, binary="text/html"),
    )
    async def report(name: str) -> Response:
        page = await run(report_of, registry.entry(name))
        return Response(page, media_type="text/html; charset=utf-8")

    @app.get(
        "/v1/models/{name}/onnx",
        tags=["models"],
        summary="The model as an ONNX file, as `convlens export` writes it",
        responses=answers(None, 404, 409, binary="application/octet-stream"),
    )
    async def as_onnx(name: str) -> Response:
        model = registry.model(name)
        content = await run(onnx_bytes, model.subject)
        file = re.sub(r"[^A-Za-z0-9._-]", "_", model.name)  # a header holds no other name safely
        headers = {"content-disposition": f'attachment; filename="{file}.onnx"'}
        return Response(content, media_type="application/octet-stream", headers=headers)

    @app.get(
        "/v1/models/{name}/kernels/{layer}",
        tags=["models"],
        summary="A convolution's kernels by epoch",
        responses=answers(None, 404, binary=SAFETENSORS),
    )
    async def layer_kernels(name: str, layer: str) -> Response:
        entry = registry.entry(name)
        if not entry.begun:
            raise none_yet()
        network = Network.read(entry.facts["network"])
        arrays = await run(kernels, entry.run, network, entry.model, layer)
        return Response(tensors.to_bytes(arrays), media_type=SAFETENSORS)


def report_of(entry: RegisteredRun) -> bytes:
    """Return a run's report.

    Raises
    ------
    Problem
        404, where it has none: an imported model, or a training that has not ended.
    """
    try:
        return manifest.read_checked(entry.folder, REPORT, MAX_BYTES)
    except RunError:
        raise Problem(
            *(404, "no_report", "the run has no report yet"), "a run that was trained", "wait"
        ) from None


def _metrics(
    events: list[schemas.EpochEvent], line: int, status: schemas.RunStatus
) -> schemas.Metrics:
    return {"events": events, "next": line, "status": status}


def _samples(samples: list[schemas.Sample]) -> schemas.Samples:
    return {"samples": samples}


def json_response(content: object, status: int = 200) -> Response:
    """Return plain values as JSON."""
    return Response(orjson.dumps(content), status, media_type="application/json")
