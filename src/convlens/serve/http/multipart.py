"""A multipart/form-data body, already in memory and within its limit, taken apart.

References
----------
RFC 7578; the parser is python-multipart's.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from convlens.serve.http.problems import Problem, wrong

# its warnings about every damaged form would let clients fill the log
logging.getLogger("python_multipart").setLevel(logging.ERROR)

LONGEST_BOUNDARY = 70
"""Most characters of a boundary, by RFC 2046."""
LONGEST_FIELD = 10_000
"""Bytes of a part that is no file."""


@dataclass
class Form:
    """The parts of a body: files in the order sent, and texts by name."""

    files: list[tuple[str, bytes]] = field(default_factory=list)
    filenames: list[str] = field(default_factory=list)
    """What each file is called on the machine that it comes from."""
    texts: dict[str, list[str]] = field(default_factory=dict)


def read_form(content_type: str, body: bytes, most_parts: int) -> Form:
    """Take a body apart.

    Raises
    ------
    Problem
        400 where it is not multipart, or the boundary is none; 413 where it has too many parts
        or a text that is too long; 422 where a part has no name.
    """
    boundary = _boundary(content_type)
    collected = _Collected(most_parts)
    try:
        parser = MultipartParser(boundary, collected.callbacks())  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise _malformed(str(error)[:200]) from None
    if not collected.ended:
        raise _malformed("it ends before its last boundary")
    return _form(collected.parts)


def _boundary(content_type: str) -> bytes:
    boundary = _parameters(content_type).get("boundary", "")
    if not 1 <= len(boundary) <= LONGEST_BOUNDARY:
        raise _malformed("its Content-Type names no boundary of 1 to 70 characters")
    return boundary.encode("utf-8")


def _parameters(header: str) -> dict[str, str]:
    """Return the parameters of a header; those in the form of RFC 2231 are left out.

    RFC 7578 forbids that form (`name*0*=...`) in forms, and no browser sends it.
    """
    _, parameters = parse_options_header(header.encode("utf-8", "replace"))
    return {key.decode("latin-1"): v.decode("utf-8", "replace") for key, v in parameters.items()}


class _Collected:
    """What the parser calls: keeps each part's headers and content."""

    def __init__(self, most: int) -> None:
        self.most, self.ended = most, False
        self.parts: list[tuple[dict[str, str], bytearray]] = []
        self._name, self._value = b"", b""

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin,
            "on_part_data": self._data,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.parts) >= self.most:
            raise Problem(
                *(413, "too_many_parts", f"the body has more than {self.most} parts"),
                f"at most {self.most} parts",
                "send fewer images at once",
            )
        self.parts.append(({}, bytearray()))

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1][1].extend(memoryview(data)[start:end])

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        headers = self.parts[-1][0]
        headers[self._name.decode("latin-1").lower()] = self._value.decode("utf-8", "replace")
        self._name = self._value = b""

    def _end(self) -> None:
        self.ended = True


def _form(parts: list[tuple[dict[str, str], bytearray]]) -> Form:
    form = Form()
    for headers, content in parts:
        disposition = _parameters(headers.get("content-disposition", ""))
        name = disposition.get("name")
        if not name:
            raise wrong("body", "a part has no name", 'Content-Disposition: form-data; name="..."')
        if "filename" in disposition or headers.get("content-type", "").startswith("image/"):
            form.files.append((name, bytes(content)))
            form.filenames.append(disposition.get("filename", ""))
            continue
        if len(content) > LONGEST_FIELD:
            raise Problem(
                *(413, "too_large", f'the text "{name[:40]}" has {len(content):,} bytes'),
                f"at most {LONGEST_FIELD:,} bytes, or a file with a name",
                "send images as files",
            )
        form.texts.setdefault(name, []).append(content.decode("utf-8", "replace"))
    return form


def _malformed(reason: str) -> Problem:
    return Problem(
        *(400, "bad_multipart", f"the multipart body cannot be read: {reason}"),
        "multipart/form-data as browsers and curl -F send it",
        "correct the body",
    )
