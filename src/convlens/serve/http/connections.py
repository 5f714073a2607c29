"""Time and number of connections: what uvicorn and its parser leave open.

The parser (zttp) reads HTTP and bounds the head, the trailers and the chunk extensions of every
request. This class adds timers and a count, and knows no HTTP: a request has to arrive, and an
answer has to be taken, within `Limits.client_seconds`; connections beyond `Limits.connections`
are refused. It also gives errors of the parser the form that all errors of the server have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

from uvicorn.protocols.http.zttp_impl import ZttpProtocol

from convlens.serve.http.limits import Limits
from convlens.serve.http.problems import Problem, answer_of


def connections_of(limits: Limits) -> type[ZttpProtocol]:
    """Return the class of a server's connections, with its limits."""
    return type("TimedConnection", (_TimedConnection,), {"limits": limits})


class _TimedConnection(ZttpProtocol):
    limits: Limits

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        seconds = self.limits.client_seconds
        self._silent = True
        """Whether nothing was sent over this connection yet."""
        self._arriving = _Timer(self.loop, seconds, self._too_slow)
        """Runs while a request is expected or has arrived in part."""
        self._leaving = _Timer(self.loop, seconds, self._abort)
        """Runs while the client does not read what it was sent."""
        super().connection_made(cast("asyncio.Transport", transport))
        if len(self.connections) > self.limits.connections:
            self._refuse(_TOO_MANY)
        else:
            self._arriving.start()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._silent = False
        if self._computing():
            # requests that are sent before the answer to the last one wait outside
            self.flow.pause_reading()
        try:
            super().data_received(data)
        except UnicodeDecodeError:  # an address with bytes that no address holds
            self.send_400_response("")
        if self._computing():
            self._arriving.stop()
        else:
            self._arriving.start()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arriving.stop()
        self._leaving.stop()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._leaving.start()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._leaving.stop()

    def on_response_complete(self) -> None:
        try:
            super().on_response_complete()  # begins with what was sent behind the request
        except UnicodeDecodeError:
            self.send_400_response("")
        if self.cycle.more_body:  # of this request, or of the one behind it
            self._arriving.start()
        else:
            self._arriving.stop()

    def send_400_response(self, msg: str) -> None:
        self._refuse(_NOT_HTTP)

    def _computing(self) -> bool:
        """Say whether a request has arrived whole and is not answered yet."""
        cycle = self.cycle
        return cycle is not None and not cycle.more_body and not cycle.response_complete

    def _too_slow(self) -> None:
        cycle = self.cycle
        answered = cycle is not None and cycle.more_body and cycle.response_started
        if self._silent or answered:  # or it is answered, and still sends
            self.transport.close()
        else:
            self._refuse(
                Problem(
                    *(408, "too_slow", "the request did not arrive in time"),
                    f"all of it within {self.limits.client_seconds:g} s",
                    "send it again over a faster connection",
                )
            )

    def _refuse(self, problem: Problem) -> None:
        """Answer without asking the application, and close."""
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if cycle is None or cycle.response_complete or not cycle.response_started:
            answer = answer_of(problem, "-")
            lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
            lines += [f"{name}: {text}" for name, text in answer.headers.items()]
            lines += [f"content-type: {answer.media_type}", "connection: close"]
            lines += [f"content-length: {len(answer.body)}", "", ""]
            self.transport.write("\r\n".join(lines).encode("latin-1") + answer.body)
        self.transport.close()

    def _abort(self) -> None:
        self.transport.abort()


class _Timer:
    """Calls a function once, so many seconds after `start`, unless it is stopped before."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, seconds: float, then: Callable[[], None]
    ) -> None:
        self._loop, self._seconds, self._then = loop, seconds, then
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start, unless it runs already."""
        if self._handle is None:
            self._handle = self._loop.call_later(self._seconds, self._then)

    def stop(self) -> None:
        """Stop, so that it can be started again."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


_TOO_MANY = Problem(
    *(503, "overloaded", "the server has too many connections", "fewer connections at once"),
    "come back later",
    headers={"Retry-After": "2"},
)
_NOT_HTTP = Problem(
    *(400, "bad_request", "the request is not valid HTTP, or its head is too large"),
    "HTTP/1.1, with a head of a few kilobytes",
    "correct the request",
)
