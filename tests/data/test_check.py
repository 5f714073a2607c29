"""The check of a data set: each kind of fault is named with its files; a good set is silent."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import photos
from convlens import data
from convlens.data.check import check
from convlens.data.findings import Finding
from convlens.foundation.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return photos.write(tmp_path / "photos")


def kinds(found: Any) -> dict[str, Finding]:
    return {finding.kind: finding for finding in found.findings}


def save(path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(path)


def test_a_good_folder_and_the_embedded_digits_have_no_findings(folder: Path) -> None:
    for source in (folder, "digits-5k"):
        found = check(source)
        assert found.findings == ()
        assert not found.harmful
    assert found.images == {"train": 3600, "validation": 400, "test": 1000}


def test_bad_files_are_all_named_with_their_reasons(folder: Path) -> None:
    (folder / "china" / "empty.png").write_bytes(b"")
    (folder / "china" / "text.png").write_text("not an image")
    whole = (folder / "flower" / "00.png").read_bytes()
    (folder / "flower" / "cut.png").write_bytes(whole[: len(whole) // 2])
    found = check(folder)
    bad = kinds(found)["unreadable"]
    assert (bad.severity, bad.count) == ("error", 3)
    told = "\n".join(bad.examples)
    assert "china/empty.png: is empty (0 bytes)" in told
    assert "china/text.png: is not an image" in told
    assert "flower/cut.png: cannot be decoded" in told
    assert found.harmful
    assert sum(found.images.values()) == 48


def test_a_picture_with_two_labels_is_an_error(folder: Path) -> None:
    shutil.copy(folder / "china" / "03.png", folder / "flower" / "also.png")
    found = kinds(check(folder))
    assert "duplicates" not in found  # told once
    conflict = found["label-conflict"]
    assert conflict.severity == "error"
    (example,) = conflict.examples
    assert "china/03.png" in example
    assert "flower/also.png" in example


def explicit(folder: Path, tmp_path: Path) -> Path:
    """Return the photos in a train and a test folder, each with both classes."""
    split = tmp_path / "split"
    for number, file in enumerate(sorted(folder.glob("*/*.png"))):
        place = split / ("test" if number % 4 == 0 else "train") / file.parent.name
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
    return split


def test_the_same_picture_in_train_and_test_is_an_error_with_both_files(
    folder: Path, tmp_path: Path
) -> None:
    split = explicit(folder, tmp_path)
    assert check(split).findings == ()
    shutil.copy(split / "train" / "china" / "01.png", split / "test" / "china" / "leak.png")
    leak = kinds(check(split))["duplicates-across-splits"]
    assert leak.severity == "error"
    assert "train/china/01.png" in leak.examples[0]
    assert "test/china/leak.png (test)" in leak.examples[0]


def test_a_picture_saved_again_in_another_split_is_a_warning_there_and_a_note_in_loading(
    folder: Path, tmp_path: Path
) -> None:
    split = explicit(folder, tmp_path)
    with Image.open(split / "train" / "flower" / "11.png") as picture:
        picture.save(split / "test" / "flower" / "again.jpg", quality=80)
    found = check(split)
    near = kinds(found)["near-across-splits"]
    assert (near.severity, near.count, found.harmful) == ("warning", 1, False)
    assert "flower/11.png" in near.examples[0]
    assert "test/flower/again.jpg" in near.examples[0]
    assert check(split, near=False).findings == ()
    assert any("1 pair of nearly the same" in note for note in data.load(split).notes)


def test_copies_in_one_split_are_a_warning(folder: Path) -> None:
    # within a class the split keeps exact copies on one side
    shutil.copy(folder / "china" / "05.png", folder / "china" / "copy.png")
    found = check(folder)
    assert kinds(found)["duplicates"].count == 1
    assert kinds(found)["duplicates"].examples == ("china/05.png = china/copy.png",)
    assert not found.harmful


def test_odd_sizes_modes_and_constant_images_are_warnings(folder: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 70, 3)).astype(np.uint8)
    save(folder / "china" / "tall.png", noise)
    grey = np.asarray(Image.open(folder / "flower" / "07.png").convert("L").rotate(90))
    save(folder / "flower" / "grey.png", grey)
    save(folder / "china" / "white.png", np.full((64, 64, 3), 255, np.uint8))
    found = kinds(check(folder))
    assert found["sizes"].examples == ("china/tall.png: 70x300",)
    assert "flower/grey.png" in found["modes"].examples
    assert found["constant"].examples == ("china/white.png",)
    assert {finding.severity for finding in found.values()} == {"warning"}


def test_small_and_unequal_classes_are_warnings(folder: Path) -> None:
    (folder / "rare").mkdir()
    for number, tile in enumerate(photos.tiles("flower")[1:5:2]):
        save(folder / "rare" / f"{number}.png", np.rot90(tile))
    found = kinds(check(folder))
    assert found["few-images"].examples[0].startswith("rare: ")
    assert "rare" in found["imbalance"].what


def test_classes_that_differ_in_case_are_an_error(folder: Path) -> None:
    (folder / "Flower").mkdir()
    for number, tile in enumerate(photos.tiles("china")[:24:2]):
        save(folder / "Flower" / f"{number}.png", tile)
    named = kinds(check(folder))["class-names"]
    assert (named.severity, named.examples) == ("error", ('"Flower" and "flower"',))


def write_npz(path: Path, train: list[int], test: list[int]) -> Path:
    rng = np.random.default_rng(0)
    images = {
        f"{part}_images": rng.integers(0, 256, (len(labels), 6, 6)).astype(np.uint8)
        for part, labels in (("train", train), ("test", test))
    }
    np.savez(path, **images, train_labels=np.array(train), test_labels=np.array(test))
    return path


@pytest.mark.parametrize(
    ("train", "test", "reason"),
    [
        ([0, 1, 0, 1, 0, 1], [0, -1], "-1"),
        ([0] * 20, [0, 0], "1 class"),
        ([0, 0, 0, 0, 2, 2, 2, 2], [0, 2], "no training image of 1"),
    ],
)
def test_fault_21_what_cannot_be_trained_on_is_one_error(
    tmp_path: Path, train: list[int], test: list[int], reason: str
) -> None:
    found = check(write_npz(tmp_path / "set.npz", train, test))
    (finding,) = found.findings
    assert (finding.kind, found.harmful) == ("unusable", True)
    assert reason in finding.what


def test_fault_21_empty_folders_and_classes_are_errors(tmp_path: Path) -> None:
    (tmp_path / "empty" / "cat").mkdir(parents=True)
    assert "no images" in check(tmp_path / "empty").findings[0].what
    folder = photos.write(tmp_path / "photos", 6)
    (folder / "nothing").mkdir()
    assert "nothing" in check(folder).findings[0].what


def test_an_imbalance_of_arrays_is_told_with_its_counts(tmp_path: Path) -> None:
    found = check(write_npz(tmp_path / "set.npz", [0] * 400 + [1] * 20, [0, 1]))
    assert kinds(found)["imbalance"].examples == ("0: 360", "1: 18")


def test_large_sets_are_searched_for_near_duplicates_only_when_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("convlens.data.check.NEAR_IMAGES", 1000)
    assert "near=True" in check("digits-5k").skipped[0]
    assert check("digits-5k", near=True).skipped == ()


def test_a_set_that_does_not_exist_is_no_finding() -> None:
    with pytest.raises(DataError, match='did you mean "digits-5k"'):
        check("digits-5")
