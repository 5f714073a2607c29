"""What a folder holds: classes, parts, and everything that is no image."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from convlens.data.folders import PARTS, UNDECIDED, is_image_folder, list_folder
from convlens.foundation.errors import DataError
from pictures import digit_folder


def test_a_subfolder_is_a_class_and_files_are_sorted_by_name(tmp_path: Path) -> None:
    folder = digit_folder(tmp_path / "digits", 3, classes=2)
    (folder / "1" / "deeper").mkdir()
    first = min((folder / "1").glob("*.png"))
    shutil.copy(first, folder / "1" / "deeper" / "again.PNG")
    listing = list_folder(folder)
    assert listing.classes == ("0", "1")
    assert listing.labels.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert set(listing.parts.tolist()) == {UNDECIDED}
    assert list(listing.paths)[:3] == sorted(f"0/{path.name}" for path in (folder / "0").iterdir())
    assert listing.sizes.tolist() == [listing.path(i).stat().st_size for i in range(7)]


def test_folders_of_parts_are_respected(tmp_path: Path) -> None:
    for name, count in (("train", 4), ("val", 2), ("test", 3)):
        digit_folder(tmp_path / name, count, classes=2)
    listing = list_folder(tmp_path)
    counts = np.bincount(listing.parts).tolist()
    assert dict(zip(PARTS, counts, strict=True)) == {"train": 8, "validation": 4, "test": 6}


def test_a_class_called_train_among_others_is_a_class(tmp_path: Path) -> None:
    for name in ("train", "bus"):
        digit_folder(tmp_path / name, 2, classes=1)
    assert list_folder(tmp_path).classes == ("bus", "train")


def test_other_files_hidden_files_and_links_are_left_out_and_counted(tmp_path: Path) -> None:
    folder = digit_folder(tmp_path / "digits", 2, classes=2)
    (folder / "0" / "notes.txt").write_text("not an image")
    (folder / "0" / ".hidden.png").write_bytes(b"")
    (folder / "0" / "up").symlink_to(tmp_path)
    listing = list_folder(folder)
    assert len(listing) == 4
    assert "2 files that are not images were left out" in listing.notes
    assert "links to folders were not followed: 1" in listing.notes


def test_a_link_to_a_file_is_an_image_and_a_link_to_nothing_has_no_size(tmp_path: Path) -> None:
    folder = digit_folder(tmp_path / "digits", 1, classes=2)
    real = next((folder / "0").iterdir())
    (folder / "1" / "linked.png").symlink_to(real)
    (folder / "1" / "nothing.png").symlink_to(tmp_path / "gone.png")
    listing = list_folder(folder)
    sizes = dict(zip(listing.paths, listing.sizes.tolist(), strict=True))
    assert sizes["1/linked.png"] == real.stat().st_size
    assert sizes["1/nothing.png"] == -1


def test_a_folder_with_the_name_of_an_image_is_a_folder(tmp_path: Path) -> None:
    folder = digit_folder(tmp_path / "digits", 1, classes=2)
    shutil.copytree(folder / "0", folder / "1" / "more.png")
    (folder / "1" / "up.png").symlink_to(folder)
    listing = list_folder(folder)
    assert [Path(path).parent.as_posix() for path in listing.paths] == ["0", "1", "1/more.png"]
    assert "links to folders were not followed: 1" in listing.notes


def test_an_empty_class_is_named(tmp_path: Path) -> None:
    folder = digit_folder(tmp_path / "digits", 1, classes=2)
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match=r"the class empty in .* has no images"):
        list_folder(folder)


def test_a_class_more_than_ten_times_another_is_said(tmp_path: Path) -> None:
    folder = digit_folder(tmp_path / "digits", 11, classes=1)
    digit_folder(folder, 1, classes=2)
    assert any("0 has 11 images, 1 1" in note for note in list_folder(folder).notes)
    digit_folder(folder, 2, classes=2)
    assert not any("differ much" in note for note in list_folder(folder).notes)


def test_a_folder_of_classes_or_with_a_labels_file_is_an_image_folder(tmp_path: Path) -> None:
    assert not is_image_folder(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\n")
    assert is_image_folder(tmp_path)
    assert is_image_folder(digit_folder(tmp_path / "digits", 1, classes=1))
    assert not is_image_folder(tmp_path / "labels.csv")
