"""What a request is answered where it cannot be served: one JSON form for every error.

The three parts are those of `ConvlensError`. No answer holds a path or a trace: what was not
meant for the client is replaced by a sentence, and goes to the log under the request's id.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from convlens.foundation.errors import (
    ConvlensError,
    DataError,
    ImageTooLarge,
    InputError,
    NetworkError,
    RunError,
    StorageError,
    WeightsError,
)
from convlens.serve import schemas

log = logging.getLogger("convlens.serve")

_HIDDEN = (RunError, WeightsError, StorageError)
"""Errors whose messages name files of this machine."""


class Problem(ConvlensError):
    """A request that is answered with an error.

    Parameters
    ----------
    status : int
        The HTTP status.
    code : schemas.Code
        A word for programs.
    what, expected, fix : str
        The three parts.
    headers : mapping of str to str
        Further headers, such as Retry-After.
    more : schemas.ErrorDetails
        Further keys of the error object.
    """

    def __init__(
        self,
        status: int,
        code: schemas.Code,
        what: str,
        expected: str = "",
        fix: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        more: schemas.ErrorDetails | None = None,
    ) -> None:
        super().__init__(what, expected, fix)
        self.status, self.code = status, code
        self.headers = dict(headers or {})
        self.more: schemas.ErrorDetails = {} if more is None else more


@dataclass(frozen=True)
class Answer:
    """Everything of an HTTP answer: status, body, and headers beside the usual ones."""

    status: int
    body: bytes
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def wrong(field_name: str, what: str, expected: str, fix: str = "correct the field") -> Problem:
    """Return the 422 about one field of a request."""
    return Problem(422, "invalid", what, expected, fix, more={"field": field_name})


def overloaded(what: str, seconds: int = 1) -> Problem:
    """Return the 503 of a queue that is full, with the time after which to come back."""
    return Problem(
        *(503, "overloaded", what, "fewer requests at once"),
        f"send it again after {seconds} s",
        headers={"Retry-After": str(seconds)},
    )


def problem_of(error: BaseException, request_id: str = "") -> Problem:
    """Return how an exception is told to the client; what is unexpected goes to the log."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ImageTooLarge):
        return Problem(413, "too_large", error.what, error.expected, error.fix)
    if isinstance(error, _HIDDEN):
        log.warning("request %s: %s", request_id, error.what)
        return Problem(
            *(503, "unreadable", "the run's files cannot be read now", "a whole run folder"),
            "tell whoever runs the server, with the request_id",
            headers={"Retry-After": "5"},
        )
    if isinstance(error, NetworkError):
        return Problem(422, "bad_network", error.what, error.expected, error.fix)
    if isinstance(error, DataError):
        return Problem(422, "bad_image", error.what, error.expected, error.fix)
    if isinstance(error, InputError):
        return Problem(422, "invalid", error.what, error.expected, error.fix)
    if isinstance(error, RecursionError):
        return Problem(422, "invalid", "the body is nested too deeply", "a flat body", "flatten it")
    log.error("request %s: %s: %s", request_id, type(error).__name__, error, exc_info=error)
    return Problem(
        *(500, "internal", "the server could not answer", "an answer"),
        "tell whoever runs the server, with the request_id",
    )


def answer_of(problem: Problem, request_id: str) -> Answer:
    """Return a problem as the JSON that every error has."""
    error: schemas.ErrorParts = {
        "code": problem.code,
        "message": problem.what,
        "expected": problem.expected,
        "fix": problem.fix,
        "request_id": request_id,
        **problem.more,
    }
    content: schemas.Error = {"error": error}
    return Answer(problem.status, orjson.dumps(content), headers=problem.headers)
