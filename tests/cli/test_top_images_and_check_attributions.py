"""`convlens top-images` and `convlens check-attributions`: what they print, write and refuse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import convlens as package
from convlens import cli
from convlens.foundation.progress import display as drawing
from recorded_runs import NETWORK, RECIPE, digits, train

OF_PATCHES = ["top-images-depthwise1/index.html", "top-images-depthwise1/depthwise1-patches.svg"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small run on the embedded digits, whole."""
    folder = tmp_path_factory.mktemp("work")
    package.train(NETWORK, epochs=1, runs=folder / "runs", name="small", device="cpu")
    train(folder / "runs" / "other-data", RECIPE.changed({"epochs": 1, "record_kernels": 0}))
    return folder


def process(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "convlens", *arguments],
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )


def test_top_images_prints_each_maps_images_and_writes_a_page(place: Path) -> None:
    done = process(place, "top-images", "small", "--map", "2", "--top", "3", "--class", "7")
    lines = done.stdout.splitlines()
    assert lines[0] == (
        "depthwise1 of small: 1 of 8 maps, as asked for, over 3,800 images of digits-5k (train)"
    )
    assert lines[1].startswith("map 2: ")
    assert lines[2].count("#") == 3
    assert lines[3].startswith("logit of 7: ")
    assert lines[4] == f"page: {OF_PATCHES[0]} (2 figures beside it)"
    page = (place / OF_PATCHES[0]).read_text()
    assert "convlens top-images small --map 2 --class 7 --top 3" in page


def test_top_images_says_nothing_of_work_that_is_done_at_once(
    convlens: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "SILENT_SECONDS", 1000.0)  # however busy the machine is
    convlens("top-images", "small", "--split", "validation", "--no-maximise", "--map", "2")
    assert convlens.err == ""


def test_top_images_gives_plain_numbers_as_json(convlens: Any, place: Path) -> None:
    result = convlens(
        "top-images", "small", "--split", "validation", "--no-maximise", "--top", "2", "--json"
    )
    assert (result["layer"], result["of_maps"], result["images"]) == ("depthwise1", 8, 200)
    assert result["files"] == OF_PATCHES[1:]
    labels = package.load_data("digits-5k", validation=0.05).validation.labels
    peaks = [one["patches"][0]["value"] for one in result["maps"] if one["patches"]]
    assert peaks == sorted(peaks, reverse=True)
    for one in result["maps"]:
        assert one["made"] is None
        for patch in one["patches"]:
            assert patch["class"] == str(labels[patch["image"]])
            assert len(patch["cell"]) == 2


def test_check_attributions_prints_a_table_and_what_to_make_of_it(
    convlens: Any, place: Path
) -> None:
    chosen = ["--method", "saliency", "--method", "grad-cam", "--images", "3", "--seeds", "1"]
    lines = convlens("check-attributions", "small", *chosen, "--out", "page").splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["saliency", "grad-cam"]
    assert lines[4].startswith("random order")
    assert lines[5].startswith("on 3 of 200 validation images")
    assert lines[6].startswith("small: ")
    assert lines[7] == "page: page/index.html (2 figures beside it)"
    assert lines[6].removeprefix("small: ") in (place / "page" / "index.html").read_text()


def test_check_attributions_gives_plain_numbers_as_json(convlens: Any) -> None:
    chosen = ["--method", "saliency", "--images", "2", "--seeds", "1"]
    result = convlens("check-attributions", "small", *chosen, "--json")
    (row,) = result["methods"]
    assert row["passes"] == (row["similarity_all_random"] < 0.5)
    assert 0 <= row["deletion_area"] <= 1
    assert result["page"] == "check-attributions-small/index.html"
    assert result["sentence"].startswith("saliency ")


def test_networks_have_no_data_and_changed_data_is_no_data(convlens: Any) -> None:
    for command in ("top-images", "check-attributions"):
        told = convlens(command, "lenet-5", code=2)
        assert "lenet-5 is a network that was not trained: it has no data" in told
        assert "train lenet-5 first" in told
        # trained on a part of the digits that `digits-5k` no longer is
        assert "has changed since" in convlens(command, "other-data", code=2)
    assert len(digits().train) < 3600


def test_what_does_not_exist_is_refused_with_the_nearest(convlens: Any) -> None:
    assert 'did you mean "conv1"' in convlens("top-images", "small", "--layer", "conv", code=2)
    assert "no map 8" in convlens("top-images", "small", "--map", "8", code=2)
    assert 'no class "ten"' in convlens("top-images", "small", "--class", "ten", code=2)
    assert 'no split "tests", did you mean "test"' in convlens(
        "top-images", "small", "--split", "tests", code=2
    )
    assert 'did you mean "occlusion"' in convlens(
        "check-attributions", "small", "--method", "oclusion", code=2
    )
    assert 'no split "tests"' in convlens("evaluate", "small", "--split", "tests", code=2)


def test_the_old_names_of_commands_and_verbs_do_the_same_and_name_the_new_one(
    convlens: Any, place: Path
) -> None:
    words = ("small", "--split", "validation", "--no-maximise", "--map", "2", "--json")
    assert convlens("excite", *words) == convlens("top-images", *words)
    convlens("excite", *words)
    assert convlens.err.splitlines() == ["convlens excite is now called convlens top-images"]
    convlens("trust", "--help")
    assert convlens.out.startswith("Usage: convlens check-attributions")
    convlens("agree", "--help")
    assert convlens.err == "convlens agree is now called convlens compare-engines\n"
    for old, new in (
        *(("excite", "top_images"), ("trust", "check_attributions")),
        *(("Excitation", "TopImages"), ("Trust", "AttributionChecks")),
    ):
        with pytest.warns(DeprecationWarning, match=f"convlens.{old} is now called convlens.{new}"):
            assert getattr(package, old) is getattr(package, new)


def test_help_has_every_command_once_and_no_old_name(convlens: Any, place: Path) -> None:
    lines = [line.split()[0] for line in convlens("--help").splitlines() if line.startswith("  ")]
    listed = [word for word in lines if word in cli.COMMANDS or word in cli.OLD_NAMES]
    assert listed == list(cli.COMMANDS)
