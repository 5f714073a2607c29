"""Parse TOML and JSON that anyone may have written, with plain words for what is wrong.

The parsers of Python accept more than convlens can use: numbers of any length, the second of two
equal keys in JSON, half a character. What cannot be meant is refused here, with its place.
"""

from __future__ import annotations

import json
import re
from typing import Any

import tomli

MOST_DIGITS = 400
"""More digits than any number here can have: the largest float has 309 before its point."""

_LARGEST = 2**64
_LONG_NUMBER = re.compile(rf"\d[\d_]{{{MOST_DIGITS},}}")


def parse_toml(text: str) -> dict[str, Any]:
    """Parse a TOML document.

    Raises
    ------
    ValueError
        It is not TOML, is nested too deeply, or holds a number or a text that nothing can use;
        the message says where.

    Examples
    --------
    >>> parse_toml("epochs = 3")
    {'epochs': 3}
    >>> parse_toml("epochs = " + "9" * 30)
    Traceback (most recent call last):
    ValueError: epochs is a whole number of more than 64 bits
    """
    try:
        document = tomli.loads(text)
    except tomli.TOMLDecodeError:
        raise
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError as error:  # Python's own limit for the digits of a whole number
        raise ValueError(_long_number(text) or str(error)) from None
    check_values(document)
    return document


def parse_json(text: str) -> Any:
    """Parse one strict JSON value.

    Raises
    ------
    ValueError
        It is not JSON (NaN and infinities are not), a key appears twice in an object, a whole
        number has more than `MOST_DIGITS` digits, or it is nested too deeply.

    Examples
    --------
    >>> parse_json('{"loss": null}')
    {'loss': None}
    >>> parse_json('{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ValueError: the key "a" appears twice in one object
    """
    try:
        return json.loads(
            text, parse_constant=_refuse, parse_int=_whole, object_pairs_hook=_each_once
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def check_values(document: object) -> None:
    """Refuse numbers and texts that nothing can use, wherever they lie in a document.

    Raises
    ------
    ValueError
        A whole number has more than 64 bits, or a text holds a NUL or half a character (a lone
        surrogate); the message begins with the path to it.
    """
    waiting: list[tuple[str, object]] = [("", document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            for key, inner in value.items():
                check_text(key, f"a key of {path or 'the document'}")
                waiting.append((f"{path}.{key}" if path else key, inner))
        elif isinstance(value, list):
            waiting += [(f"{path}[{place}]", inner) for place, inner in enumerate(value)]
        elif isinstance(value, int) and not -_LARGEST < value < _LARGEST:
            raise ValueError(f"{path} is a whole number of more than 64 bits")
        elif isinstance(value, str):
            check_text(value, path)


def check_text(text: str, where: str) -> None:
    """Refuse a text with a NUL or a lone surrogate; raises `ValueError`.

    Examples
    --------
    >>> check_text("cat", "name")
    >>> check_text("cat" + chr(0), "name")
    Traceback (most recent call last):
    ValueError: name holds a NUL character
    """
    if "\0" in text:
        raise ValueError(f"{where} holds a NUL character")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"{where} holds half a character (a lone surrogate)")


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a whole number has {len(digits):,} digits")
    return int(digits)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    once = dict(pairs)
    if len(once) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for place, key in enumerate(keys) if key in keys[:place])
        raise ValueError(f"the key {json.dumps(twice[:60])} appears twice in one object")
    return once


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _long_number(text: str) -> str:
    match = _LONG_NUMBER.search(text)
    if match is None:
        return ""
    line = text.count("\n", 0, match.start()) + 1
    return f"line {line} holds a number of {len(match[0]):,} digits"
