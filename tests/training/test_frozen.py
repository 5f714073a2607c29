"""Frozen layers keep their weights, are computed once per image, and change nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import recorded_runs
from convlens.engines import build
from convlens.engines.torch_engine import as_torch
from convlens.foundation.errors import InputError
from convlens.network import Network, zoo
from convlens.training import frozen
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


def computed(training: frozen.FrozenTraining, images: frozen.ImageSet) -> tuple[torch.Tensor, int]:
    """Return the features of images, and how many of them were computed."""
    count = 0

    def note(module: object, inputs: tuple[torch.Tensor, ...], output: object) -> None:
        nonlocal count
        count += len(inputs[0])

    own = training._compute
    training._compute = lambda batch: (note(None, (batch,), None), own(batch))[1]  # type: ignore
    features = torch.cat([batch for batch, _ in training.inputs(images).in_order(100)])
    return features, count


def test_features_are_kept_by_layers_weights_and_pixels(job: Job) -> None:
    images = job.image_set(job.dataset.validation)
    first, count = computed(begin(job), images)
    assert count == len(images)
    again, count = computed(begin(job), images)
    assert torch.equal(first, again)
    assert count == 0
    other = settle(NETWORK, job.dataset, RECIPE, weights=build(NETWORK, 9).weights())
    different, count = computed(begin(other), images)
    assert count == len(images)
    assert not torch.equal(different, first)


def test_nothing_is_kept_where_the_cache_is_off(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVLENS_CACHE", "off")
    images = job.image_set(job.dataset.validation)
    for _ in range(2):
        assert computed(begin(job), images)[1] == len(images)


def test_a_set_beyond_memory_trains_to_the_same_weights(job: Job) -> None:
    """Features stay on the disk where they are more than the memory that may be used."""

    def trained(memory: int | None) -> dict[str, np.ndarray]:
        training = begin(job)
        training.memory = memory
        fit(
            training,
            training.inputs(job.image_set(job.dataset.train)),
            training.inputs(job.image_set(job.dataset.validation)),
        )
        return training.weights()

    in_memory, on_disk = trained(None), trained(1000)
    for name, array in in_memory.items():
        np.testing.assert_array_equal(on_disk[name], array)


def test_memory_stays_flat_where_features_are_many(tmp_path: Path) -> None:
    """400 MB of features of 20,000 images, trained on in a process that may keep 20 MB of them."""
    program = """
import resource, sys, numpy as np, torch
from convlens.data import Preprocessing, Split
from convlens.engines.torch_engine import TorchModel
from convlens.network import zoo
from convlens.training.batches import TensorSet
from convlens.training.feature_cache import FeatureCache
from convlens.training.features import FeatureSet
from convlens.training.recipe import Augmentation, Recipe

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

torch.set_num_threads(1)
layers = TorchModel(zoo.load("tutorial-torch").plan().cut("max_pool1")[0])
preparing = Preprocessing((1, 28, 28), (0.1,), (0.3,))
pixels = np.random.default_rng(0).integers(0, 256, (20000, 1, 28, 28), np.uint8)
images = TensorSet(Split(pixels, np.zeros(20000, np.int64)), preparing, torch.device("cpu"))
module = layers.module.eval().requires_grad_(False)
module(torch.zeros(16, 1, 28, 28))
before = peak()
features = FeatureSet(
    images, module, FeatureCache(layers, preparing), Recipe(), torch.device("cpu"), 20_000_000
)
total = sum(len(batch) for batch, _ in features.shuffled(128, Augmentation(), 0, 0))
assert total == 20000
print(peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "CONVLENS_CACHE": str(tmp_path)},
    )
    assert sum(file.stat().st_size for file in tmp_path.rglob("*.npy")) > 400e6
    assert float(done.stdout) < 100


VIEWS = RECIPE.changed({"views": 2, "augmentation.shift": 0.2})


def test_a_view_follows_from_the_seed_its_number_and_the_pixels(job: Job) -> None:
    with_views = settle(NETWORK, job.dataset, VIEWS)
    whole = with_views.image_set(job.dataset.train)
    part = with_views.image_set(job.dataset.train.take(np.asarray([7, 3])))
    of_whole, of_part = (begin(with_views).inputs(images) for images in (whole, part))
    plain, first, second = (of_whole.view(v)(torch.tensor([7, 3])) for v in (0, 1, 2))
    assert not torch.equal(plain, first)
    assert not torch.equal(first, second)
    assert torch.equal(of_part.view(1)(torch.tensor([0, 1])), first)
    other = settle(
        NETWORK, job.dataset, VIEWS.changed({"seed": 5}), weights=build(NETWORK, 4).weights()
    )
    assert not torch.equal(begin(other).inputs(part).view(1)(torch.tensor([0, 1])), first)


def test_epochs_take_turns_with_the_views_and_validation_sees_none(job: Job) -> None:
    with_views = settle(NETWORK, job.dataset, VIEWS)
    features = begin(with_views).inputs(with_views.image_set(job.dataset.validation))
    epochs = [
        torch.cat([batch for batch, _ in features.shuffled(50, VIEWS.augmentation, 4, epoch)])
        for epoch in range(4)
    ]
    sums = [epoch.double().sum().item() for epoch in epochs]
    assert sums[0] == pytest.approx(sums[3], rel=1e-9)
    assert len({round(value, 3) for value in sums[:3]}) == 3
    plain = begin(job).inputs(job.image_set(job.dataset.validation))
    assert torch.equal(next(features.in_order(50))[0], next(plain.in_order(50))[0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"augmentation.shift": 0.1}, "changes images"),
        ({"views": 3}, "nothing that changes images"),
        ({"views": 3, "augmentation.mixup": 0.2}, "mixes images"),
        ({"views": 3, "augmentation.shift": 0.1, "freeze": "none"}, "freezes no layers"),
    ],
)
def test_views_and_changes_that_do_not_go_together_are_refused(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        settle(NETWORK, recorded_runs.digits(), RECIPE.changed(settings))


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


def test_keras_trains_the_layers_after_the_frozen_ones(job: Job) -> None:
    pytest.importorskip("keras")
    with_keras = settle(NETWORK, job.dataset, RECIPE, engine_name="keras")
    training = begin(with_keras)
    before = training.weights()
    train, validation = (
        training.inputs(with_keras.image_set(part))
        for part in (job.dataset.train, job.dataset.validation)
    )
    fit(training, train, validation)
    after = training.weights()
    changed = {name for name in after if not np.array_equal(before[name], after[name])}
    assert changed == {"linear1.weight", "linear1.bias"}
    same = settle(NETWORK, job.dataset, RECIPE, weights=before)
    torch_training = begin(same)
    fit(
        torch_training,
        torch_training.inputs(train.images),
        torch_training.inputs(validation.images),
    )
    mine, other = after["linear1.weight"], torch_training.weights()["linear1.weight"]
    # Adam divides by the size of a gradient, and those of a few weights are rounding alone
    assert np.mean(~np.isclose(mine, other, rtol=0.02, atol=2e-3)) < 1e-3
    assert np.abs(mine - other).mean() < 0.02 * np.abs(mine - before["linear1.weight"]).mean()


def test_keras_refuses_what_it_does_not_do() -> None:
    with pytest.raises(InputError, match="one rate"):
        engine("keras", RECIPE.changed({"layer_decay": 0.9}))
