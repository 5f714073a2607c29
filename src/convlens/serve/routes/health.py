"""Whether the server is alive, whether it is ready for requests, and its counters."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import orjson

from convlens.serve import schemas
from convlens.serve.api import answers
from convlens.serve.http.bodies import Call
from convlens.serve.http.gate import Handler
from convlens.serve.http.problems import Answer, overloaded
from convlens.serve.models.registry import Registry
from convlens.serve.services import Services


class Health:
    """The handlers; they need no thread, so they answer also while all threads are busy."""

    def __init__(self, registry: Registry, services: Services) -> None:
        self._registry, self._house = registry, services
        self._started = time.monotonic()

    def routes(self) -> Iterator[tuple[str, Handler, dict[str, Any]]]:
        """Give each path with its handler and its description."""
        yield (
            "/healthz",
            self.healthz,
            {
                "summary": "The process lives",
                "responses": answers(schemas.Health),
            },
        )
        yield (
            "/readyz",
            self.readyz,
            {
                "summary": "Models are open and their queues have room",
                "responses": answers(schemas.Ready),
            },
        )
        yield (
            "/metrics",
            self.metrics,
            {
                "summary": "Numbers for Prometheus",
                "responses": answers(None, binary="text/plain"),
            },
        )

    async def healthz(self, call: Call) -> Answer:
        """Say that the process lives."""
        seconds = round(time.monotonic() - self._started, 1)
        health: schemas.Health = {"status": "ok", "seconds": seconds}
        return Answer(200, orjson.dumps(health))

    async def readyz(self, call: Call) -> Answer:
        """Say whether another request would be taken."""
        waiting = self._registry.waiting()
        if waiting >= self._house.limits.queued_images:
            raise overloaded(f"{waiting} images are waiting already")
        models = len(self._registry.entries)
        ready: schemas.Ready = {"status": "ready", "models": models, "waiting": waiting}
        return Answer(200, orjson.dumps(ready))

    async def metrics(self, call: Call) -> Answer:
        """Give all counters."""
        return Answer(200, self._house.counters.text(), "text/plain; version=0.0.4; charset=utf-8")
