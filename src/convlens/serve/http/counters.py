"""What the server counts of itself, for Prometheus.

References
----------
https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1, 2, 4, 8, 16, 32, 64)


class Counters:
    """Requests by route and status, their time, batches, and how much waits."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            *("convlens_requests", "Requests answered.", ["route", "status"]),
            registry=self._registry,
        )
        self._seconds = Histogram(
            *("convlens_request_seconds", "Time from a request's head to its answer.", ["route"]),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._batches = Histogram(
            *("convlens_batch_images", "Images computed at once."),
            buckets=SIZES,
            registry=self._registry,
        )
        # the children are kept: looking one up by its labels costs as much as counting
        self._counted: dict[tuple[str, int], Callable[[], None]] = {}
        self._timed: dict[str, Callable[[float], None]] = {}
        self.batch: Callable[[int], None] = self._batches.observe

    def gauge(self, name: str, about: str, value: Callable[[], float]) -> None:
        """Add a number that is read when it is asked for."""
        Gauge(name, about, registry=self._registry).set_function(value)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (route, status)
        if key not in self._counted:
            self._counted[key] = self._requests.labels(route, str(status)).inc
        if route not in self._timed:
            self._timed[route] = self._seconds.labels(route).observe
        self._counted[key]()
        self._timed[route](seconds)

    def text(self) -> bytes:
        """Return all numbers in Prometheus's text form."""
        return generate_latest(self._registry)
