"""`convlens train --data photos`: real pictures of mixed sizes and modes, from files to answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convlens import open_run, open_subject, predict
from convlens.data import Preprocessing
from pictures import digit_folder, photo_folder, photo_pieces


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    photo_folder(folder / "photos", 40)
    digit_folder(folder / "digits", 12, classes=3)
    for number, (name, piece) in enumerate(photo_pieces(8, seed=1)):
        piece.save(folder / f"{name}-{number}.jpg")
    return folder


def test_photos_train_and_predict_with_one_preparation(convlens: Any, place: Path) -> None:
    trained = convlens(
        *("train", "--data", "photos", "--out", "run", "--epochs", "12", "--batch-size", "16"),
        *("--json", "--fit", "pad", "--from", "none"),
    )
    assert "images are brought to RGB 64x64" in convlens.err
    assert trained["test_accuracy"] > 0.8
    run = open_run(place / "run")
    preparing = Preprocessing.from_dict(run.data["preprocessing"])
    assert (preparing.input, preparing.fit) == ((3, 64, 64), "pad")
    paths = [str(path) for path in sorted(place.glob("*.jpg"))]
    found = convlens("predict", "run", *paths, "--json")["predictions"]
    right = [one["class"] == Path(one["image"]).name.split("-")[0] for one in found]
    assert np.mean(right) > 0.8
    # the very pixels of training: the image of a training file, prepared by the run
    model = open_subject(run).model
    (told,) = predict(run, place / "photos" / "flower" / "040 RGB.jpg")
    pixels, _ = preparing.prepare(place / "photos" / "flower" / "040 RGB.jpg")
    logits = model.logits(preparing.normalise(pixels[None]))[0]
    assert told.label == run.data["classes"][int(logits.argmax())]


def test_a_streamed_run_is_evaluated_and_says_what_it_read_from_disk(
    convlens: Any, place: Path
) -> None:
    trained = convlens(
        *("train", "--data", "digits", "--out", "streamed", "--epochs", "1", "--batch-size", "8"),
        *("--memory", "10kB", "--json"),
    )
    assert "10 kB of memory may be used" in convlens.err
    measured = convlens("evaluate", "streamed", "--json")
    assert measured["accuracy"] == trained["test_accuracy"]
    assert open_run(place / "streamed").data["split"]["memory"] == 10_000


def test_input_and_fit_are_options_and_wrong_ones_name_the_right(
    convlens: Any, place: Path
) -> None:
    shown = convlens("data", "show", "photos", "--input", "1,20,30", "--fit", "stretch", "--json")
    assert shown["preprocessing"]["input"] == [1, 20, 30]
    assert shown["preprocessing"]["fit"] == "stretch"
    assert 'did you mean "stretch"' in convlens("data", "show", "photos", "--fit", "strech", code=2)
    assert "--memory is" in convlens("train", "--data", "photos", "--memory", "lots", code=2)
    assert "--input is" in convlens("train", "--data", "photos", "--input", "64", code=2)


def test_a_labels_file_trains_and_doctor_tells_the_cache(convlens: Any, place: Path) -> None:
    folder = place / "flat"
    folder.mkdir()
    rows = ["file;label"]
    for path in sorted((place / "digits").rglob("*.png")):
        Image.open(path).save(folder / path.name)
        rows.append(f"{path.name};{'zero' if path.parent.name == '0' else 'other'}")
    (folder / "labels.csv").write_text("\n".join(rows))
    shown = convlens("data", "show", "flat", "--json")
    assert shown["classes"] == ["other", "zero"]
    assert sum(sum(counts) for counts in shown["images_per_class"].values()) == 36
    assert "of at most" in convlens("doctor", "--json")["decoded folders"]
