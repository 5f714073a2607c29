"""The loop: what it counts, what it keeps, and that it can be stopped and repeated exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from convlens.data import Preprocessing, Split
from convlens.engines.torch_engine import TorchModel
from convlens.network import Network
from convlens.training.batches import TensorSet
from convlens.training.compute_settings import ComputeSettings
from convlens.training.events import Event
from convlens.training.loop import fit
from convlens.training.monitor import Diverged
from convlens.training.recipe import Augmentation, Recipe
from convlens.training.torch_training import TorchTraining, predict

CPU = torch.device("cpu")
PLAIN = ComputeSettings("float32", "contiguous")
NETWORK = Network(
    input=(1, 8, 8),
    classes=3,
    layers=[
        {"conv": 4, "kernel": 3},
        {"batch_norm": True},
        {"relu": True},
        {"max_pool": 2},
        {"conv": 6, "kernel": 3, "padding": 1},
        {"relu": True},
        {"dropout": 0.2},
        {"flatten": True},
        {"linear": 3},
    ],
)
RECIPE = Recipe(epochs=3, batch_size=16, learning_rate=0.01, ema=0.9)


def stripes(count: int, seed: int) -> TensorSet:
    """Noisy images of three kinds: a bright top, middle or bottom."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    images = rng.integers(0, 120, (count, 1, 8, 8))
    for image, label in zip(images, labels, strict=True):
        image[0, label * 3 : label * 3 + 2] += 120
    split = Split(images=images.astype(np.uint8), labels=labels.astype(np.int64))
    return TensorSet(split, Preprocessing(input=(1, 8, 8), mean=(0.3,), std=(0.3,)), CPU)


def begin(recipe: Recipe = RECIPE, network: Network = NETWORK) -> TorchTraining:
    return TorchTraining(TorchModel(network, recipe.seed), recipe, 100, CPU, PLAIN)


def run(training: TorchTraining, stopped: Any = lambda: False) -> list[Event]:
    events: list[Event] = []
    fit(training, stripes(100, 0), stripes(60, 1), events.append, stopped)
    return [event for event in events if event["event"] == "epoch"]


def test_it_learns() -> None:
    events = run(begin(RECIPE.changed({"epochs": 12})))
    assert events[-1]["validation_accuracy"] > 0.95
    assert events[-1]["validation_loss"] < events[0]["validation_loss"]


def test_the_epochs_loss_is_the_mean_over_its_images_not_the_last_batches() -> None:
    recipe = RECIPE.changed({"epochs": 1, "learning_rate": 1e-30, "schedule": "constant"})
    network = NETWORK.model_copy(
        update={"layers": (NETWORK.layers[0], *NETWORK.layers[2:6], *NETWORK.layers[7:])}
    )
    training = begin(recipe, network)  # no dropout, no batch norm: the loss is a plain mean
    expected = F.cross_entropy(predict(training.module, stripes(100, 0)), stripes(100, 0).labels)
    assert run(training)[0]["train_loss"] == pytest.approx(expected.item(), rel=1e-5)


def test_the_best_weights_are_those_of_the_lowest_validation_loss() -> None:
    training = begin(RECIPE.changed({"epochs": 6, "learning_rate": 0.3, "ema": 0}))
    events = run(training)
    best = min(events, key=lambda event: event["validation_loss"])
    assert training.progress.best_epoch == best["epoch"]
    assert training.progress.best_accuracy == best["validation_accuracy"]
    model = TorchModel(NETWORK)
    assert training.best is not None
    model.load_weights(training.best)
    loss = F.cross_entropy(predict(model.module, stripes(60, 1)), stripes(60, 1).labels)
    assert loss.item() == pytest.approx(best["validation_loss"], rel=1e-6)


def test_the_validation_loss_is_logged_with_and_without_label_smoothing() -> None:
    training = begin(RECIPE.changed({"label_smoothing": 0.2}))
    *_, last = run(training)
    validation = stripes(60, 1)
    logits = predict(training.evaluated, validation)
    plain = F.cross_entropy(logits, validation.labels).item()
    smoothed = F.cross_entropy(logits, validation.labels, label_smoothing=0.2).item()
    assert last["validation_cross_entropy"] == pytest.approx(plain, abs=1e-6)
    assert last["validation_loss"] == pytest.approx(smoothed, abs=1e-6)
    assert smoothed > plain + 0.01
    *_, last = run(begin())
    assert last["validation_cross_entropy"] == last["validation_loss"]


PATIENT = RECIPE.changed({"epochs": 200, "patience": 3, "schedule": "constant", "batch_size": 8})


def test_patience_ends_a_training_that_finds_no_lower_validation_loss() -> None:
    training = begin(PATIENT)
    events = run(training)
    losses = [event["validation_loss"] for event in events]
    assert len(events) < 200
    assert len(events) == training.progress.best_epoch + 3
    assert losses.index(min(losses)) + 1 == training.progress.best_epoch


def test_a_resumed_training_runs_out_of_patience_where_an_unbroken_one_does() -> None:
    whole = begin(PATIENT)
    run(whole)
    steps = 0

    def stopped() -> bool:
        nonlocal steps
        steps += 1
        return steps == whole.steps_per_epoch * (whole.progress.epoch - 1) + 2

    broken = begin(PATIENT)
    assert not fit(broken, stripes(100, 0), stripes(60, 1), lambda event: None, stopped)
    resumed = begin(PATIENT)
    resumed.resume(*broken.state())
    run(resumed)
    assert resumed.progress.epoch == whole.progress.epoch
    assert whole.best is not None
    assert resumed.best is not None
    for name, array in whole.best.items():
        assert np.array_equal(array, resumed.best[name])


def test_one_seed_gives_the_same_weights_bit_for_bit() -> None:
    recipe = RECIPE.changed({"augmentation.rotate": 10.0, "augmentation.shift": 0.1})
    weights = []
    for _ in range(2):
        training = begin(recipe)
        run(training)
        weights.append(training.weights())
    for name, array in weights[0].items():
        np.testing.assert_array_equal(array, weights[1][name])
    other = begin(recipe.changed({"seed": 1}))
    run(other)
    assert any(not np.array_equal(a, weights[0][n]) for n, a in other.weights().items())


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "muon", "sgd"])
@pytest.mark.parametrize("steps", [3, 7, 12])
def test_a_resumed_training_ends_bit_for_bit_where_an_unbroken_one_does(
    optimizer: str, steps: int
) -> None:
    augmentation = Augmentation(shift=0.1, rotate=10, flip="alternating", erase=0.3, cutmix=1)
    recipe = RECIPE.model_copy(update={"optimizer": optimizer, "augmentation": augmentation})
    unbroken = begin(recipe)
    expected = run(unbroken)
    calls = iter(range(1000))
    broken = begin(recipe)
    before = run(broken, stopped=lambda: next(calls) >= steps - 1)
    arrays, values = broken.state()
    torch.manual_seed(99)  # whatever happened in between does not matter
    resumed = begin(recipe)
    resumed.resume(arrays, values)
    after = run(resumed)
    for name, array in unbroken.weights().items():
        np.testing.assert_array_equal(array, resumed.weights()[name])
    assert [e["train_loss"] for e in before + after] == [e["train_loss"] for e in expected]
    assert resumed.progress.best_epoch == unbroken.progress.best_epoch


def test_fault_24_a_loss_that_is_not_finite_stops_at_its_step_and_keeps_good_weights() -> None:
    training = begin(RECIPE.changed({"learning_rate": 100, "optimizer": "sgd", "ema": 0}))
    training.recipe = training.recipe.model_copy(update={"learning_rate": 1e30})
    training.rate_at = lambda step: 1e30
    with pytest.raises(Diverged) as error:
        run(training)
    assert "epoch 1, step" in error.value.what
    assert "`learning_rate=" in error.value.fix
    assert all(np.isfinite(array).all() for array in error.value.weights.values())


def test_weight_decay_leaves_biases_and_batch_norm_alone() -> None:
    groups = begin().optimizer.param_groups
    assert all(p.ndim > 1 for p in groups[0]["params"])
    assert groups[0]["weight_decay"] == RECIPE.weight_decay
    assert all(p.ndim == 1 for p in groups[1]["params"])
    assert groups[1]["weight_decay"] == 0


def test_it_learns_from_mixed_images_and_counts_against_the_larger_part() -> None:
    events = run(begin(RECIPE.changed({"epochs": 12, "augmentation.mixup": 0.4})))
    assert events[-1]["validation_accuracy"] > 0.95
    assert events[-1]["train_accuracy"] > 0.8


def test_an_epoch_may_draw_a_share_of_the_images_and_another_one_each_time() -> None:
    recipe = RECIPE.changed({"epoch_share": 0.3})
    training = begin(recipe)
    assert training.steps_per_epoch == 3  # of the 7 batches of 100 images by 16
    train = stripes(100, 0)
    seen: list[list[int]] = []
    original = train.batch

    def batch(index: torch.Tensor) -> Any:
        seen[-1].extend(index.tolist())
        return original(index)

    train.batch = batch  # type: ignore[method-assign]

    def note(event: Event) -> None:
        if event["event"] == "epoch":
            seen.append([])

    seen.append([])
    assert fit(training, train, stripes(60, 1), note)
    drawn = [set(images) for images in seen[:3]]
    assert [len(images) for images in drawn] == [48, 48, 48]
    assert drawn[0] != drawn[1] != drawn[2]


def test_a_stopped_training_of_shares_goes_on_bit_for_bit() -> None:
    recipe = RECIPE.changed({"epoch_share": 0.5})
    whole = begin(recipe)
    run(whole)
    steps = iter(range(1000))
    first = begin(recipe)
    run(first, lambda: next(steps) == 5)  # in the middle of the second epoch
    arrays, values = first.state()
    second = begin(recipe)
    second.resume(arrays, values)
    run(second)
    for name, array in whole.weights().items():
        assert np.array_equal(array, second.weights()[name]), name
