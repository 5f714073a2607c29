"""Pages that share a folder: what an earlier one wrote goes, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from convlens.foundation.errors import StorageError
from convlens.report.folder import LISTING, write_page


def test_figures_of_an_earlier_page_go_and_those_of_the_new_one_are_there(tmp_path: Path) -> None:
    write_page(tmp_path, {"index.html": "one", "01-conv1.svg": "a", "02-pool.svg": "b"})
    written = write_page(tmp_path, {"index.html": "two", "01-conv1.svg": "c"})
    assert written == [str(tmp_path / "index.html"), str(tmp_path / "01-conv1.svg")]
    assert {path.name: path.read_text() for path in tmp_path.glob("[!.]*")} == {
        "index.html": "two",
        "01-conv1.svg": "c",
    }


def test_nothing_is_removed_that_no_page_wrote(tmp_path: Path) -> None:
    (tmp_path / "05-mine.svg").write_text("mine")
    write_page(tmp_path, {"index.html": "one"})
    write_page(tmp_path, {"index.html": "two"})
    assert (tmp_path / "05-mine.svg").read_text() == "mine"


def test_a_figure_that_was_edited_since_stays(tmp_path: Path) -> None:
    write_page(tmp_path, {"index.html": "one", "figure.svg": "a"})
    (tmp_path / "figure.svg").write_text("a, with an arrow drawn by hand")
    write_page(tmp_path, {"index.html": "two"})
    assert (tmp_path / "figure.svg").read_text() == "a, with an arrow drawn by hand"


def test_a_list_that_names_other_folders_or_is_damaged_removes_nothing(tmp_path: Path) -> None:
    from hashlib import sha256

    outside = tmp_path / "outside.svg"
    outside.write_text("a")
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "link.svg").symlink_to(outside)
    digest = sha256(b"a").hexdigest()
    listing = {"../outside.svg": digest, str(outside): digest, "link.svg": digest, "": digest}
    for text in (json.dumps(listing), "[]", "{", '{"figure.svg": 3}', "[" * 100_000, "\0" * 9):
        (folder / LISTING).write_text(text)
        write_page(folder, {"index.html": "page"})
        assert outside.read_text() == "a"
        assert (folder / "link.svg").is_symlink()


def test_what_a_killed_process_left_is_removed_by_the_next_page(tmp_path: Path) -> None:
    write_page(tmp_path, {"index.html": "one", "figure.svg": "a"})
    listed = json.loads((tmp_path / LISTING).read_text())
    write_page(tmp_path, {"index.html": "two"})
    # as if it had been killed between writing and removing
    (tmp_path / "figure.svg").write_text("a")
    (tmp_path / LISTING).write_text(json.dumps(listed))
    write_page(tmp_path, {"index.html": "three"})
    assert not (tmp_path / "figure.svg").exists()


def test_an_earlier_page_stays_whole_where_the_new_one_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import os

    write_page(tmp_path, {"index.html": "one", "figure.svg": "a"})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="the disk is full"):
        write_page(tmp_path, {"index.html": "two", "other.svg": "b"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_was_made_for_a_page_goes_where_the_page_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import os

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="the disk is full"):
        write_page(tmp_path / "new" / "page", {"index.html": "two"})
    assert not list(tmp_path.glob("new/*"))
