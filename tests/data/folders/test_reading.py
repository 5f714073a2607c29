"""A folder read whole: the same images however many processes decode them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convlens import data
from convlens.data import StoredImages
from convlens.data.folders import FolderSet, read_folder
from convlens.data.folders.decoding import CHUNK_IMAGES
from convlens.data.preprocessing import Preprocessing, pixel_sums
from convlens.foundation.errors import DataError, InputError
from pictures import digit_folder, photo_folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photo_folder(tmp_path_factory.mktemp("set") / "photos", 25)


def same(one: FolderSet, other: FolderSet) -> None:
    for name in ("images", "contents", "digests", "sums"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.listing.paths, one.policy, one.notes) == (
        *(other.listing.paths, other.policy, other.notes),
    )


def test_processes_decode_what_one_process_decodes(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVLENS_CACHE", "off")
    monkeypatch.setattr("convlens.data.folders.cache.WORTH_IMAGES", 10)
    alone = read_folder(photos, workers=1)
    monkeypatch.setattr("convlens.data.folders.decoding.CHUNK_IMAGES", 4)
    same(alone, read_folder(photos, workers=2))


def test_every_image_is_what_prediction_makes_of_its_file(photos: Path) -> None:
    found = read_folder(photos, (3, 40, 48), fit="pad")
    preparing = Preprocessing((3, 40, 48), (0.0,) * 3, (1.0,) * 3, fit="pad")
    for row in range(len(found.listing)):
        pixels, _ = preparing.prepare(found.listing.path(row))
        np.testing.assert_array_equal(found.images[row], pixels)
    np.testing.assert_array_equal(found.sums, pixel_sums(np.asarray(found.images)))


def test_changes_on_the_way_are_counted_in_the_notes(photos: Path) -> None:
    notes = read_folder(photos).notes
    assert "CMYK converted to RGB without a colour profile: 10 images" in notes
    assert any(note.startswith("images are brought to RGB 64x64") for note in notes)


def test_copies_share_a_content_and_the_order_mixes_the_classes(tmp_path: Path) -> None:
    folder = digit_folder(tmp_path / "digits", 40, classes=2)
    original = next((folder / "0").iterdir())
    Image.open(original).convert("RGB").save(folder / "1" / "copy.bmp")  # other bytes, one picture
    found = read_folder(folder)
    paths = list(found.listing.paths)
    one, other = paths.index(f"0/{original.name}"), paths.index("1/copy.bmp")
    np.testing.assert_array_equal(found.contents[one], found.contents[other])
    assert len(np.unique(found.contents, axis=0)) == 80
    assert np.count_nonzero(np.diff(found.listing.labels)) > 20  # sorted by class it would be 1


def test_a_set_above_the_memory_stays_in_its_file(photos: Path) -> None:
    whole = read_folder(photos)
    streamed = read_folder(photos, memory=100_000)
    assert isinstance(streamed.images, StoredImages)
    assert (whole.memory, streamed.memory) == (None, 100_000)
    np.testing.assert_array_equal(whole.images, streamed.images[:])
    assert any("100 kB of memory may be used" in note for note in streamed.notes)


def test_fault_28_the_reason_and_the_file_reach_the_user_from_a_worker(
    tmp_path: Path,
) -> None:
    folder = digit_folder(tmp_path / "digits", 3 * CHUNK_IMAGES // 2, classes=2)
    broken = sorted((folder / "1").iterdir())[-1]
    content = broken.read_bytes()
    broken.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError) as alone:
        read_folder(folder, workers=1)
    with pytest.raises(DataError) as worker:
        read_folder(folder, workers=2)
    assert str(alone.value) == str(worker.value)
    assert f"{broken} cannot be decoded: " in str(worker.value)


def test_many_bad_files_are_counted_and_ten_named(tmp_path: Path) -> None:
    folder = digit_folder(tmp_path / "digits", 12, classes=2)
    for path in (folder / "0").iterdir():
        path.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"12 of 24 images(.|\n)*and 2 more") as raised:
        read_folder(folder)
    assert str(raised.value).count("is not an image") == 10
    found = read_folder(folder, bad_images="skip")
    assert len(found.listing) == len(found.images) == 12
    assert len(found.bad) == 12
    assert set(found.listing.labels.tolist()) == {1}


def test_progress_counts_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convlens.data.folders.reading.SHOW_SECONDS", 0.0)
    folder = digit_folder(tmp_path / "digits", 150, classes=2)
    told: list[dict[str, Any]] = []
    read_folder(folder, on_event=told.append)
    assert [event["done"] for event in told] == [256, 300]
    assert all(event["images"] == 300 for event in told)


@pytest.mark.parametrize("count", ["0", "-1", "two", "1000"])
def test_a_wrong_number_of_workers_is_refused(
    photos: Path, monkeypatch: pytest.MonkeyPatch, count: str
) -> None:
    monkeypatch.setenv("CONVLENS_WORKERS", count)
    with pytest.raises(InputError, match="CONVLENS_WORKERS"):
        data.load(photos)
