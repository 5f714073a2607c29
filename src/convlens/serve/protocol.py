"""HTTP connections that end when their client is too slow, too long-winded, or gone.

Uvicorn reads HTTP; what is added here bounds what it leaves open: the size of a request's head,
the time until it is complete, the time that a client takes to read its answer, and the number of
connections. The task that answers a request is cancelled when its client leaves, and with it the
work that waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from convlens.serve.bodies import CONNECTION
from convlens.serve.limits import Limits
from convlens.serve.problems import Problem, answer_of


def protocol_of(limits: Limits) -> type[HttpToolsProtocol]:
    """Return the protocol class of a server with these limits."""
    return type("LimitedProtocol", (_Limited,), {"limits": limits})


class _Limited(HttpToolsProtocol):
    limits: Limits

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        self.gone = False
        self.task: asyncio.Task[Any] | None = None
        self._head = 0
        """Bytes of the request's head so far; -1 while its body is read or it is answered."""
        self._arriving = False
        """Whether a request has begun and is not complete."""
        self._spare = 0
        """Bytes of a refused request that are still let in, and thrown away."""
        self._timer: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        if len(self.connections) > self.limits.connections:
            self._refuse(
                Problem(
                    *(503, "overloaded", "the server has too many connections"),
                    f"at most {self.limits.connections}",
                    "come back later",
                    headers={"Retry-After": "2"},
                )
            )
            return
        self._set("_timer", self.limits.client_seconds, self._too_slow)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._head >= 0:
            self._head += len(data)
        elif self._arriving and self.cycle.response_complete:
            # refused from its beginning: a client that is still sending gets to read why
            self._spare -= len(data)
            if self._spare < 0:
                self.transport.close()
                return
        super().data_received(data)
        if self._head > self.limits.header_bytes:  # and not complete: that sets it to -1
            self._refuse(_HEAD_TOO_LARGE)
        elif self._timer is None:
            if self._arriving or self._head > 0:  # the beginning of a further request
                self._set("_timer", self.limits.client_seconds, self._too_slow)
        elif not self._arriving and self._head <= 0:
            self._stop("_timer")

    def on_message_begin(self) -> None:
        self._arriving = True
        # what is a little too large is let in to its end, however early it was refused
        self._spare = self.limits.body_bytes + self.limits.body_bytes // 8
        super().on_message_begin()
        self.scope[CONNECTION] = self  # type: ignore[literal-required]

    def on_headers_complete(self) -> None:
        if self._head > self.limits.header_bytes and self._size() > self.limits.header_bytes:
            # it arrived in one piece with its end; the parser turns this into its own error
            raise ValueError("the head is too large")
        self._head = -1
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._arriving = False
        super().on_message_complete()
        if self.cycle.response_complete:  # answered before it was complete
            self._head = 0

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._arriving:  # else the rest of its body is still to come, and is let go
            self._head = 0

    def _size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def send_400_response(self, msg: str) -> None:
        too_large = self.headers is not None and self._size() > self.limits.header_bytes
        self._refuse(_HEAD_TOO_LARGE if too_large else _NOT_HTTP)

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self._stop("_timer")
        self._stop("_reading")
        super().connection_lost(exc)
        if self.task is not None:
            self.task.cancel()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._set("_reading", self.limits.client_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop("_reading")

    def _too_slow(self) -> None:
        self._timer = None
        answered = self._head < 0 and self.cycle is not None and self.cycle.response_started
        if (self._head > 0 or self._arriving) and not answered:
            self._refuse(
                Problem(
                    *(408, "too_slow", "the request did not arrive in time"),
                    f"all of it within {self.limits.client_seconds:g} s",
                    "send it again over a faster connection",
                )
            )
        else:  # nothing was asked
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Answer without a request, and close."""
        if self.transport.is_closing():
            return
        answer = answer_of(problem, "-")
        head = [f"HTTP/1.1 {problem.status} {_PHRASES[problem.status]}"]
        head += [f"{name}: {value}" for name, value in answer.headers.items()]
        head += ["content-type: application/json", "connection: close"]
        head += [f"content-length: {len(answer.body)}", "", ""]
        self.transport.write("\r\n".join(head).encode() + answer.body)
        self.transport.close()

    def _set(self, name: str, seconds: float, then: Callable[[], None]) -> None:
        self._stop(name)
        setattr(self, name, self.loop.call_later(seconds, then))

    def _stop(self, name: str) -> None:
        timer = getattr(self, name, None)
        if timer is not None:
            timer.cancel()
            setattr(self, name, None)


_NOT_HTTP = Problem(
    *(400, "bad_request", "the request is not valid HTTP", "HTTP/1.1"), "correct the request"
)
_HEAD_TOO_LARGE = Problem(
    *(400, "headers_too_large", "the request's first line and headers are too large"),
    "a few kilobytes",
    "send fewer or shorter headers",
)
_PHRASES = {400: "Bad Request", 408: "Request Timeout", 503: "Service Unavailable"}
