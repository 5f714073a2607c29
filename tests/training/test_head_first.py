"""The last layer learns first, then all of them, those further down at lower rates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import recorded_runs
from convlens.engines.torch_engine import TorchModel
from convlens.network import zoo
from convlens.training import optimise
from convlens.training.engine import begin
from convlens.training.features import FeatureSet
from convlens.training.frozen import FrozenTraining
from convlens.training.job import Job
from convlens.training.loop import fit
from convlens.training.recipe import Recipe, load, names
from convlens.training.settling import settle

NETWORK = zoo.load("compact-batch-norm")
CUT = NETWORK.plan().cuts[2]
RECIPE = Recipe(
    epochs=3, batch_size=50, freeze=CUT, head_epochs=2, layer_decay=0.5, ema=0.9, seed=4
)


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Job:
    monkeypatch.setenv("CONVLENS_CACHE", str(tmp_path))
    return settle(NETWORK, recorded_runs.digits(), RECIPE)


def sets(training: FrozenTraining, job: Job) -> tuple[FeatureSet, FeatureSet]:
    return (
        training.inputs(job.image_set(job.dataset.train)),
        training.inputs(job.image_set(job.dataset.validation)),
    )


def test_each_layer_has_its_rate_and_batch_norm_that_of_its_filters() -> None:
    factors = optimise.layer_factors(NETWORK.plan(), 0.5)
    optimizer = optimise.optimizer(TorchModel(NETWORK).module, RECIPE, factors=factors)
    by_size = [
        (group["factor"], sum(p.numel() for p in group["params"]))
        for group in optimizer.param_groups
    ]
    assert {factor for factor, _ in by_size} == set(factors.values())
    assert sum(count for _, count in by_size) == NETWORK.plan().parameters
    assert factors["batch_norm1"] == factors["conv1"] < factors["conv2"] < factors["linear2"] == 1


def test_only_the_last_layer_learns_at_first_and_the_statistics_stay(job: Job) -> None:
    training = begin(job)
    begun = training.weights()
    stopped: list[dict[str, np.ndarray]] = []

    def note(event: dict[str, object]) -> None:
        if event["event"] == "epoch":
            stopped.append(training.rest.model.weights())

    fit(training, *sets(training, job), on_event=note)
    learned = {name for name in stopped[0] if not np.array_equal(stopped[1][name], begun[name])}
    assert learned == {"linear2.weight", "linear2.bias"}
    changed = {n for n in stopped[0] if not np.array_equal(stopped[2][n], stopped[1][n])}
    assert changed == set(stopped[0])


def test_it_resumes_between_the_two_to_the_same_weights(job: Job) -> None:
    straight = begin(job)
    fit(straight, *sets(straight, job))
    for steps in (5, straight.steps_per_epoch * 2 + 1):
        first, count = begin(job), iter([False] * steps + [True] * 99)
        assert not fit(first, *sets(first, job), stopped=lambda count=count: next(count))
        second = begin(job)
        second.resume(*first.state())
        fit(second, *sets(second, job))
        for name, array in straight.weights().items():
            np.testing.assert_array_equal(second.weights()[name], array)


def test_the_recipes_for_photos_freeze_where_the_published_network_can_be_cut() -> None:
    assert {"photos", "photos-tuned", "photos-scratch"} <= set(names())
    tuned = load("photos-tuned")
    assert tuned.freeze in zoo.load("efficientnet-lite0").plan().cuts
    assert 0 < tuned.head_epochs < tuned.epochs
    assert load("photos-scratch").freeze == "none"
