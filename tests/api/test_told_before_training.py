"""What is odd about photos is told before the first step, on files as cameras make them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import convlens
import photos
from convlens.foundation.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return twelve photos of 128 pixels in each of two classes."""
    for name in photos.CLASSES:
        (tmp_path / "set" / name).mkdir(parents=True)
        for number, tile in enumerate(photos.tiles(name, 128)[:12]):
            Image.fromarray(tile).save(tmp_path / "set" / name / f"{number:02}.png")
    return tmp_path / "set"


def plan(folder: Path, **settings: Any) -> convlens.TrainingPlan:
    return convlens.plan_training(data=folder, **settings)


def notes(folder: Path, **settings: Any) -> str:
    return "\n".join(plan(folder, **settings).notes)


def tile(number: int = 13) -> Image.Image:
    return Image.fromarray(photos.tiles("china", 128)[number])


def animation() -> bytes:
    file = io.BytesIO()
    tile().save(file, "GIF", save_all=True, append_images=[tile(14)])
    return file.getvalue()


def huge() -> bytes:
    """Return a picture of 81 million pixels, all of one colour: a file of some kilobytes."""
    file = io.BytesIO()
    Image.new("L", (9000, 9000)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("cut.jpg", b"\xff\xd8\xff\xe0", "not an image that can be read"),
        ("empty.jpg", b"", "is empty"),
        ("moving.gif", animation(), "animated"),
        ("huge.png", huge(), "too many pixels (9000 x 9000)"),
    ],
)
def test_a_file_that_is_no_photo_is_named_and_nothing_is_trained(
    folder: Path, name: str, content: bytes, reason: str
) -> None:
    (folder / "china" / name).write_bytes(content)
    with pytest.raises(DataError, match=name) as caught:
        plan(folder)
    assert reason in str(caught.value)
    assert "skip" in str(caught.value)
    assert name in notes(folder, bad_images="skip")


def test_colours_of_printers_and_photos_on_their_side_are_read_and_counted(folder: Path) -> None:
    tile().convert("CMYK").save(folder / "china" / "printed.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    tile().save(folder / "china" / "turned.jpg", exif=exif)
    text = notes(folder)
    assert "CMYK converted to RGB without a colour profile: 1 images" in text
    assert "turned upright by its EXIF orientation: 1 images" in text


def test_tiny_photos_are_counted(folder: Path) -> None:
    tile().resize((40, 32)).save(folder / "china" / "thumbnail.png")
    assert "enlarged: 1 images" in notes(folder)


def test_one_class_and_an_empty_one_are_refused(folder: Path) -> None:
    (folder / "nothing").mkdir()
    with pytest.raises(DataError, match="nothing"):
        plan(folder)
    (folder / "nothing").rmdir()
    for file in (folder / "flower").iterdir():
        file.unlink()
    (folder / "flower").rmdir()
    with pytest.raises(DataError, match="two classes"):
        plan(folder)


def test_a_photo_in_two_classes_is_named_with_both(folder: Path) -> None:
    tile().save(folder / "china" / "same.png")
    tile().save(folder / "flower" / "copy.bmp")
    text = notes(folder)
    assert "pictures in more than one class, 1" in text
    assert "china/same.png" in text
    assert "flower/copy.bmp" in text
    assert "more than one class" not in notes(_without(folder / "flower" / "copy.bmp"))


def _without(file: Path) -> Path:
    file.unlink()
    return file.parents[1]


def test_four_photos_a_class_train_and_the_report_says_what_that_means(
    folder: Path, tmp_path: Path
) -> None:
    for name in photos.CLASSES:
        for file in sorted((folder / name).iterdir())[4:]:
            file.unlink()
    settled = plan(folder)
    assert settled.recipe.batch_size <= len(settled.dataset.train)
    text = "\n".join(settled.notes)
    assert "classes with fewer than 10 images to train on: china" in text
    assert "batches of" in text
    run = convlens.train(data=folder, out=tmp_path / "run", epochs=20)
    evaluation = run.evaluation
    assert evaluation is not None
    low, high = evaluation["interval"]
    assert high - low > 0.3
    report = (tmp_path / "run" / "report.html").read_text()
    assert "95% interval" in report
    assert np.isfinite(evaluation["accuracy"])
