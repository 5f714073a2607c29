"""What older versions wrote is read by today's commands: run folders, networks, models.

`tests/old_files/write.py` says how the files were written. The folders are named for the commits:
`5035bbf` has the layers in one file and no word on how threads wait, `119c1b2` is the last
commit before a network's table became its plan.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convlens import data
from convlens.network import Network
from convlens.runs import Run

OLD_FILES = Path(__file__).parents[1] / "old_files"
VERSIONS = sorted(folder.name for folder in OLD_FILES.iterdir() if folder.is_dir())
DIGITS = [f"digit{number}.png" for number in range(4)]


@pytest.fixture(scope="module", params=VERSIONS)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files of one version, which commands may change, and the digits it saw."""
    folder = tmp_path_factory.mktemp("old") / request.param
    shutil.copytree(OLD_FILES / request.param, folder)
    for name, digit in zip(DIGITS, data.load("digits-5k").test.images, strict=False):
        Image.fromarray(digit[0]).save(folder / name)
    return folder


def said_then(place: Path) -> Any:
    """Return what the version itself computed with its run."""
    return json.loads((place / "said.json").read_text())


def test_there_are_files_of_two_versions_and_all_are_small() -> None:
    assert len(VERSIONS) == 2
    assert all(path.stat().st_size < 100_000 for path in OLD_FILES.rglob("*"))


def test_the_answers_of_an_old_run_are_the_same(convlens: Any, place: Path) -> None:
    check_answers(convlens("predict", "run", *DIGITS, "--json"), place)


def check_answers(answered: Any, place: Path) -> None:
    top = [prediction["top"][0] for prediction in answered["predictions"]]
    then = said_then(place)["predictions"]
    assert [first["class"] for first in top] == [label for label, _ in then]
    np.testing.assert_allclose(
        [first["probability"] for first in top], [sure for _, sure in then], atol=1e-5
    )


def test_the_measurements_of_an_old_run_are_the_same(convlens: Any, place: Path) -> None:
    measured, then = convlens("evaluate", "run", "--json"), said_then(place)
    assert measured["accuracy"] == then["accuracy"]
    assert measured["loss"] == pytest.approx(then["loss"], abs=1e-5)


def test_an_old_training_that_was_interrupted_ends_as_one_that_was_not(
    convlens: Any, place: Path
) -> None:
    convlens("train", "--resume", "interrupted", "--json")
    convlens("train", "tiny.toml", "--recipe", "run/recipe.toml", "--out", "again", "--json")
    resumed, again = Run.open(place / "interrupted"), Run.open(place / "again")
    assert resumed.status["state"] == "finished"
    assert list(resumed.history["epoch"]) == [1, 2]
    for name, array in again.weights("last").items():
        np.testing.assert_array_equal(resumed.weights("last")[name], array, err_msg=name)


def test_the_report_of_an_old_run_is_written_again(convlens: Any, place: Path) -> None:
    path = Path(convlens("report", "run", "--json")["report"])
    assert f"{said_then(place)['accuracy']:.1%}" in path.read_text("utf-8")


def test_an_old_run_is_listed_and_looked_into(convlens: Any, place: Path) -> None:
    listed = convlens("runs", "--runs", ".", "--json")["runs"]
    assert {row["name"] for row in listed} >= {"run", "interrupted"}
    inside = ("--cell", "3,3", "--layer", "residual1.conv1")
    assert "residual1.conv1" in convlens("look", "interrupted", DIGITS[0], *inside)


def test_an_old_network_is_the_same_in_both_forms(place: Path) -> None:
    networks = [Network.load(place / name) for name in ("tiny.toml", "tiny.json")]
    assert networks[0] == networks[1]
    assert networks[0] == Network.from_toml(Run.open(place / "run").network_text)
    assert networks[0].plan().weight_shapes() == {
        name: array.shape for name, array in Run.open(place / "run").weights().items()
    }


@pytest.mark.parametrize(
    ("file", "package", "more"),
    [
        ("tiny.onnx", "onnx", ()),
        ("tiny.keras", "h5py", ()),
        ("tiny.safetensors", "torch", ("--network", "tiny.toml")),
    ],
)
def test_an_old_export_comes_back_with_its_answers(
    file: str, package: str, more: tuple[str, ...], convlens: Any, place: Path
) -> None:
    pytest.importorskip(package)
    name = "from-" + Path(file).suffix[1:]
    convlens("import", file, *more, "--runs", ".", "--name", name, "--json")
    if file == "tiny.safetensors":  # bare weights know no mean and no classes
        weights = Run.open(place / "run").weights()
        for array, values in Run.open(place / name).weights().items():
            np.testing.assert_array_equal(values, weights[array])
    else:
        check_answers(convlens("predict", name, *DIGITS, "--runs", ".", "--json"), place)
