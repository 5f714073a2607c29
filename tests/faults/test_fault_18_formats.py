"""Fault 18 for every format: cut files, one byte too many, and headers that promise too much."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest

from convlens.foundation.errors import DataError
from fuzz.seeds import READERS

FORMATS = [name for name in READERS if name not in ("zip", "tar", "image")]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("cut", [0, 7, 0.4, -1])
def test_fault_18_a_cut_file_is_a_data_error(name: str, cut: float) -> None:
    read, seeds = READERS[name]
    for seed in seeds:
        length = int(len(seed) * cut) if cut == 0.4 else int(cut)
        if name == "libsvm" and cut == -1 and seed[:2] != b"BZ":
            continue  # a text that lacks its last newline is whole
        with pytest.raises(DataError):
            read(seed[:length], Path("unused"))


@pytest.mark.parametrize("name", FORMATS)
def test_fault_18_an_endless_gzip_costs_no_memory(name: str) -> None:
    import tracemalloc

    read, _ = READERS[name]
    bomb = gzip.compress(bytes(200_000_000), 1)
    tracemalloc.start()
    with pytest.raises(DataError):
        read(bomb, Path("unused"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


@pytest.mark.parametrize("name", ["idx", "idx labels"])
def test_fault_18_a_header_of_terabytes_is_refused(name: str) -> None:
    axes = 3 if name == "idx" else 1
    head = struct.pack(f">BBBB{axes}I", 0, 0, 8, axes, *[2**32 - 1] * axes)
    with pytest.raises(DataError, match="declares an array"):
        READERS[name][0](head, Path("unused"))
