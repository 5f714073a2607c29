"""Streams that promise more than they hold, or hold more than they promise."""

from __future__ import annotations

import bz2
import gzip
import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convlens.data.bounded import declared_bytes, opened, read_exactly, read_records
from convlens.foundation.errors import DataError


@given(st.binary(max_size=50), st.integers(0, 60))
def test_exactly_the_declared_bytes_are_read(content: bytes, size: int) -> None:
    if size == len(content):
        assert read_exactly(io.BytesIO(content), size, "it") == content
    else:
        with pytest.raises(DataError, match="more" if len(content) > size else "only"):
            read_exactly(io.BytesIO(content), size, "it")


@given(st.binary(max_size=50), st.integers(1, 9))
def test_records_are_whole(content: bytes, record: int) -> None:
    if content and len(content) % record == 0:
        assert read_records(io.BytesIO(content), record, "it", 100) == content
    else:
        with pytest.raises(DataError, match="a whole number of records"):
            read_records(io.BytesIO(content), record, "it", 100)


def test_a_bomb_is_left_at_the_limit() -> None:
    with (
        opened(gzip.compress(bytes(50_000_000)), "it") as stream,
        pytest.raises(DataError, match="more than 1,000,000"),
    ):
        read_records(stream, 1, "it", 1_000_000)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_packing_is_told_by_content(pack: type, tmp_path: Path) -> None:
    (tmp_path / "named.anything").write_bytes(pack(b"0123"))
    with opened(tmp_path / "named.anything", "it") as stream:
        assert stream.read() == b"0123"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="is not a file"), opened(tmp_path / "pipe", "it"):
        pass


def test_a_declared_size_over_the_limit_is_refused() -> None:
    assert declared_bytes((10, 10), 2, "it", 200) == 200
    with pytest.raises(DataError, match="10 x 10"):
        declared_bytes((10, 10), 2, "it", 199)
