"""Decoded folders on disk: found again, never stale, never half, never more than allowed."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convlens import data
from convlens.data.folders import cache, read_folder
from convlens.foundation.errors import InputError
from pictures import digit_folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONVLENS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CONVLENS_WORKERS", "1")
    return tmp_path / "cache" / "folders"


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return digit_folder(tmp_path_factory.mktemp("set") / "digits", 260, classes=2)


def decoded(folder: Path, **options: Any) -> tuple[Any, int]:
    """Read a folder; return it, and how many images were decoded for it."""
    told: list[dict[str, Any]] = []
    found = read_folder(folder, on_event=told.append, **options)
    return found, sum(event["event"] == "decoding" for event in told)


@pytest.fixture(autouse=True)
def every_chunk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convlens.data.folders.reading.SHOW_SECONDS", 0.0)


def test_the_second_start_decodes_nothing_and_gives_the_same(home: Path, digits: Path) -> None:
    first, told = decoded(digits)
    assert told > 0
    again, told = decoded(digits)
    assert told == 0
    for name in ("images", "contents", "digests", "sums"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert first.listing.paths == again.listing.paths
    assert len(list(home.iterdir())) == 1
    assert cache.size()[0] == 1
    assert cache.size()[1] > 520 * 784


def test_a_changed_file_or_another_input_is_decoded_anew(home: Path, digits: Path) -> None:
    folder = shutil.copytree(digits, home.parent.parent / "copy")
    one, other = sorted((folder / "0").iterdir())[:2]
    first, _ = decoded(folder)
    content, changed = other.read_bytes(), one.stat()
    one.write_bytes(content)
    os.utime(one, ns=(changed.st_atime_ns, changed.st_mtime_ns))  # as `cp --preserve` does
    again, told = decoded(folder)
    assert told > 0
    paths = list(again.listing.paths)
    row, same = paths.index(f"0/{one.name}"), paths.index(f"0/{other.name}")
    np.testing.assert_array_equal(again.images[row], again.images[same])
    assert (first.images[row] != again.images[row]).any()
    assert len(list(home.iterdir())) == 1  # the earlier state is gone
    assert decoded(folder, input_shape=(1, 14, 14))[1] > 0
    assert len(list(home.iterdir())) == 2


@pytest.mark.parametrize("name", ["pixels.npy", "index.npz", "entry.json"])
@pytest.mark.parametrize("share", [0, 0.5], ids=["empty", "cut"])
def test_a_damaged_entry_is_decoded_anew(home: Path, digits: Path, name: str, share: float) -> None:
    first = np.asarray(decoded(digits)[0].images)  # read before the file is cut under it
    (entry,) = home.iterdir()
    os.truncate(entry / name, int(share * (entry / name).stat().st_size))
    again, told = decoded(digits)
    assert told > 0
    np.testing.assert_array_equal(first, again.images)
    assert decoded(digits)[1] == 0


def test_a_small_folder_is_not_kept(home: Path, tmp_path: Path) -> None:
    decoded(digit_folder(tmp_path / "few", 5, classes=2))
    assert not home.exists()


def test_the_longest_unused_entry_goes_when_the_limit_is_passed(
    home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = [(1, side, side) for side in (28, 27, 26)]
    for shape in shapes[:2]:
        decoded(digits, input_shape=shape)
        time.sleep(0.02)
    decoded(digits, input_shape=shapes[0])  # used again: now the other is the oldest
    monkeypatch.setenv("CONVLENS_CACHE_LIMIT", "1 MB")
    decoded(digits, input_shape=shapes[2])
    assert cache.size()[1] <= 10**6
    assert decoded(digits, input_shape=shapes[0])[1] == 0
    assert decoded(digits, input_shape=shapes[1])[1] > 0


def test_a_set_above_the_limit_is_not_kept_and_says_so(
    home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVLENS_CACHE_LIMIT", "100 kB")
    found, _ = decoded(digits)
    assert any("more than the cache's limit" in note for note in found.notes)
    assert cache.size() == (0, 0)
    monkeypatch.setenv("CONVLENS_CACHE_LIMIT", "plenty")
    with pytest.raises(InputError, match="CONVLENS_CACHE_LIMIT"):
        cache.limit()


def test_what_a_killed_process_left_is_removed_after_a_day(home: Path, digits: Path) -> None:
    old, new = home / ".0011223344556677.tmp", home / ".8899aabbccddeeff.tmp"
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "pixels.npy").write_bytes(b"half")
    long_ago = time.time() - 2 * cache.STALE_SECONDS
    for path in (old / "pixels.npy", old):
        os.utime(path, (long_ago, long_ago))
    decoded(digits)
    assert not old.exists()
    assert new.exists()


def test_an_interrupted_decoding_leaves_nothing(home: Path, digits: Path) -> None:
    def interrupt(event: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_folder(digits, on_event=interrupt)
    assert list(home.iterdir()) == []


def test_fault_33_a_cache_that_cannot_be_used_only_costs_time(
    home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = data.load(digits).fingerprint
    monkeypatch.setenv("CONVLENS_CACHE", "/proc/convlens")  # nobody can write there, root included
    dataset = data.load(digits)
    assert dataset.fingerprint == expected
    assert any("the cache cannot be used" in note for note in dataset.notes)
    monkeypatch.setenv("CONVLENS_CACHE", "off")
    dataset = data.load(digits)
    assert dataset.fingerprint == expected
    assert not any("cache" in note for note in dataset.notes)
    assert cache.size() == (0, 0)


def test_images_that_are_still_read_survive_the_removal_of_their_entry(
    home: Path, digits: Path
) -> None:
    whole = data.load(digits)
    streamed = data.load(digits, memory=10_000)
    shutil.rmtree(home)
    np.testing.assert_array_equal(streamed.train.images[:], whole.train.images)
