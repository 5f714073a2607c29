"""The summary of a set: the training part is drawn from, the others are only counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import photos
import trained
from convlens import data
from convlens.data.summary import file_sizes, summarise


def test_samples_and_means_are_of_their_class() -> None:
    digits = trained.digits()
    summary = summarise(digits, samples=4)
    for label, (images, numbers) in enumerate(zip(summary.samples, summary.numbers, strict=True)):
        assert len(images) == 4
        assert (digits.train.labels[numbers] == label).all()
        np.testing.assert_array_equal(images, digits.train.images[numbers])
        members = digits.train.images[digits.train.labels == label]
        np.testing.assert_allclose(summary.means[label], members.mean(0))
    assert {split: int(counts.sum()) for split, counts in summary.counts.items()} == {
        "train": 3600,
        "validation": 400,
        "test": 1000,
    }
    again = summarise(digits, samples=4)
    np.testing.assert_array_equal(again.numbers, summary.numbers)


def test_the_histogram_counts_every_training_pixel() -> None:
    digits = trained.digits()
    expected = np.bincount(digits.train.images.ravel(), minlength=256)
    np.testing.assert_array_equal(summarise(digits).histogram, expected[None])


def test_a_folder_has_the_sizes_of_its_readable_files_and_other_sets_have_none(
    tmp_path: Path,
) -> None:
    folder = photos.write(tmp_path / "photos", 6)
    Image.new("RGB", (90, 70), "teal").save(folder / "china" / "wide.png")
    (folder / "china" / "bad.png").write_bytes(b"no image")
    sizes = file_sizes(str(folder))
    assert len(sizes) == 13
    assert [70, 90] in sizes.tolist()
    assert file_sizes("digits-5k").shape == (0, 2)
    shown = summarise(data.load(folder, bad_images="skip"))
    assert len(shown.sizes) == 13
