"""Compute settings in the user's cache: listed, and never trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

from convlens.training import autotune_cache


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def keep(batch: int) -> Path:
    path = autotune_cache.file_of({"batch": batch})
    choice = {"threads": 1, "crowded": False, "measured_ms": {"threads 1": 2.0}}
    autotune_cache.keep(path, network="small", batch_size=batch, device="cpu", choice=choice)
    return path


def test_what_is_kept_is_listed_with_what_it_is_for() -> None:
    keep(8)
    keep(16)
    assert sorted(kept.batch_size for kept in autotune_cache.all_kept()) == [8, 16]
    assert {kept.network for kept in autotune_cache.all_kept()} == {"small"}


def test_damaged_foreign_and_huge_files_are_not_listed() -> None:
    path = keep(8)
    for text in ("{", "[]", '{"form": 2}', "[" * 50_000, " " * 200_000):
        path.write_text(text)
        assert autotune_cache.read(path) is None
        assert autotune_cache.all_kept() == []
