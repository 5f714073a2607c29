"""What is wrong with the keys of a network beside its layers, and what to write in their place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from convlens.foundation.errors import nearest
from convlens.foundation.schema import WrongField
from convlens.network.mistakes import (
    Advice,
    Change,
    Drop,
    Mistake,
    Put,
    Written,
    changed,
    value_text,
)
from convlens.network.translation import cleaned
from convlens.network.vocabulary import plain, vocabulary

Check = Callable[[Written], Sequence[WrongField]]
"""Returns what is wrong with the keys of a written network."""

_CHANNELS = (1, 3, 4)


def mistakes_of(
    written: Written, findings: Sequence[WrongField], known: Sequence[str], check: Check
) -> Iterator[Mistake]:
    """Yield the mistake of each finding, with what would remove it.

    Parameters
    ----------
    written : dict
        The network as it was written.
    findings : sequence of WrongField
        What is wrong with it.
    known : sequence of str
        The keys that a network has.
    check : callable
        Looks at a changed network again.
    """
    meant = {_meant(one.key, known, written) for one in findings if one.kind == "unknown"}
    for one in findings:
        if one.kind == "missing" and one.key in meant:
            continue  # the misspelt key tells it
        tried = [
            advice
            for advice in _remedies(written, one, known)
            if len(check(changed(written, advice.changes))) < len(findings)
        ]
        if one.kind == "unknown":
            name = _meant(one.key, known, written)
            what = f'there is no key "{one.key:.60}"{_hint(one.key, name, known)}'
            yield Mistake((one.key,), "unknown_key", what, "one of " + ", ".join(known), (*tried,))
        else:
            kind = "missing" if one.kind == "missing" else "wrong_value"
            expected = _EXPECTED.get(one.key, one.expected)
            yield Mistake((one.key,), kind, one.text, expected, (*tried,))


_EXPECTED = {
    "input": "[channels, height, width], three whole numbers of at least 1",
    "layers": "layers = [ { conv = 32, kernel = 3 }, ... ]",
    "name": "1 to 64 letters, digits, ., _ and -, beginning with a letter or a digit",
}


def channels_first(shape: Sequence[int]) -> list[int] | None:
    """Return a shape with its channels first where they seem to stand last.

    >>> channels_first([28, 28, 1]), channels_first([3, 32, 32])
    ([1, 28, 28], None)
    """
    height, width, channels = shape
    if channels in _CHANNELS and min(height, width) >= 5 and height not in _CHANNELS:
        return [channels, height, width]
    return None


def layers_key(written: Written, known: Sequence[str]) -> str:
    """Return the key under which the layers seem to stand."""
    others = (key for key in written if isinstance(key, str) and key not in known)
    meant = (key for key in others if _meant(key, known, written) == "layers")
    return "layers" if "layers" in written else next(meant, "layers")


def _meant(key: str, known: Sequence[str], written: Written) -> str | None:
    """Return which key of a network an unknown one means."""
    if plain(key[:60]) in vocabulary().recipe:
        return None
    name = vocabulary().network.get(plain(key[:60]))
    if name is None and (hint := nearest(key[:60], known)):
        name = hint.split('"')[1]
    return None if name == "layers" and not isinstance(written.get(key), list) else name


def _hint(key: str, name: str | None, known: Sequence[str]) -> str:
    if plain(key[:60]) in vocabulary().recipe:
        return ": it belongs to the recipe of the training"
    if name and plain(key[:60]) in vocabulary().network:
        return f", convlens calls it {name}"
    return nearest(key[:60], known)


def _remedies(written: Written, one: WrongField, known: Sequence[str]) -> Iterator[Advice]:
    value = written.get(one.key)
    if one.kind == "unknown":
        name = _meant(one.key, known, written)
        changes: tuple[Change, ...] = (Drop(one.key),)
        if name and name not in written:
            put = _input(value) if name == "input" else cleaned(value)
            text = "layers = [ ... ]" if name == "layers" else f"{name} = {value_text(put)}"
            yield Advice((*changes, Put(name, put)), f"write {text}")
            return
        yield Advice(changes, f"remove {one.key:.60}")
    elif one.key == "input" and one.kind == "value":
        yield from _put("input", _input(value))
    elif one.key == "name" and isinstance(value, str):
        yield from _put("name", re.sub(r"[^A-Za-z0-9._-]+", "-", value).strip("-._")[:64])
    elif one.key == "rounding":
        yield from (advice for rule in ("strict", "floor") for advice in _put("rounding", rule))
    elif one.kind == "value" and one.key != "layers" and cleaned(value) != value:
        yield from _put(one.key, cleaned(value))


def _put(key: str, value: Any) -> Iterator[Advice]:
    if value not in (None, ""):
        yield Advice((Put(key, value),), f"write {key} = {value_text(value)}")


def _input(value: Any) -> Any:
    """Return an input shape as `[channels, height, width]` as far as it can be guessed."""
    if isinstance(value, str):
        value = re.split(r"[\s,x]+", value.strip("()[] "))
    if isinstance(value, int) and not isinstance(value, bool):
        return [1, value, value]
    if not isinstance(value, list | tuple) or len(value) > 4:
        return None
    sides = [cleaned(side) for side in value]
    if len(sides) == 4:
        sides = sides[1:]  # the batch axis is no part of a network
    if not all(isinstance(side, int) and not isinstance(side, bool) for side in sides):
        return None
    if len(sides) == 2:
        return [1, *sides]
    return channels_first(sides) or sides if len(sides) == 3 else None
