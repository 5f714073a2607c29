"""The outermost layer: every request comes in and every answer goes out through here.

It numbers requests, checks who asks, turns every error into the one JSON form, adds the security
headers, and counts. Operations on images go from here to their handlers without the router.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from convlens.serve.http.access import Access
from convlens.serve.http.bodies import Budget, Call, ClientLeft
from convlens.serve.http.counters import Counters
from convlens.serve.http.limits import Limits
from convlens.serve.http.problems import Answer, Problem, answer_of, problem_of

log = logging.getLogger("convlens.serve")

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
Handler = Callable[[Call], Awaitable[Answer]]

POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "connect-src 'self' data: blob:",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
"""No script, style, font or request of any other host."""

_SECURITY = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
]
_PLAIN = [
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
"""Headers of answers that are no page: a browser must not run anything in them."""


class Gate:
    """An ASGI application around another.

    Parameters
    ----------
    app : ASGI application
        Answers everything that takes no short way.
    access : Access
        The rules of who may send requests.
    limits : Limits
        How much.
    counters : Counters
        Where answers are counted.
    short : dict of str to handler
        Handlers by path, `/healthz`, or of POST by the ending of the path, `:predict`.
    """

    def __init__(
        self,
        app: App,
        access: Access,
        limits: Limits,
        counters: Counters,
        short: dict[str, Handler],
    ) -> None:
        self.app, self.access, self.limits, self.counters = app, access, limits, counters
        self.budget = Budget()
        self._short = short
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count(1)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = f"{self._prefix}-{next(self._numbers):08x}"
        # HEAD is answered as GET; the server below leaves the body out
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        scope = {**scope, "method": method}
        call = Call(scope, receive, self.limits, self.budget)
        out = _Out(send, request_id, call)
        scope["convlens.call"], scope["convlens.id"] = call, request_id
        route = "other"
        try:
            _check_framing(call)
            path = scope["path"]
            target = self.access.sign_in(call)
            if target is not None:
                headers = {"Location": target, "Set-Cookie": self.access.cookie()}
                await out.answer(Answer(303, b"", headers=headers))
                return
            self.access.check(call)
            word = path
            if method == "POST" and path.startswith("/v1/models/"):
                word = path[path.rfind(":") :]
            handler = self._short.get(word)
            if handler is not None and (word[0] == ":" or method == "GET"):
                route = word
                answer = await handler(call)
                call.unwatch()
                await out.answer(answer)
            else:
                await self.app(scope, receive, out)
                route = getattr(scope.get("route"), "path", "static")
        except ClientLeft:
            out.status = out.status or 499  # nginx's number for it; nobody reads it
        except asyncio.CancelledError:
            if not call.left:
                raise  # the server ends
            out.status = out.status or 499
        except Exception as error:
            if out.complete:  # it was told, and is in the log
                return
            if out.status:
                log.exception("request %s failed in the middle of its answer", request_id)
                raise
            call.unwatch()
            await out.answer(answer_of(problem_of(error, request_id), request_id))
        finally:
            call.done()
            self.counters.request(route, out.status, time.perf_counter() - started)


def _check_framing(call: Call) -> None:
    """Refuse what another reader of HTTP could take for two requests, or for another address."""
    both = call.header(b"content-length") and call.header(b"transfer-encoding")
    if both or call.scope["http_version"] not in ("1.0", "1.1"):
        raise Problem(
            *(400, "bad_request", "the request has two lengths, or is not HTTP/1.0 or HTTP/1.1"),
            "HTTP/1.1, with a Content-Length or a Transfer-Encoding",
            "correct the request",
            headers={"Connection": "close"},
        )
    if not call.scope["query_string"].isascii():  # RFC 3986: other bytes are written as %XX
        raise Problem(
            *(
                400,
                "bad_request",
                "the address has bytes after its question mark that are not ASCII",
            ),
            "other characters written as %XX",
            "correct the address",
            headers={"Connection": "close"},
        )


class _Out:
    """Sends an answer with the headers that every answer has; remembers its status."""

    __slots__ = ("_call", "_id", "_send", "complete", "status")

    def __init__(self, send: Send, request_id: str, call: Call) -> None:
        self._send, self._id, self._call = send, request_id.encode(), call
        self.status, self.complete = 0, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            always = [*_SECURITY, (b"x-request-id", self._id)]
            message["headers"] = [*message.get("headers", ()), *always]
        else:
            self.complete = not message.get("more_body")
            if self.complete and not self._call.complete:
                # the client reads the whole answer now, and may send the rest of its request
                await self._send({**message, "more_body": True})
                await self._call.discard()
                message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    async def answer(self, answer: Answer) -> None:
        headers = [
            (b"content-type", answer.media_type.encode()),
            (b"cache-control", b"no-store"),
            *_PLAIN,
            (b"content-length", b"%d" % len(answer.body)),
            (b"x-request-id", self._id),
        ]
        if answer.headers:
            more = answer.headers.items()
            headers += [(name.lower().encode(), text.encode("latin-1")) for name, text in more]
        self.status = answer.status
        start = {"type": "http.response.start", "status": answer.status, "headers": headers}
        await self._send(start)
        await self({"type": "http.response.body", "body": answer.body})
