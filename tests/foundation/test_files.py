"""Opening what people name: regular files only."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from convlens.foundation.files import is_file, open_file, read_file


def test_a_regular_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_file(path, 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes") as error:
        read_file(path, 4)
    assert error.value.errno == errno.EFBIG


def test_whatever_is_no_regular_file_is_named_without_a_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        kinds = {"pipe": "a pipe", "socket": "a socket", ".": "a folder", "/dev/zero": "a device"}
        for name, kind in kinds.items():
            with pytest.raises(OSError, match=f"it is {kind}"):
                open_file(tmp_path / name)


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "absent"])
def test_a_path_that_leads_nowhere_is_an_oserror(name: str, tmp_path: Path) -> None:
    with pytest.raises(OSError):
        open_file(tmp_path / name)
    assert not is_file(tmp_path / name)
