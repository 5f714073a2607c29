"""The protocol that a connection begins with: it knows one kind of request, and that one well.

A small prediction that arrives soon goes straight to its queue (`straight.py`). At the first
request that is anything else, or slow, or large, the connection is handed, with all that was read
of that request, to uvicorn's protocol with its guards (`protocol.py`), for good. So nothing has to
be guarded here but what lies between two requests: the time that passes, and answers that nobody
takes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from convlens.serve.batching import Job
from convlens.serve.bodies import Call
from convlens.serve.limits import Limits
from convlens.serve.straight import Straight

LONGEST = 32 * 2**10
"""Bytes of the longest request that is read here; with more, the way matters little."""
SOON = 1.0
"""Seconds within which all of it has to be there."""


def front_of(
    limits: Limits, straight: Straight, guarded: type[HttpToolsProtocol]
) -> type[asyncio.Protocol]:
    """Return what makes the protocol of each connection, as uvicorn calls a class."""

    def begin(
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> asyncio.Protocol:
        return Front(
            limits, straight, server_state, lambda: guarded(config, server_state, app_state, _loop)
        )

    return cast("type[asyncio.Protocol]", begin)


class Front(asyncio.Protocol):
    """One connection, as long as it brings nothing but predictions.

    Parameters
    ----------
    limits : Limits
        How long a client may take, and how many there may be.
    straight : Straight
        Where predictions go.
    state : ServerState
        Uvicorn's own, where all connections are known.
    guarded : callable
        Makes the protocol for everything else.
    """

    def __init__(
        self,
        limits: Limits,
        straight: Straight,
        state: ServerState,
        guarded: Callable[[], HttpToolsProtocol],
    ) -> None:
        self._limits, self._straight, self._state = limits, straight, state
        self._guarded = guarded
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._computing: Job | None = None
        self._read = b""
        """The bytes of a request that is not complete."""
        self._slow: asyncio.TimerHandle | None = None
        self._later = b""
        """What came before the answer to the request before it."""
        self._head = b""
        """The last request's head, whose `_call` then stands for every request that has it too."""
        self._length = 0
        """Bytes of the body that such a head announces."""
        self._call: Call | None = None
        self._last = time.monotonic()
        self._patience = limits.client_seconds
        self._unread: asyncio.TimerHandle | None = None
        """Ends the connection of a client that does not take its answers."""
        self._ending = False

    # what happens to the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self._transport = cast("asyncio.Transport", transport)
        self._idle = self._loop.call_later(self._patience, self._look)
        if len(self._state.connections) >= self._limits.connections:
            self._hand_over()  # which says so
        else:
            self._state.connections.add(cast("Any", self))

    def data_received(self, data: bytes) -> None:
        """Read one request, or a part of it."""
        if self._computing is not None or self._unread is not None:
            self._later += data
            self._transport.pause_reading()
        else:
            self._take(data)

    def pause_writing(self) -> None:
        """Wait until the client takes its answers, and not for long."""
        self._unread = self._loop.call_later(self._limits.client_seconds, self._transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client, and what it waited for."""
        self._leave()
        if self._computing is not None:
            self._computing.cancel()
            self._straight.count(499, self._since)  # nginx's number for it; nobody reads it

    def shutdown(self) -> None:
        """End when what was asked is answered; uvicorn calls this."""
        self._ending = True
        if self._computing is None:
            self._transport.close()

    def _look(self) -> None:
        """End a connection without a request; looked at now and then, not at each request."""
        left = self._last + self._patience - time.monotonic()
        if self._computing is None and left <= 0:
            self._transport.close()
        else:
            self._idle = self._loop.call_later(max(left, 1.0), self._look)

    def _leave(self) -> None:
        self._state.connections.discard(cast("Any", self))
        for timer in (self._idle, self._slow, self._unread):
            if timer is not None:
                timer.cancel()

    def _hand_over(self) -> None:
        self._leave()
        guarded = self._guarded()
        self._transport.set_protocol(guarded)
        guarded.connection_made(self._transport)
        if self._read:
            guarded.data_received(self._read)

    # what the parser calls

    def on_message_begin(self) -> None:
        """Count the requests that begin."""
        self._begun += 1

    def on_url(self, url: bytes) -> None:
        """Keep the address."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """See whether the rest is worth waiting for."""
        method = self._parser.get_method()
        self._ours = self._straight.takes(method, self._url, self._headers)

    def on_body(self, body: bytes) -> None:
        """Keep the body."""
        self._body += body

    def on_message_complete(self) -> None:
        """Note that a request has its end."""
        self._complete += 1
        # who speaks HTTP/1.0 wants to be told whether the connection stays
        last = self._parser.get_http_version() != "1.1" or not self._parser.should_keep_alive()
        self._ours = self._ours and not last

    # what becomes of a request

    def _take(self, data: bytes) -> None:
        if not self._read:
            if self._head and self._again(data):
                return
            self._url, self._body = b"", b""
            self._headers: list[tuple[bytes, bytes]] = []
            self._begun = self._complete = 0
            self._ours = True
        self._read += data
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._hand_over()  # which says what is wrong with it
            return
        if not self._ours or self._begun > 1 or len(self._read) > LONGEST:
            self._hand_over()
        elif self._complete:
            self._begin()
        elif self._slow is None:
            self._slow = self._loop.call_later(SOON, self._hand_over)

    def _again(self, data: bytes) -> bool:
        """Begin a request with the very head of the last one: there is nothing new to parse."""
        if len(data) != len(self._head) + self._length or not data.startswith(self._head):
            return False
        self._read, self._body = data, data[len(self._head) :]
        self._compute()
        return True

    def _begin(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None
        self._head, self._call = b"", self._straight.admit(self._url, self._headers)
        # a body that is not announced by its length would have to be parsed again
        if (b"content-length", b"%d" % len(self._body)) in self._headers:
            self._length = len(self._body)
            self._head = self._read[: len(self._read) - self._length]
        self._compute()

    def _compute(self) -> None:
        self._since = time.perf_counter()
        if self._call is not None:
            self._computing = self._straight.begin(self._call, self._body, self._since, self._reply)
        if self._computing is None:
            self._hand_over()
        else:
            self._read = b""

    def _reply(self, status: int, headers: bytes, body: bytes) -> None:
        self._computing = None
        if self._transport.is_closing():
            return
        parts = [STATUS_LINE[status]]
        parts += [b"%b: %b\r\n" % header for header in self._state.default_headers]
        if self._ending:
            parts.append(b"connection: close\r\n")
        self._transport.write(b"".join([*parts, headers, b"\r\n", body]))
        self._state.total_requests += 1
        self._last, self._patience = time.monotonic(), self._limits.idle_seconds
        if self._ending:
            self._transport.close()
        elif self._later:
            self._go_on()

    def _go_on(self) -> None:
        """Take up what came meanwhile."""
        if self._later and self._computing is None and self._unread is None:
            data, self._later = self._later, b""
            self._transport.resume_reading()
            self._take(data)
