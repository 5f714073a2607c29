"""Precision and threads: what is computed the same way comes out the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from convlens import data
from convlens.engines.device import supports_bfloat16
from convlens.foundation.errors import InputError, TrainingError
from convlens.foundation.machine import available_cores
from convlens.studies import child, precision, threads
from convlens.studies.study import Bench, Options, Subject
from convlens.training.settling import settle
from recorded_runs import NETWORK
from studies.example import RECIPE, bench, subject


def test_every_precision_and_layout_of_the_device_is_tried(tmp_path: Path) -> None:
    one = bench(tmp_path, "precision", epochs=1, seeds=1)
    found = precision.study(one)
    pairs = [(row["precision"], row["memory_format"]) for row in found.results["variants"]]
    kinds = ["float32"] + ["bfloat16"] * supports_bfloat16(one.subject.device)
    assert pairs == [(k, layout) for k in kinds for layout in ("contiguous", "channels_last")]
    losses = [row["train_losses"][0] for row in found.results["variants"]]
    assert max(losses) - min(losses) < 0.1


def whole_digits(tmp_path: Path) -> Bench:
    """A bench on data that a process of its own can read again, as it must."""
    dataset = data.load("digits-5k", validation=0.5)
    recipe = RECIPE.changed({"epochs": 1, "batch_size": 200})
    job = settle(NETWORK, dataset, recipe, "cpu")
    small = Subject(**vars(job), reload=lambda recipe: dataset)
    first = bench(tmp_path)
    return Bench("threads", small, Options(("1",), 1, 1), first.journal, first.interrupt)


def test_a_process_of_its_own_trains_as_this_one_does(tmp_path: Path) -> None:
    one = whole_digits(tmp_path)
    found = threads.study(one)
    here = one.training("here", {}, recipe=one.subject.recipe)
    [row] = found.results["variants"]
    assert row["threads"] == 1
    assert row["validation_accuracies"] == [here["validation_accuracy"]]
    assert row["times_as_fast"] == 1.0


def test_more_threads_than_cores_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the cores that this process may use"):
        threads.study(bench(tmp_path, "threads", values=(str(available_cores() + 1),)))


def test_a_process_that_fails_says_what_it_said(tmp_path: Path) -> None:
    one = bench(tmp_path)
    broken = subject()
    object.__setattr__(broken.dataset, "source", str(tmp_path / "absent"))
    one.subject = broken
    try:
        with pytest.raises(TrainingError, match="1 threads ended with"):
            child.train(one, RECIPE, 1)
    finally:
        object.__setattr__(broken.dataset, "source", "digits-5k")
