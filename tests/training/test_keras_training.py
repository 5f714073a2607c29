"""Keras's fit: PyTorch's numbers from the same recipe, and a run that can be broken and resumed."""

from __future__ import annotations

import re
from ast import literal_eval
from typing import Any

import numpy as np
import pytest
import torch

from convlens.data import Preprocessing, Split
from convlens.engines import build
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import DataError, InputError, RunError
from convlens.network import Network
from convlens.training.batches import TensorSet
from convlens.training.compute_settings import ComputeSettings
from convlens.training.events import Event
from convlens.training.loop import fit
from convlens.training.monitor import Diverged
from convlens.training.recipe import Recipe
from convlens.training.torch_training import TorchTraining

pytest.importorskip("keras", reason="needs the extra keras")

CPU = torch.device("cpu")
PLAIN = [
    {"conv": 4, "kernel": 3},
    {"relu": True},
    {"max_pool": 2},
    {"flatten": True},
    {"linear": 3},
]
NORMED = [PLAIN[0], {"batch_norm": True}, *PLAIN[1:3], {"dropout": 0.2}, *PLAIN[3:]]
RECIPE = Recipe(epochs=3, batch_size=16, learning_rate=0.01)


def network(layers: list[dict[str, Any]]) -> Network:
    return Network(input=(1, 8, 8), classes=3, layers=layers)


def stripes(count: int, seed: int) -> TensorSet:
    """Noisy images of three kinds: a bright top, middle or bottom."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    images = rng.integers(0, 120, (count, 1, 8, 8))
    for image, label in zip(images, labels, strict=True):
        image[0, label * 3 : label * 3 + 2] += 120
    split = Split(images=images.astype(np.uint8), labels=labels.astype(np.int64))
    preprocessing = Preprocessing(input=(1, 8, 8), mean=(0.3,), std=(0.3,))
    return TensorSet(split, preprocessing, CPU, torch.channels_last)


def begin(recipe: Recipe = RECIPE, layers: list[dict[str, Any]] = NORMED) -> Any:
    from convlens.training.keras_training import KerasTraining

    return KerasTraining(build(network(layers), recipe.seed, "keras"), recipe, 100)


def run(training: Any, stopped: Any = lambda: False) -> list[Event]:
    events: list[Event] = []
    fit(training, stripes(100, 0), stripes(60, 1), events.append, stopped)
    return [event for event in events if event["event"] == "epoch"]


def run_torch(recipe: Recipe, layers: list[dict[str, Any]]) -> tuple[TorchTraining, list[Event]]:
    plain = ComputeSettings("float32", "contiguous")
    training = TorchTraining(TorchModel(network(layers), recipe.seed), recipe, 100, CPU, plain)
    events: list[Event] = []
    fit(training, stripes(100, 0), stripes(60, 1), events.append)
    return training, [event for event in events if event["event"] == "epoch"]


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adam", "weight_decay": 0.1},
        {"optimizer": "sgd", "schedule": "cosine"},
        {"optimizer": "muon", "momentum": 0.8},
        {"label_smoothing": 0.1, "ema": 0.8, "augmentation.rotate": 20.0},
    ],
    ids=str,
)
def test_one_recipe_gives_torchs_epochs_and_weights(changes: dict[str, Any]) -> None:
    recipe = RECIPE.changed(changes)
    theirs, expected = run_torch(recipe, PLAIN)
    ours = begin(recipe, PLAIN)
    for event, other in zip(run(ours), expected, strict=True):
        assert list(event) == list(other)
        for key in ("train_loss", "validation_loss", "learning_rate"):
            assert event[key] == pytest.approx(other[key], rel=2e-4), key
        for key in ("epoch", "train_accuracy", "validation_accuracy"):
            assert event[key] == pytest.approx(other[key], abs=0.02), key
    for name, array in theirs.weights().items():
        np.testing.assert_allclose(ours.weights()[name], array, atol=2e-4, err_msg=name)
    assert ours.progress.best_epoch == theirs.progress.best_epoch


def test_patience_ends_a_training_where_torchs_ends_and_when_it_is_resumed() -> None:
    recipe = RECIPE.changed(
        {"epochs": 60, "patience": 2, "schedule": "constant", "batch_size": 8, "ema": 0}
    )
    whole = begin(recipe)
    events = run(whole)
    assert len(events) == whole.progress.best_epoch + 2 < 60
    broken = begin(recipe)
    run(broken, lambda: broken.progress.epoch == whole.progress.epoch - 1)
    resumed = begin(recipe)
    resumed.resume(*broken.state())
    left = run(resumed)
    assert resumed.progress.epoch == whole.progress.epoch
    assert left[-1]["validation_loss"] == events[-1]["validation_loss"]


def test_an_average_takes_batch_norms_moments_with_it() -> None:
    training = begin(RECIPE.changed({"ema": 0.9, "epochs": 1}))
    seen: list[dict[str, Any]] = []
    run(training, stopped=lambda: bool(seen.append(training.model.weights())))
    average = seen[0]
    for update, after in enumerate(seen[1 : training.steps_per_epoch], start=1):
        share = max(0.1, 9 / (10 + update))  # much at first, then what the recipe leaves
        average = {name: a + share * (after[name] - a) for name, a in average.items()}
    for name, array in training.weights().items():
        np.testing.assert_allclose(array, average[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_the_epochs_loss_is_the_mean_over_its_images() -> None:
    recipe = RECIPE.changed({"epochs": 1, "learning_rate": 1e-30, "schedule": "constant"})
    training = begin(recipe, PLAIN)
    images, labels = next(stripes(100, 0).in_order(100))
    logits = torch.from_numpy(training.model.logits(images.numpy()))
    expected = torch.nn.functional.cross_entropy(logits, labels).item()
    assert run(training)[0]["train_loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("optimizer", "epoch", "step"), [("adam", 0, 3), ("adamw", 1, 0), ("muon", 0, 2), ("sgd", 1, 2)]
)
def test_a_resumed_training_ends_bit_for_bit_where_an_unbroken_one_does(
    optimizer: str, epoch: int, step: int
) -> None:
    recipe = RECIPE.changed({"optimizer": optimizer, "ema": 0.9, "augmentation.shift": 0.1})
    unbroken = begin(recipe)
    expected = run(unbroken)
    broken = begin(recipe)
    progress = broken.progress
    before = run(broken, stopped=lambda: (progress.epoch, progress.step) == (epoch, step))
    assert (progress.epoch, progress.step) == (epoch, step)
    arrays, values = broken.state()
    resumed = begin(recipe)
    resumed.resume(arrays, values)
    after = run(resumed)
    for name, array in unbroken.weights().items():
        np.testing.assert_array_equal(array, resumed.weights()[name])
    losses = [event["train_loss"] for event in before + after]
    assert losses == pytest.approx([event["train_loss"] for event in expected], rel=1e-6)
    assert resumed.progress.best_epoch == unbroken.progress.best_epoch


def test_a_checkpoint_of_another_backend_or_recipe_changes_nothing() -> None:
    training = begin()
    arrays, values = training.state()
    before = training.weights()
    other = {name: array + 1 for name, array in arrays.items()}
    with pytest.raises(RunError, match="trained on Keras's backend jex"):
        training.resume(other, {**values, "keras_backend": "jex"})
    missing = {name: array for name, array in other.items() if name != "keras.optimizer.0"}
    with pytest.raises(RunError, match=r"optimizer\.0 is missing"):
        training.resume(missing, values)
    for name, array in training.weights().items():
        np.testing.assert_array_equal(array, before[name])


def test_fault_24_a_loss_that_is_not_finite_stops_at_its_step_and_keeps_good_weights() -> None:
    changes = {"learning_rate": 100.0, "optimizer": "sgd", "schedule": "constant"}
    training = begin(RECIPE.changed(changes), PLAIN)
    training.model.load_weights({n: a * 1e15 for n, a in training.weights().items()})
    with pytest.raises(Diverged) as error:
        run(training)
    assert "epoch 1, step" in error.value.what
    assert all(np.isfinite(array).all() for array in error.value.weights.values())


def test_an_error_in_making_a_batch_comes_out_as_itself() -> None:
    class Broken(TensorSet):
        def shuffled(self, *arguments: Any) -> Any:
            for number, batch in enumerate(super().shuffled(*arguments)):
                if number == 4:
                    raise DataError("image 70 is damaged", "a readable image", "remove it")
                yield batch

    images = stripes(100, 0)
    images.__class__ = Broken
    with pytest.raises(DataError, match="image 70 is damaged"):
        fit(begin(), images, stripes(60, 1), lambda event: None)


@pytest.mark.parametrize(
    ("changes", "device", "message"),
    [
        ({"precision": "bfloat16"}, "auto", "precision bfloat16"),
        ({"memory_format": "contiguous"}, "auto", "memory_format contiguous"),
        ({}, "cuda", 'device "cuda"'),
    ],
)
def test_what_keras_does_not_do_is_refused_before_anything(
    changes: dict[str, Any], device: str, message: str
) -> None:
    from convlens.training.keras_training import KerasTraining

    with pytest.raises(InputError, match=f"does not train with {message}"):
        KerasTraining.settle(network(PLAIN), RECIPE.changed(changes), device)
    _, compute = KerasTraining.settle(network(PLAIN), RECIPE, "cpu")
    assert compute == ComputeSettings("float32", "channels_last")


def test_all_that_keras_refuses_is_told_at_once_and_what_is_advised_is_taken() -> None:
    from convlens.training.keras_training import KerasTraining

    changes = {"precision": "bfloat16", "memory_format": "contiguous", "threads": 1}
    with pytest.raises(
        InputError, match="bfloat16, memory_format contiguous, threads 1"
    ) as refused:
        KerasTraining.settle(network(PLAIN), RECIPE.changed(changes), "cpu")
    advised = {
        key: literal_eval(value)
        for key, value in re.findall(r"`(\w+)=([^`]*)`", refused.value.fix)
        if key != "engine"
    }
    KerasTraining.settle(network(PLAIN), RECIPE.changed({**changes, **advised}), "cpu")


@pytest.mark.parametrize("bfloat16", [True, False])
def test_the_engine_torch_is_advised_where_it_can_do_what_is_asked(
    bfloat16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convlens.training import keras_training

    monkeypatch.setattr(keras_training, "supports_bfloat16", lambda device: bfloat16)
    with pytest.raises(InputError) as refused:
        keras_training.KerasTraining.settle(
            network(PLAIN), RECIPE.changed({"precision": "bfloat16"}), "cpu"
        )
    assert ("engine='torch'" in refused.value.fix) == bfloat16
