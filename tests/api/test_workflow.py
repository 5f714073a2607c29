"""The verbs: predictions of many images."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import convlens
import recorded_runs
from convlens.api.adapting import adapted_to_data
from convlens.api.evaluate import evaluations
from convlens.network import Network
from convlens.training import recipe as recipes
from pictures import digit_images


def test_predictions_of_many_images_are_those_of_each_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = recorded_runs.train(tmp_path / "run", recorded_runs.RECIPE.changed({"epochs": 1}))
    files = [tmp_path / f"{number}.png" for number in range(7)]
    for file, image in zip(files, digit_images()[0], strict=False):
        Image.fromarray(image).save(file)
    monkeypatch.setattr("convlens.api.predict.PREDICTED_AT_ONCE", 3)
    together = convlens.predict(run, files)
    for file, prediction in zip(files, together, strict=True):
        (alone,) = convlens.predict(run, [file])
        assert (prediction.image, prediction.label) == (str(file), alone.label)
        assert prediction.probability == pytest.approx(alone.probability, abs=1e-5)


def test_evaluations_take_the_old_name_of_the_folder_of_runs(tmp_path: Path) -> None:
    recorded_runs.train(tmp_path / "run", recorded_runs.RECIPE.changed({"epochs": 1}))
    with pytest.warns(DeprecationWarning, match="root is now called runs"):
        (measured,) = evaluations("run", [()], root=tmp_path, data=recorded_runs.digits())
    assert 0 <= measured.accuracy <= 1


@pytest.mark.parametrize(
    ("shape", "classes", "changes"),
    [
        ((1, 28, 28), 10, []),
        ((1, 28, 28), 3, ["output 3 -> 10"]),
        ((1, 32, 32), 10, ["input 1x32x32 -> 1x28x28"]),
        ((3, 32, 32), 3, ["input 3x32x32 -> 1x28x28, output 3 -> 10"]),
    ],
)
def test_adapting_a_network_names_what_changed_and_nothing_else(
    shape: tuple[int, int, int], classes: int, changes: list[str]
) -> None:
    network = Network(
        name="net", input=shape, classes=classes, layers=[{"flatten": True}, {"linear": classes}]
    )
    *_, notes = adapted_to_data(network, "digits-5k", recipes.load("default"))
    assert notes == [f"net adapted to the data: {change}" for change in changes]


def test_a_training_is_planned_from_python_and_nothing_is_written(tmp_path: Path) -> None:
    plan = convlens.plan_training(
        "tutorial-torch",
        recorded_runs.digits(),
        epochs=2,
        batch_size=40,
        runs=tmp_path / "runs",
        name="mine",
    )
    assert plan.origins["epochs"] == "this call"
    assert plan.recipe.epochs == 2
    assert plan.steps > 0
    assert plan.folder == str(tmp_path / "runs" / "mine")
    assert "a dry run: nothing was trained" in str(plan)
    assert not list(tmp_path.iterdir())
