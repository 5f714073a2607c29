"""The verbs: predictions of many images."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import recorded_runs
from convlens import workflow
from pictures import digit_images


def test_predictions_of_many_images_are_those_of_each_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = recorded_runs.train(tmp_path / "run", recorded_runs.RECIPE.changed({"epochs": 1}))
    files = [tmp_path / f"{number}.png" for number in range(7)]
    for file, image in zip(files, digit_images()[0], strict=False):
        Image.fromarray(image).save(file)
    monkeypatch.setattr(workflow, "PREDICTED_AT_ONCE", 3)
    together = workflow.predict(run, files)
    for file, prediction in zip(files, together, strict=True):
        (alone,) = workflow.predict(run, [file])
        assert (prediction.image, prediction.label) == (str(file), alone.label)
        assert prediction.probability == pytest.approx(alone.probability, abs=1e-5)
