"""A folder as a data set: parts that never mix, statistics, a fingerprint, and loading it again."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convlens import data
from convlens.data import Dataset, StoredImages
from convlens.data.preprocessing import background_of, mean_std
from convlens.foundation.errors import DataError
from pictures import digit_folder, photo_folder

PARTS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return digit_folder(tmp_path_factory.mktemp("set") / "digits", 60, classes=4)


def pictures(dataset: Dataset, part: str) -> set[bytes]:
    return {np.asarray(image).tobytes() for image in dataset.part(part).images[:]}


def test_every_image_is_in_one_part_and_the_shares_are_exact(folder: Path) -> None:
    dataset = data.load(folder)
    parts = [pictures(dataset, part) for part in PARTS]
    assert len(set.union(*parts)) == sum(map(len, parts)) == 240
    assert np.bincount(dataset.test.labels).tolist() == [12, 12, 12, 12]
    assert np.bincount(dataset.validation.labels).tolist() == [5, 5, 5, 5]
    for part in PARTS:
        assert set(dataset.part(part).labels.tolist()) == {0, 1, 2, 3}


def test_copies_never_lie_in_two_parts(folder: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(folder, tmp_path / "copied")
    for path in sorted(copied.rglob("*.png")):
        Image.open(path).save(path.with_name(f"again {path.stem}.bmp"))
    dataset = data.load(copied)
    parts = [pictures(dataset, part) for part in PARTS]
    assert len(set.union(*parts)) == sum(map(len, parts)) == 240


def test_names_move_nobody_and_few_new_images_few(folder: Path, tmp_path: Path) -> None:
    before = data.load(folder)
    other = tmp_path / "other"
    for path in folder.rglob("*.png"):
        (other / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, other / path.parent.name / f"x{path.name[::-1]}.png")
    renamed = data.load(other)
    for part in PARTS:
        assert pictures(before, part) == pictures(renamed, part)
    for path in digit_folder(tmp_path / "more", 61, classes=4).rglob("*.png"):
        if not (folder / path.parent.name / path.name).exists():
            shutil.copy(path, other / path.parent.name / "new.png")
    after = data.load(other)
    assert sum(len(after.part(part)) for part in PARTS) == 244
    for part in PARTS:
        # one new image a class: at most one other is pushed out of a part by it
        assert len(pictures(before, part) - pictures(after, part)) <= 2 * 4


def test_the_split_is_the_same_at_another_size_and_another_seed_is_another(folder: Path) -> None:
    def names(dataset: Dataset) -> list[int]:
        return [len(dataset.part(part)) for part in PARTS]

    assert names(data.load(folder)) == names(data.load(folder, input_shape=(3, 14, 14)))
    one, other = (pictures(data.load(folder, split_seed=seed), "test") for seed in (0, 1))
    assert one != other


def test_streamed_and_whole_sets_are_the_same_set(folder: Path) -> None:
    whole, streamed = data.load(folder), data.load(folder, memory=20_000)
    assert isinstance(streamed.train.images, StoredImages)
    assert streamed.memory == 20_000
    assert whole.memory is None
    assert whole.fingerprint == streamed.fingerprint
    assert whole.preprocessing == streamed.preprocessing
    for part in PARTS:
        np.testing.assert_array_equal(whole.part(part).images, streamed.part(part).images[:])
        np.testing.assert_array_equal(whole.part(part).labels, streamed.part(part).labels)


def test_statistics_are_those_of_the_training_images_alone(folder: Path) -> None:
    dataset = data.load(folder, input_shape=(3, 20, 20))
    mean, std = mean_std(dataset.train.images)
    np.testing.assert_allclose(dataset.preprocessing.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(dataset.preprocessing.std, std, rtol=1e-12)
    assert dataset.preprocessing.background == background_of(dataset.train.images) == "dark"
    half = data.load(folder, normalise="half").preprocessing
    assert (half.mean, half.std) == ((0.5,), (0.5,))


def test_one_changed_pixel_changes_the_fingerprint(folder: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(folder, tmp_path / "copied")
    assert data.load(copied).fingerprint == data.load(folder).fingerprint
    path = next(copied.rglob("*.png"))
    image = Image.open(path)
    image.putpixel((0, 0), 1)
    image.save(path)
    assert data.load(copied).fingerprint != data.load(folder).fingerprint


@pytest.mark.parametrize("memory", [None, 20_000])
def test_a_run_finds_its_data_again_as_it_recorded_it(tmp_path: Path, memory: int | None) -> None:
    photos = photo_folder(tmp_path / "photos", 15)
    dataset = data.load(
        photos, input_shape=(3, 24, 30), fit="pad", memory=memory, split_seed=3, validation=0.3
    )
    again = data.load_like(dataset.to_json())
    assert again.fingerprint == dataset.fingerprint
    assert again.preprocessing == dataset.preprocessing
    assert again.preprocessing.fit == "pad"
    assert again.memory == memory
    digit_folder(photos, 20, classes=1)
    with pytest.raises(DataError, match="has the classes"):
        data.load_like(dataset.to_json())
    shutil.rmtree(photos / "0")
    next(photos.rglob("*.jpg")).unlink()
    with pytest.raises(DataError, match="has changed since"):
        data.load_like(dataset.to_json())


def test_holding_out_the_last_goes_by_name(folder: Path) -> None:
    dataset = data.load(folder, validation=0.2, validation_method="last")
    # sorted by name, the last fifth is of the last of the four classes: what "last" warns of
    assert set(dataset.validation.labels.tolist()) == {3}
    again = data.load_like(dataset.to_json())
    assert again.fingerprint == dataset.fingerprint


def test_given_parts_are_kept_and_their_copies_said(tmp_path: Path) -> None:
    for part, count in (("train", 12), ("val", 2), ("test", 3)):
        digit_folder(tmp_path / part, count, classes=2)
    dataset = data.load(tmp_path)
    assert [len(dataset.part(part)) for part in PARTS] == [24, 4, 6]
    assert "6 test images are copies of train images" in dataset.notes
    assert dataset.split["method"] == "folders"
    assert data.load_like(dataset.to_json()).fingerprint == dataset.fingerprint


def test_fault_21_a_folder_that_cannot_be_trained_on_is_refused(tmp_path: Path) -> None:
    one = digit_folder(tmp_path / "one", 20, classes=1)
    with pytest.raises(DataError, match="has 1 class"):
        data.load(one)
    (tmp_path / "two" / "a").mkdir(parents=True)
    with pytest.raises(DataError, match="no images"):
        data.load(tmp_path / "two")
    same = digit_folder(tmp_path / "same", 20, classes=2)
    for path in (same / "0").iterdir():
        shutil.copy(next((same / "1").iterdir()), path)
    with pytest.raises(DataError, match="too few different"):
        data.load(same)
