"""A training that stops where a study looks is the training that nobody interrupted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from convlens.foundation.progress import display, showing
from convlens.studies.trial import ENDLESS, Trial
from studies.example import RECIPE, subject


def trial() -> Trial:
    return Trial(replace(subject(), recipe=RECIPE.changed({"epochs": 3})))


def test_stopping_and_looking_changes_no_weight() -> None:
    unbroken, broken = trial(), trial()
    unbroken.go_on()
    while broken.training.progress.epoch < 3:
        broken.go_on(seconds=broken.seconds + 1e-9)  # a step at a time
        broken.validate()
    for name, array in unbroken.training.weights().items():
        np.testing.assert_array_equal(array, broken.training.weights()[name])
    assert [e["train_loss"] for e in broken.epochs] == [e["train_loss"] for e in unbroken.epochs]


def test_it_stops_after_epochs_and_counts_updates() -> None:
    one = trial()
    one.go_on(epochs=1)
    assert (one.training.progress.epoch, one.training.progress.step) == (1, 0)
    assert one.updates == one.training.steps_per_epoch
    one.go_on(epochs=1)
    assert one.updates == one.training.steps_per_epoch
    one.go_on()
    assert one.training.progress.epoch == 3


def test_no_number_of_epochs_is_promised_where_something_else_ends_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(display, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(display, "_LINE_SECONDS", 0.0)
    one = Trial(replace(subject(), recipe=RECIPE.changed({"epochs": ENDLESS})))
    one.stopped = lambda: one.training.progress.epoch >= 2
    with showing(True):
        one.go_on()
    told = capsys.readouterr().err
    assert "epochs trained" in told
    assert "of 100,000" not in told


def test_it_looks_at_the_validation_images_as_the_training_does() -> None:
    one = trial()
    one.go_on(epochs=2)
    loss, accuracy = one.validate()
    assert loss == one.epochs[-1]["validation_loss"]
    assert accuracy == one.epochs[-1]["validation_accuracy"]


def test_seconds_are_of_training_and_grow_with_it() -> None:
    one = trial()
    one.go_on(seconds=1e-9)
    first = one.seconds
    assert one.updates == 1
    one.validate()
    assert one.seconds == first > 0
    one.go_on(epochs=2)
    assert one.seconds > first
