"""Predictions that only have to be computed: from the parser to the queue, from it to the socket.

ASGI's messages, a task and the layers of an application cost more a request than a small network
does. A prediction for pixels that need no preparing takes none of them. Whatever else a request
needs, and whatever is wrong with it, it goes the ordinary way, from its beginning: `gate.py` alone
says what is refused and why.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from convlens.errors import ConvlensError
from convlens.serve.batching import Job
from convlens.serve.bodies import Call
from convlens.serve.gate import Gate, usual_headers
from convlens.serve.inference import PREDICT, Inference
from convlens.serve.problems import Answer, answer_of, problem_of

Reply = Callable[[int, bytes, bytes], None]
"""Takes the status, the headers as they are written, and the body."""


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)


_USUAL = _lines(usual_headers("application/json"))


class Straight:
    """The straight way into one server's queues.

    Parameters
    ----------
    gate : Gate
        Who may ask, and what is counted.
    inference : Inference
        Reads images and knows the queues.
    """

    def __init__(self, gate: Gate, inference: Inference) -> None:
        self._gate, self._inference = gate, inference

    @staticmethod
    def takes(method: bytes, url: bytes, headers: list[tuple[bytes, bytes]]) -> bool:
        """Say whether such a request may go this way, by its head alone."""
        if method != b"POST" or not url.endswith(b":predict") or b"%" in url:
            return False
        # who expects something of the server before the body is told so by uvicorn
        return all(name != b"expect" for name, _ in headers)

    def admit(self, url: bytes, headers: list[tuple[bytes, bytes]]) -> Call | None:
        """Check who asks, by the head of a request.

        Parameters
        ----------
        url, headers : bytes
            Of a head that `takes` took; the names of headers in lower case.

        Returns
        -------
        Call or None
            Stands for every request with this head; None where it has to go the ordinary way.
        """
        path = url.decode("latin-1")
        scope = {"method": "POST", "path": path, "query_string": b"", "headers": headers}
        call = Call(scope, _never, self._inference.limits, self._gate.budget)
        try:
            self._gate.access.check(call)
        except ConvlensError:
            return None
        return call

    def begin(self, call: Call, body: bytes, since: float, reply: Reply) -> Job | None:
        """Put a request's images into the queue.

        Parameters
        ----------
        call : Call
            Its head, admitted.
        body : bytes
            All of its body.
        since : float
            When it was read, by `time.perf_counter`.
        reply : callable
            Is given the answer, later and once.

        Returns
        -------
        Job or None
            What waits in the queue; None where it has to go the ordinary way.
        """
        try:
            return self._inference.straight(call, body, partial(self._answer, since, reply))
        except Exception:  # whatever it is, the ordinary way meets it again and tells it
            return None

    def _answer(self, since: float, reply: Reply, found: Answer | Exception) -> None:
        request_id = self._gate.next_id()
        if isinstance(found, Exception):
            found = answer_of(problem_of(found, request_id), request_id)
        own = b"content-length: %d\r\nx-request-id: %b\r\n" % (len(found.body), request_id.encode())
        more = [(name.lower().encode(), text.encode()) for name, text in found.headers.items()]
        reply(found.status, b"".join([_USUAL, own, _lines(more)]), found.body)
        self.count(found.status, since)

    def count(self, status: int, since: float) -> None:
        """Count an answer; 499 stands for a client that left before."""
        self._gate.counters.request(PREDICT, status, time.perf_counter() - since)


async def _never() -> dict[str, object]:
    raise AssertionError("the body is here already")
