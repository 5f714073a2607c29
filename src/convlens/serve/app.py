"""The application: every address and what answers there, with the gate around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from convlens import __version__
from convlens.foundation.errors import ConvlensError
from convlens.serve import schemas
from convlens.serve.api import ACTIVATIONS, ATTRIBUTION, PREDICT, WINDOW, complete
from convlens.serve.http.access import Access
from convlens.serve.http.bodies import ClientLeft
from convlens.serve.http.gate import Gate, Handler
from convlens.serve.http.problems import Answer, Problem, answer_of, problem_of, wrong
from convlens.serve.models.registry import Registry
from convlens.serve.pages import page
from convlens.serve.pages.site import STATIC
from convlens.serve.routes import models as model_routes
from convlens.serve.routes import photos as photo_routes
from convlens.serve.routes import workbench as workbench_routes
from convlens.serve.routes.health import Health
from convlens.serve.routes.inference import Inference
from convlens.serve.services import Services


def create_app(
    registry: Registry, services: Services, access: Access, static: Path = STATIC
) -> Gate:
    """Return the ASGI application of a server.

    Parameters
    ----------
    registry : Registry
        The runs that it answers for.
    services : Services
        Limits, threads and counters.
    access : Access
        The rules of who may send requests.
    static : Path
        The built page.
    """
    inference = Inference(registry, services.limits, services.decoding, services.computing)
    app = _Application(
        title="convlens",
        version=__version__,
        description="Runs of convlens: what they are, what they compute, what they say.",
        lifespan=_lifespan(registry, services),
        docs_url=None,  # it loads scripts from another host
        redoc_url=None,
    )
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _query_error)
    for kind in (ConvlensError, ClientLeft, Exception):
        app.add_exception_handler(kind, _any_error)
    short: dict[str, Handler] = {}
    for path, handler, settings in Health(registry, services).routes():
        short[path] = handler
        app.add_api_route(path, _described(handler), tags=["health"], **settings)
    for word, handler, settings in (
        (":predict", inference.predict, PREDICT),
        (":activations", inference.activations, ACTIVATIONS),
        (":window", inference.window, WINDOW),
        (":attribution", inference.attribution, ATTRIBUTION),
    ):
        short[word] = handler
        app.add_api_route(
            "/v1/models/{name}" + word,
            _described(handler),
            methods=["POST"],
            tags=["images"],
            **settings,
        )
    model_routes.add(app, registry, services)
    workbench_routes.add(app, registry, services)
    photo_routes.add(app, services)
    page.add(app, static)
    return Gate(app, access, services.limits, services.counters, short)


class _Application(FastAPI):
    """FastAPI with a description of itself that has the shapes of all answers."""

    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            self.openapi_schema = complete(super().openapi())
        return self.openapi_schema


def _described(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint for the description; the gate hands requests to the handler itself."""

    async def endpoint(request: Request) -> Response:
        return _response(await handler(request.scope["convlens.call"]))

    endpoint.__name__ = handler.__name__
    return endpoint


def _lifespan(
    registry: Registry, services: Services
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.openapi()  # made once, before anyone waits for it
        watcher = asyncio.create_task(registry.watch(after=services.trainings.look))
        try:
            yield
        finally:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher
            await asyncio.to_thread(services.close)

    return lifespan


async def _http_error(request: Request, error: Exception) -> Response:
    """Tell Starlette's own refusals (404, 405) in the form of all errors."""
    assert isinstance(error, HTTPException)
    status = error.status_code
    code: schemas.Code
    if status == 405:
        code, what = "method_not_allowed", "the address does not take this method"
    elif status == 404:
        code, what = "not_found", "there is nothing at this address"
    else:
        code, what = "refused", "the request was refused"
    problem = Problem(status, code, what, "see /openapi.json", headers=error.headers)
    return _response(answer_of(problem, request.scope.get("convlens.id", "-")))


async def _query_error(request: Request, error: Exception) -> Response:
    """Tell a wrong parameter of the address in the form of all errors."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = str(first["loc"][-1])
    expected = str(first["msg"]).removeprefix("Input should be ")
    problem = wrong(field, f"{field} is {str(first['input'])[:60]!r}", expected)
    return _response(answer_of(problem, request.scope.get("convlens.id", "-")))


async def _any_error(request: Request, error: Exception) -> Response:
    if isinstance(error, ClientLeft):
        return Response(status_code=499)
    request_id = request.scope.get("convlens.id", "-")
    return _response(answer_of(problem_of(error, request_id), request_id))


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, dict(answer.headers), answer.media_type)
