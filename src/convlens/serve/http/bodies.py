"""The body of a request, read under limits: of bytes as they arrive, and of the whole server.

What a client says of its length is used to refuse early, and never believed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import orjson

from convlens.serve.http.limits import Limits
from convlens.serve.http.problems import Problem, overloaded, wrong

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

SAFETENSORS = "application/vnd.safetensors"
WATCH_AFTER = 0.01
"""Seconds of waiting for an answer after which it is watched whether the client is still there."""


class ClientLeft(Exception):
    """The client closed the connection; nobody reads an answer."""


class Budget:
    """The bytes of all bodies that are held at once."""

    def __init__(self, most: int = 256 * 2**20) -> None:
        self.most, self.held = most, 0

    def take(self, count: int) -> None:
        """Count bytes; 503 where all bodies together would be too many."""
        if self.held + count > self.most:
            raise overloaded("the bodies of other requests fill the memory set aside for them")
        self.held += count


class Call:
    """One request as its handler sees it: headers, and a body that is read when it is asked for.

    Parameters
    ----------
    scope, receive
        ASGI's own.
    limits : Limits
        What is too much.
    budget : Budget
        What all requests share.
    """

    __slots__ = (
        *("_budget", "_headers", "_held", "_limits", "_receive", "_timer", "_watcher"),
        *("complete", "left", "media_type", "scope"),
    )

    def __init__(self, scope: Scope, receive: Receive, limits: Limits, budget: Budget) -> None:
        self.scope, self._receive = scope, receive
        self._limits, self._budget, self._held = limits, budget, 0
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None
        self.left = False
        """Whether the client left before its answer."""
        length = self._headers.get(b"content-length", b"0")
        self.complete = b"transfer-encoding" not in self._headers and length == b"0"
        """Whether the body was read to its end."""
        kind = self.header(b"content-type")
        self.media_type = kind.partition(";")[0].strip().lower() if kind else ""
        """What the body says it is, without parameters, in lower case."""

    def header(self, name: bytes) -> str:
        """Return a header's value by its lower-case name, or an empty string."""
        value = self._headers.get(name)
        return "" if value is None else value.decode("latin-1")

    async def body(self) -> bytes:
        """Read the whole body; the connection bounds the time (see `connections`).

        From then on the task that reads is cancelled when the client leaves.

        Raises
        ------
        Problem
            413 at the limit, 503 where the server holds too much.
        ClientLeft
            Where the client has gone, or was too slow.
        """
        most = self._limits.body_bytes
        if self.media_type == "application/json":
            most = self._limits.json_bytes
        said = self.header(b"content-length")
        if said.isdigit() and int(said) > most:
            raise _too_long(most)
        message = await self._next(most)
        parts = [message.get("body", b"")]
        while message.get("more_body"):
            message = await self._next(most)
            parts.append(message.get("body", b""))
        loop = asyncio.get_running_loop()
        answering = asyncio.current_task()
        assert answering is not None
        self._timer = loop.call_later(WATCH_AFTER, self._watch, answering)
        return b"".join(parts)

    async def save(self, path: Path, most: int) -> None:
        """Write the body into a new file as it arrives, so that memory holds a part of it only.

        Raises
        ------
        Problem
            413 at the limit.
        ClientLeft
            Where the client has gone, or was too slow.
        """
        said = self.header(b"content-length")
        if said.isdigit() and int(said) > most:
            raise _too_long(most)
        count = 0
        message: MutableMapping[str, Any] = {"more_body": True}
        with path.open("xb") as file:
            while message.get("more_body"):
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    self.left = True
                    raise ClientLeft
                self.complete = not message.get("more_body")
                part = message.get("body", b"")
                count += len(part)
                if count > most:
                    raise _too_long(most)
                file.write(part)

    def _watch(self, answering: asyncio.Task[Any]) -> None:
        self._watcher = asyncio.create_task(self._until_left(answering))

    async def _until_left(self, answering: asyncio.Task[Any]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.left = True
        answering.cancel()

    def unwatch(self) -> None:
        """Stop watching the client: its answer is ready."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    async def discard(self) -> None:
        """Let a refused body in, a little beyond the limit, and throw it away.

        A client that sends everything before it reads would otherwise meet a closed connection
        instead of the answer.
        """
        spare = self._limits.body_bytes + self._limits.body_bytes // 8
        if b"expect" in self._headers:  # the client waits for the answer before it sends
            return
        while spare > 0 and not self.complete:
            message = await self._receive()
            spare -= len(message.get("body", b""))
            self.complete = not message.get("more_body")

    async def _next(self, most: int) -> MutableMapping[str, Any]:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.left = True
            raise ClientLeft
        self.complete = not message.get("more_body")
        count = len(message.get("body", b""))
        if self._held + count > most:
            raise _too_long(most)
        self._budget.take(count)
        self._held += count
        return message

    def done(self) -> None:
        """Give back what the body held, and forget the client."""
        self.unwatch()
        self._budget.held -= self._held
        self._held = 0

    async def json(self) -> dict[str, Any]:
        """Read a body that is one JSON object, not nested deeper than the limit.

        Raises
        ------
        Problem
            415 where it says that it is something else, 422 where it is no such JSON.
        """
        if self.media_type != "application/json":
            raise unsupported(self.media_type, "application/json")
        written = parse_json(await self.body())
        check_depth(written, self._limits.json_depth)
        return written


def parse_json(body: bytes) -> dict[str, Any]:
    """Return one strict JSON object (no NaN, no endless nesting), or raise the 422."""
    try:
        parsed = orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError) as error:
        reason = str(error)[:200]
        raise wrong("body", f"the body is not JSON: {reason}", "one JSON object") from None
    if not isinstance(parsed, dict):
        raise wrong("body", f"the body is a JSON {type(parsed).__name__}", "one JSON object")
    return parsed


def check_depth(value: object, most: int) -> None:
    """Refuse a value that is nested deeper than `most`; walks without recursion."""
    level: list[object] = [value]
    for _ in range(most):
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        if not inner:
            return
        level = inner
    raise wrong("body", f"the body is nested more than {most} deep", "a flatter body")


def unsupported(content_type: str, *known: str) -> Problem:
    """Return the 415 of a content type."""
    return Problem(
        *(415, "unsupported_media_type"),
        f'the content type is "{content_type[:100]}"'
        if content_type
        else "the body has no content type",
        " or ".join(known),
        "set the header Content-Type",
    )


def _too_long(most: int) -> Problem:
    return Problem(
        *(413, "too_large", f"the body is larger than {most:,} bytes"),
        f"at most {most:,} bytes",
        "send fewer or smaller images",
        headers={"Connection": "close"},
    )
