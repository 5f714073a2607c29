"""`convlens data show` and `check`: what they print, draw, refuse, and exit with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import photos

SHORT = ("--epochs", "1", "--batch-size", "4")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with good photos, and with photos of which one is cut and one has two labels."""
    folder = tmp_path_factory.mktemp("work")
    photos.write(folder / "photos", 12)
    bad = photos.write(folder / "bad", 12)
    (bad / "china" / "cut.png").write_bytes((bad / "china" / "01.png").read_bytes()[:200])
    shutil.copy(bad / "china" / "02.png", bad / "flower" / "same.png")
    return folder


def test_show_prints_and_draws_only_when_asked(convlens: Any, place: Path) -> None:
    told = convlens("data", "show", "photos")
    assert "china" in told
    assert "page:" not in told
    assert not list(place.glob("data-*"))
    result = convlens("data", "show", "photos", "--out", "drawn", "--json")
    names = ["samples", "counts", "means", "histogram", "sizes"]
    assert result["page"] == "drawn/index.html"
    assert result["files"] == [f"drawn/{name}.svg" for name in names]
    page = (place / "drawn" / "index.html").read_text()
    assert page.count("<svg") == 5
    assert "convlens data show photos --out drawn" in page
    counts = result["images_per_class"]
    assert (counts["train"], counts["validation"], counts["test"]) == ([9, 9], [1, 1], [2, 2])


def test_show_draws_a_recipes_augmentation(convlens: Any, place: Path) -> None:
    changes = ["--set", "augmentation.cutmix=1.0", "--set", "augmentation.flip=alternating"]
    told = convlens("data", "show", "photos", "--augment", "--recipe", "digits", *changes)
    assert "page: data-photos/index.html (6 figures beside it)" in told
    page = (place / "data-photos" / "index.html").read_text()
    assert "rotate 15" in page
    assert "flip alternating" in page
    assert "cutmix 1" in page
    assert "labels are mixed in the same shares" in page
    drawn = (place / "data-photos" / "augmented.svg").read_text()
    assert drawn.count("as it is") == 2


def test_show_names_the_nearest_setting_of_a_recipe(convlens: Any) -> None:
    wrong = ["--augment", "--set", "augmentation.flp=true"]
    assert 'did you mean "flip"' in convlens("data", "show", "photos", *wrong, code=2)


def test_show_divides_as_training_does(convlens: Any) -> None:
    shown = convlens("data", "show", "digits-5k", "--json")
    network = ["--set", "record_kernels=0", "--epochs", "1"]
    run = convlens("train", "tiny-vgg", *network, "--out", "run", "--json")
    trained = json.loads((Path(run["run"]) / "data.json").read_text())
    assert shown["recipe"] == "digits"
    assert shown["split"] == trained["split"]
    assert (shown["split"]["train"], shown["split"]["validation"]) == (3800, 200)
    assert "with the recipe digits" in convlens("data", "show", "digits-5k")
    other = convlens("data", "show", "digits-5k", "--set", "validation=0.5", "--json")
    assert other["split"]["validation"] == 2000


def test_a_test_part_that_is_taken_out_of_train_is_told(convlens: Any, place: Path) -> None:
    photos.write(place / "divided" / "train", 12)
    photos.write(place / "divided" / "val", 3)
    line = "there is no test part: 4 of the 24 training images are held out for the test"
    assert line in convlens("data", "show", "divided")
    convlens("train", "tiny-vgg", "--data", "divided", *SHORT, "--out", "divided-run")
    assert line in convlens.err
    assert "no test part" not in convlens("data", "show", "photos")


def test_check_exits_with_0_where_all_is_well_or_only_worth_a_look(convlens: Any) -> None:
    assert "nothing found that would harm" in convlens("data", "check", "digits-5k")
    told = convlens("data", "check", "photos", "--examples", "1")
    assert "warning: 2 classes with fewer than 10 training images" in told
    assert "and 1 more (see --json)" in told
    result = convlens("data", "check", "digits-5k", "--json")
    assert result["findings"] == []
    assert result["harmful"] is False


def test_check_names_what_it_found_and_exits_with_2(convlens: Any) -> None:
    convlens("data", "check", "bad", code=2)
    told = convlens.out
    assert "error: 1 of 26 files cannot be read" in told
    assert "china/cut.png" in told
    assert "error: 1 picture in the set with different labels" in told
    assert "flower/same.png" in told
    assert "to do: keep one label" in told


def test_check_of_what_does_not_exist_is_an_error_in_three_parts(convlens: Any) -> None:
    told = convlens("data", "check", "mnits", code=2)
    assert 'did you mean "mnist"' in told
    assert told.count("expected:") == 1


def test_a_dry_run_says_all_that_would_happen_and_writes_nothing(
    convlens: Any, place: Path
) -> None:
    before = sorted(place.rglob("*"))
    words = ["train", "compact-batch-norm", "--epochs", "2", "--name", "mine", "--dry-run"]
    told = convlens(*words)
    assert "3,800 images to train on, 200 to validate on, 1,000 to test on" in told
    assert "epochs = 2  (command line)" in told
    assert "label_smoothing = 0.05  (recipe digits)" in told
    assert "patience = 0  (default)" in told
    assert "38 steps" in told
    assert "run runs/mine" in told
    result = convlens(*words, "--json")
    assert result["network"]["parameters"] == 61_562
    assert (result["steps"], result["run"]) == (38, "runs/mine")
    assert sorted(place.rglob("*")) == before
