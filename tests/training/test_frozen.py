"""Frozen layers keep their weights, are computed once per image, and change nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import recorded_runs
from convlens.engines import build
from convlens.engines.torch_engine import as_torch
from convlens.foundation.errors import InputError
from convlens.network import Network, zoo
from convlens.training import feature_cache, frozen
from convlens.training.engine import begin, engine
from convlens.training.job import Job
from convlens.training.loop import fit
from convlens.training.recipe import Recipe
from convlens.training.settling import settle

RECIPE = Recipe(epochs=3, batch_size=50, freeze="max_pool2", learning_rate=0.01, seed=4)
NETWORK = zoo.load("tutorial-torch")


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Job:
    monkeypatch.setenv("CONVLENS_CACHE", str(tmp_path))
    return settle(NETWORK, recorded_runs.digits(), RECIPE)


def test_frozen_arrays_stay_bit_for_bit_and_the_others_learn(job: Job) -> None:
    training = begin(job)
    before = training.weights()
    train, validation = (
        training.inputs(job.image_set(part)) for part in (job.dataset.train, job.dataset.validation)
    )
    fit(training, train, validation)
    after = training.weights()
    assert set(after) == set(NETWORK.plan().weight_shapes())
    changed = {name for name in after if not np.array_equal(before[name], after[name])}
    assert changed == {"linear1.weight", "linear1.bias"}
    assert training.best is not None
    assert set(training.best) == set(after)


def test_its_logits_are_those_of_the_whole_network_with_its_weights(job: Job) -> None:
    training = begin(job)
    images = job.image_set(job.dataset.validation)
    fit(training, training.inputs(job.image_set(job.dataset.train)), training.inputs(images))
    whole = as_torch(build(NETWORK))
    whole.load_weights(training.weights())
    pixels = torch.cat([batch for batch, _ in images.in_order(100)]).numpy()
    mine = training.logits(training.inputs(images)).numpy()
    np.testing.assert_allclose(mine, whole.logits(pixels), rtol=1e-4, atol=1e-5)


def test_it_resumes_to_the_same_weights(job: Job) -> None:
    def sets(training: frozen.FrozenTraining) -> tuple[frozen.ImageSet, frozen.ImageSet]:
        return (
            training.inputs(job.image_set(job.dataset.train)),
            training.inputs(job.image_set(job.dataset.validation)),
        )

    straight = begin(job)
    fit(straight, *sets(straight))
    first = begin(job)
    steps = iter([False] * 5 + [True] * 9)
    assert not fit(first, *sets(first), stopped=lambda: next(steps))
    arrays, values = first.state()
    # it begins with other weights: all that counts comes from the checkpoint
    other = settle(
        NETWORK, job.dataset, RECIPE.changed({"seed": 4}), weights=build(NETWORK, 9).weights()
    )
    second = begin(other)
    second.resume(arrays, values)
    fit(second, *sets(second))
    for name, array in straight.weights().items():
        np.testing.assert_array_equal(second.weights()[name], array)


def test_features_are_kept_by_layers_weights_and_pixels(job: Job, tmp_path: Path) -> None:
    training = begin(job)
    images = job.image_set(job.dataset.validation)
    (first,) = [training.inputs(images).features]
    (file,) = tmp_path.glob("features/*.safetensors")
    written = file.stat().st_mtime_ns
    again = begin(job).inputs(images).features
    assert torch.equal(first, again)
    assert list(tmp_path.glob("features/*.safetensors")) == [file]
    file.write_bytes(file.read_bytes()[:-9])  # damaged: computed again
    assert torch.equal(begin(job).inputs(images).features, first)
    assert file.stat().st_mtime_ns != written
    other = settle(NETWORK, job.dataset, RECIPE, weights=build(NETWORK, 9).weights())
    assert not torch.equal(begin(other).inputs(images).features, first)
    assert len(list(tmp_path.glob("features/*.safetensors"))) == 2


def test_nothing_is_kept_where_the_cache_is_off(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVLENS_CACHE", "off")
    training = begin(job)
    images = job.image_set(job.dataset.validation)
    assert feature_cache.file_of(training.frozen, images.in_order(32)) is None
    assert len(training.inputs(images).features) == len(images)


def test_all_freezes_up_to_the_last_linear_layer_and_its_dropout() -> None:
    layers = [
        {"conv": 4, "kernel": 3},
        {"batch_norm": True},
        {"relu": True},
        {"flatten": True},
        {"dropout": 0.5},
        {"linear": 3},
        {"softmax": True},
    ]
    assert frozen.last_frozen(Network(input=[1, 6, 6], layers=layers), "all") == "flatten1"


@pytest.mark.parametrize(
    ("freeze", "message"),
    [
        ("linear1", "no layer after it has weights"),
        ("max_pool22", "there is no layer"),
    ],
)
def test_what_cannot_be_frozen_is_refused(freeze: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        settle(NETWORK, recorded_runs.digits(), RECIPE.changed({"freeze": freeze}))


def test_a_network_is_not_frozen_inside_a_block() -> None:
    network = zoo.load("small-resnet")
    with pytest.raises(InputError, match="cannot be cut"):
        frozen.last_frozen(network, "residual1.conv1")


def test_random_changes_and_other_engines_are_refused() -> None:
    with pytest.raises(InputError, match="augmentation"):
        settle(NETWORK, recorded_runs.digits(), RECIPE.changed({"augmentation.shift": 0.1}))
    with pytest.raises(InputError, match="keras"):
        engine("keras", RECIPE)
