"""A folder of colour photos is trained from a published network; everything else from nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import convlens
import photos
import recorded_runs
from convlens.api.pretrained import begins_with
from convlens.foundation.errors import InputError, RunError
from convlens.network import zoo
from convlens.training.frozen import FrozenTraining
from convlens.weights.published import published

SIDE = 128


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of real photos in two classes: tiles of 128 pixels."""
    place = tmp_path_factory.mktemp("own") / "photos"
    for name in photos.CLASSES:
        (place / name).mkdir(parents=True)
        for number, tile in enumerate(photos.tiles(name, SIDE)):
            Image.fromarray(tile).save(place / name / f"{number:02}.png")
    return place


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> convlens.Run:
    return convlens.train(
        data=folder, batch_size=8, epochs=6, out=tmp_path_factory.mktemp("r") / "run"
    )


def test_photos_are_trained_from_the_published_network(run: convlens.Run, folder: Path) -> None:
    assert run.status["network"] == "efficientnet-lite0"
    assert run.evaluation is not None
    assert run.evaluation["accuracy"] >= 0.75
    # what the training measured by kept features, the whole network measures too
    measured = convlens.evaluate(run)
    assert measured.accuracy == run.evaluation["accuracy"]
    assert measured.loss == pytest.approx(run.evaluation["loss"], rel=1e-3)
    # all but the last layer is the published network, bit for bit
    lite = zoo.load("efficientnet-lite0").plan().weight_shapes()
    weights = run.weights("best")
    for name, array in published("efficientnet-lite0").read(lite).items():
        if not name.startswith("linear1."):
            np.testing.assert_array_equal(weights[name], array)
    (first, *_) = sorted((folder / "flower").iterdir())
    (prediction,) = convlens.predict(run, first)
    assert set(dict(prediction.top)) == {"china", "flower"}


def test_a_run_can_be_the_beginning_of_another(
    run: convlens.Run, folder: Path, tmp_path: Path
) -> None:
    plan = convlens.plan_training(data=folder, pretrained=run.folder, batch_size=8)
    assert plan.started_from == run.name
    assert plan.weights is not None
    np.testing.assert_array_equal(plan.weights["linear1.weight"], run.weights()["linear1.weight"])
    assert plan.recipe.freeze == "all"


def test_a_class_that_is_added_later_computes_its_own_photos_only(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVLENS_CACHE", str(tmp_path / "cache"))
    computed: list[int] = []
    compute = FrozenTraining._compute

    def counted(training: FrozenTraining, images: torch.Tensor) -> torch.Tensor:
        computed.append(len(images))
        return compute(training, images)

    monkeypatch.setattr(FrozenTraining, "_compute", counted)
    before = sum(len(list(place.iterdir())) for place in folder.iterdir())
    two = convlens.train(data=folder, batch_size=8, epochs=2, out=tmp_path / "two")
    assert sum(computed) == before
    computed.clear()
    more = tmp_path / "photos"
    shutil.copytree(folder, more)
    (more / "turned").mkdir()
    for number, tile in enumerate(photos.tiles("flower", SIDE)[:10]):
        Image.fromarray(tile).rotate(90).save(more / "turned" / f"{number}.png")
    three = convlens.train(
        data=more, pretrained=two.folder, batch_size=8, epochs=2, out=tmp_path / "three"
    )
    assert sum(computed) == 10
    assert list(three.data["classes"]) == ["china", "flower", "turned"]
    computed.clear()
    convlens.train(data=more, pretrained=two.folder, seed=5, epochs=1, out=tmp_path / "again")
    assert not computed


def test_what_is_asked_for_is_not_overruled(folder: Path) -> None:
    assert begins_with(folder, None, None, None, "torch") is not None
    assert begins_with(folder, "tiny-vgg", None, None, "torch") is None
    assert begins_with(folder, None, "default", None, "torch") is None
    assert begins_with(folder, None, None, "none", "torch") is None
    assert begins_with(folder, None, None, None, "keras") is None


def test_digits_arrays_grey_and_small_images_begin_with_nothing(tmp_path: Path) -> None:
    assert begins_with("digits-5k", None, None, None, "torch") is None
    assert begins_with(recorded_runs.digits(), None, None, None, "torch") is None
    small = photos.write(tmp_path / "small")  # 64 pixels
    assert begins_with(small, None, None, None, "torch") is None
    grey = tmp_path / "grey"
    for name in photos.CLASSES:
        (grey / name).mkdir(parents=True)
        for number, tile in enumerate(photos.tiles(name, SIDE)[:6]):
            Image.fromarray(tile).convert("L").save(grey / name / f"{number}.png")
    assert begins_with(grey, None, None, None, "torch") is None


def test_two_beginnings_and_unknown_ones_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="both weights and a trained network"):
        convlens.plan_training(data=folder, weights="w.pt", pretrained="efficientnet-lite0")
    with pytest.raises((InputError, RunError), match="no-such-run"):
        convlens.plan_training(data=folder, pretrained="no-such-run", runs=tmp_path)


def test_a_script_trains_the_last_layer_without_convlens_to_the_same_answers(
    run: convlens.Run, folder: Path, tmp_path: Path
) -> None:
    exported = convlens.export(run, to="torch-code", out=tmp_path / "train.py")
    assert [file.name for file in exported.files] == ["train.py", "train-weights.safetensors"]
    assert "convlens" not in (tmp_path / "train.py").read_text().split('"""', 2)[2]
    done = subprocess.run(
        [sys.executable, "-I", "train.py", str(folder)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.evaluation is not None
    accuracy = re.search(r"test accuracy ([\d.]+)%", done.stdout)
    assert accuracy is not None
    assert float(accuracy[1]) == pytest.approx(100 * run.evaluation["accuracy"], abs=0.01)
    losses = [float(loss) for loss in re.findall(r"validation loss ([\d.]+)", done.stdout)]
    told = [e["validation_loss"] for e in run.events() if e["event"] == "epoch"]
    assert losses == pytest.approx(told, abs=2e-3)


def test_a_keras_script_with_others_weights_is_refused(run: convlens.Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Keras script"):
        convlens.export(run, to="keras-code", out=tmp_path / "train.py")
    convlens.export(run, to="torch-code", out=tmp_path / "model.py", model_only=True)
    assert "ReLU6" in (tmp_path / "model.py").read_text()
