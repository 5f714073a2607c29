"""Damage valid files in the ways that break parsers, and give them to a reader.

Run as `python tests/fuzz/mutate.py READER COUNT SEED`: exits with a traceback at the first answer
that is neither a result nor a `DataError`, and at more than 100 MB of growth.
"""

from __future__ import annotations

import random
import re
import resource
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from convlens.foundation.errors import DataError
from fuzz.seeds import READERS

_NUMBERS = [b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", bytes(4), b"\0\0\0\x80", b"\1"]
WRITERS = ("zip", "tar")
"""The readers that write what they read."""

_MOST_GROWTH = 100_000  # kilobytes


def damaged(seed: bytes, chance: random.Random) -> bytes:
    """Return a copy with one to four changes."""
    content = bytearray(seed)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(content) + 1)
        kind = chance.randrange(6)
        if kind == 0 and content:
            content[place % len(content)] ^= 1 << chance.randrange(8)
        elif kind == 1:
            number = chance.choice(_NUMBERS)
            content[place : place + len(number)] = number
        elif kind == 2:
            del content[place:]
        elif kind == 3:
            del content[place : place + chance.randint(1, 16)]
        elif kind == 4:
            start = chance.randrange(len(content) + 1)
            content[place:place] = content[start : start + chance.randint(1, 64)]
        else:
            content[place : place + 4] = chance.randbytes(chance.randint(1, 8))
    return bytes(content)


_VALUE = re.compile(rb'"[^"\n]*"|-?\d[\d.eE+-]*|\b(?:true|false|null)\b')
_ODD_VALUES = [
    *(b"null", b"true", b"0", b"-1", b"1.5", b"1e309", b"NaN", b"inf", b"9" * 5000, b"1e-400"),
    *(b'""', b'"a"', b'"../../x"', b'"\\ud800"', b'"\\u0000"', b'"' + b"x" * 3000 + b'"'),
    *(b"[]", b"{}", b"[1, [2, [3]]]", b'{"a": {"b": []}}', b"[" * 200, b"1979-05-27T07:32:00Z"),
]


def with_odd_values(content: bytes, chance: random.Random) -> bytes:
    """Return a copy of a JSON or TOML text in which one or two keys or values are odd ones.

    The text stays well formed more often than with `damaged`, so that what reads values is tried.
    """
    for _ in range(chance.randint(1, 2)):
        places = [match.span() for match in _VALUE.finditer(content)]
        start, end = chance.choice(places) if places else (0, 0)
        content = content[:start] + chance.choice(_ODD_VALUES) + content[end:]
    return content


def survive(name: str, count: int, seed: int, folder: Path) -> int:
    """Give damaged files to a reader; return how many of them it refused.

    Raises
    ------
    AssertionError
        Where the reader raised anything but a `DataError`, or wrote outside its folder.
    """
    read, seeds = READERS[name]
    chance = random.Random(seed)
    refused = 0
    for number in range(count):
        content = damaged(chance.choice(seeds), chance)
        place = folder / "case" if name in WRITERS else folder
        place.mkdir(exist_ok=True)
        try:
            read(content, place)
        except DataError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"{name}, case {number} of seed {seed}: {error!r}") from error
        if name in WRITERS:
            assert [path.name for path in folder.iterdir()] == ["case"]
            assert {path.name for path in place.iterdir()} <= {"archive", "out"}
            shutil.rmtree(place)
    assert list(folder.iterdir()) == []
    return refused


if __name__ == "__main__":
    reader, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as held:
        survive(reader, min(count, 500), seed + 1, Path(held))  # everything is loaded by now
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        refused = survive(reader, count, seed, Path(held))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"{reader}: {count} files, {refused} refused, {grown} KB of growth")
    assert grown < _MOST_GROWTH, grown
