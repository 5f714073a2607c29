"""Progress goes into JSON and comes back, and older runs are read."""

from __future__ import annotations

import json
import math

from convlens.training.progress import Progress
from convlens.training.recipe import Recipe


def test_it_comes_back_from_json_as_it_went_in() -> None:
    progress = Progress(3, 7, 2, 0.25, 0.2, 0.9, 12.5, 1.5, 80.25, 300, 320)
    assert Progress.from_json(json.loads(json.dumps(progress.to_json()))) == progress


def test_a_loss_that_is_not_known_yet_is_null_in_json() -> None:
    text = json.dumps(Progress().to_json(), allow_nan=False)
    assert json.loads(text)["best_loss"] is None
    assert math.isinf(Progress.from_json(json.loads(text)).best_loss)


def test_a_checkpoint_of_an_older_run_is_read() -> None:
    older = Progress(epoch=4, best_epoch=3, best_loss=0.5).to_json()
    del older["best_cross_entropy"]
    progress = Progress.from_json({**older, "keras_backend": "jax"})
    assert progress == Progress(epoch=4, best_epoch=3, best_loss=0.5)


def test_the_next_epoch_begins_without_sums_and_keeps_the_time() -> None:
    progress = Progress(epoch=1, step=9, train_seconds=2.0, epoch_seconds=0.5, images=90, correct=8)
    progress.begin_next_epoch()
    assert progress == Progress(epoch=1, train_seconds=2.5)


def test_a_training_is_over_by_its_epochs_or_its_patience() -> None:
    recipe = Recipe(epochs=10, patience=3)
    assert not Progress(epoch=6, best_epoch=4).is_over(recipe)
    assert Progress(epoch=7, best_epoch=4).is_over(recipe)
    assert Progress(epoch=10, best_epoch=9).is_over(recipe)
