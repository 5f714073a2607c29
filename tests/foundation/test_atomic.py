"""A file appears complete under its final name, or not at all."""

import errno
import json
import math
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convlens.foundation import atomic
from convlens.foundation.errors import RunError, StorageError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_written_file_holds_the_bytes_and_leaves_no_temporary(tmp_path: Path) -> None:
    atomic.write_bytes(tmp_path / "a.bin", b"first")
    atomic.write_bytes(tmp_path / "a.bin", b"second")
    assert (tmp_path / "a.bin").read_bytes() == b"second"
    assert names(tmp_path) == ["a.bin"]


def test_the_file_mode_is_what_the_umask_allows(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        atomic.write_bytes(tmp_path / "a.bin", b"")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.bin").stat().st_mode) == 0o640


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
def test_an_error_at_any_step_keeps_the_old_file_and_removes_the_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    atomic.write_bytes(tmp_path / "a.bin", b"old")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises((StorageError, KeyboardInterrupt)):
        atomic.write_bytes(tmp_path / "a.bin", b"new")
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_a_full_disk_is_a_storage_error_that_names_the_file_and_the_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"a\.bin[\s\S]*1234 free bytes") as caught:
        atomic.write_bytes(tmp_path / "a.bin", b"x" * 1234)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("place", ["missing/a.bin", "file/a.bin", "folder"])
def test_a_place_that_cannot_hold_the_file_is_a_user_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(RunError) as caught:
        atomic.write_bytes(tmp_path / place, b"")
    assert caught.value.exit_code == 2
    assert names(tmp_path) == ["file", "folder"]


def test_a_name_of_the_longest_allowed_length_can_be_written(tmp_path: Path) -> None:
    atomic.write_bytes(tmp_path / ("n" * 255), b"x")
    assert (tmp_path / ("n" * 255)).read_bytes() == b"x"


def test_json_refuses_nan_and_keeps_the_old_file(tmp_path: Path) -> None:
    atomic.write_json(tmp_path / "a.json", {"class": "ä\udcff"})  # a file name that is not UTF-8
    with pytest.raises(ValueError, match="JSON compliant"):
        atomic.write_json(tmp_path / "a.json", {"loss": math.nan})
    assert json.loads((tmp_path / "a.json").read_text()) == {"class": "ä\udcff"}


@given(
    st.recursive(
        st.floats() | st.integers() | st.text() | st.booleans() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_whatever_finite_returns_is_strict_json(obj: object) -> None:
    text = json.dumps(atomic.finite(obj), allow_nan=False)
    assert json.loads(text) == atomic.finite(obj)
