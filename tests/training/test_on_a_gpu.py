"""Training on a CUDA GPU: a recorded step is the step, repeatable, and float32 is float32."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from convlens.data import Preprocessing, Split
from convlens.engines import build
from convlens.engines.cuda_graph import CudaGraph
from convlens.engines.device import compute_repeatably
from convlens.engines.torch_engine import TorchModel
from convlens.network import Network, zoo
from convlens.training.batches import TensorSet
from convlens.training.compute_settings import ComputeSettings
from convlens.training.job import Weights
from convlens.training.loop import fit
from convlens.training.recipe import Augmentation, Recipe
from convlens.training.torch_training import TorchTraining, predict

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

GPU = torch.device("cuda")
EVERYTHING = Augmentation(
    shift=0.1,
    rotate=10,
    scale=0.1,
    shear=5,
    flip="alternating",
    crop=1,
    cutout=0.2,
    erase=0.3,
    mixup=0.5,
    cutmix=1,
    brightness=0.2,
    contrast=0.2,
    saturation=0.2,
    hue=0.1,
)
NETWORK = Network(
    input=(3, 10, 10),
    classes=3,
    layers=[
        {"conv": 8, "kernel": 3},
        {"batch_norm": True},
        {"relu": True},
        {"max_pool": 2},
        {"conv": 16, "kernel": 3, "padding": 1},
        {"gelu": True},
        {"avg_pool": 2},
        {"dropout": 0.2},
        {"flatten": True},
        {"linear": 3},
    ],
)
WITHOUT_DROPOUT = NETWORK.model_copy(update={"layers": (*NETWORK.layers[:7], *NETWORK.layers[8:])})
RECIPE = Recipe(epochs=3, batch_size=16, learning_rate=0.01, ema=0.9, augmentation=EVERYTHING)
SETTINGS = [
    ComputeSettings("float32", "contiguous"),
    ComputeSettings("bfloat16", "channels_last"),
]


@pytest.fixture(autouse=True)
def as_a_program_computes() -> None:
    compute_repeatably()


def photos(count: int, seed: int, shape: tuple[int, int, int] = (3, 10, 10)) -> TensorSet:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    images = rng.integers(0, 120, (count, *shape)) + 60 * labels[:, None, None, None]
    split = Split(images=images.astype(np.uint8), labels=labels.astype(np.int64))
    means = (0.4,) * shape[0]
    return TensorSet(split, Preprocessing(input=shape, mean=means, std=means), GPU)


def begin(recipe: Recipe, compute: ComputeSettings, network: Network = NETWORK) -> TorchTraining:
    return TorchTraining(TorchModel(network, recipe.seed), recipe, 100, GPU, compute)


def trained(training: TorchTraining, stopped: Any = lambda: False) -> Weights:
    fit(training, photos(100, 0), photos(60, 1), lambda event: None, stopped)
    return training.weights()


def computed_directly(graph: CudaGraph[Any], *inputs: Any) -> Any:
    """What a call of the graph gives without recording, one kernel after another."""
    return graph._function(*inputs)


def check_equal(found: Weights, expected: Weights) -> None:
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@pytest.mark.parametrize("compute", SETTINGS, ids=str)
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "muon", "sgd"])
def test_a_recorded_training_is_the_unrecorded_one_bit_for_bit(
    optimizer: str, compute: ComputeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = RECIPE.model_copy(update={"optimizer": optimizer})
    # 100 images in batches of 16: the last batch of each epoch has a shape of its own
    recorded = trained(begin(recipe, compute, WITHOUT_DROPOUT))
    monkeypatch.setattr(CudaGraph, "__call__", computed_directly)
    check_equal(recorded, trained(begin(recipe, compute, WITHOUT_DROPOUT)))


@pytest.mark.parametrize("augmentation", [EVERYTHING, Augmentation()], ids=["mixed", "plain"])
def test_targets_of_two_classes_and_of_one_are_recorded(
    augmentation: Augmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = RECIPE.model_copy(update={"augmentation": augmentation})
    training = begin(recipe, SETTINGS[0], WITHOUT_DROPOUT)
    replayed = trained(training)
    assert isinstance(training.step, CudaGraph)
    assert training.step._graph is not None
    _, targets = training.step._inputs
    assert (targets.others is not None) == augmentation.mixes
    monkeypatch.setattr(CudaGraph, "__call__", computed_directly)
    check_equal(replayed, trained(begin(recipe, SETTINGS[0], WITHOUT_DROPOUT)))


@pytest.mark.parametrize("compute", SETTINGS, ids=str)
def test_one_seed_gives_the_same_weights_bit_for_bit(compute: ComputeSettings) -> None:
    first = trained(begin(RECIPE, compute))
    check_equal(trained(begin(RECIPE, compute)), first)
    other = trained(begin(RECIPE.changed({"seed": 1}), compute))
    assert any(not np.array_equal(array, first[name]) for name, array in other.items())


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "muon", "sgd"])
@pytest.mark.parametrize("steps", [2, 6, 12])  # with 6 the shorter last batch is seen first
def test_a_resumed_training_ends_bit_for_bit_where_an_unbroken_one_does(
    optimizer: str, steps: int
) -> None:
    recipe = RECIPE.model_copy(update={"optimizer": optimizer})
    unbroken = trained(begin(recipe, SETTINGS[0]))
    calls = itertools.count(1)
    broken = begin(recipe, SETTINGS[0])
    trained(broken, stopped=lambda: next(calls) >= steps)
    arrays, values = broken.state()
    torch.manual_seed(99)
    resumed = begin(recipe, SETTINGS[0])
    resumed.resume(arrays, values)
    check_equal(trained(resumed), unbroken)


@pytest.mark.parametrize("name", zoo.names())
def test_every_network_of_the_zoo_is_recorded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = zoo.load(name)
    network = network.adapted(network.input, 3)
    recipe = RECIPE.changed({"epochs": 1, "optimizer": "muon"})
    images = photos(100, 0, network.input)
    found = []
    for recorded in (True, False):
        torch.manual_seed(0)
        if not recorded:
            monkeypatch.setattr(CudaGraph, "__call__", computed_directly)
        training = begin(recipe, SETTINGS[0], network)
        for layer in training.module.modules():
            if isinstance(layer, torch.nn.Dropout):  # whose numbers a recording counts differently
                layer.p = 0.0
        fit(training, images, images, lambda event: None)
        found.append(training.weights())
    check_equal(*found)


def test_float32_is_float32() -> None:
    network = zoo.load("basic-resnet")
    images = np.random.default_rng(0).normal(size=(4, 1, 28, 28)).astype(np.float32)
    model = TorchModel(network)
    expected = build(network, 0, "reference")
    expected.load_weights(model.weights())
    model.module.to(GPU)
    exact = expected.logits(images)
    assert np.abs(model.logits(images) - exact).max() < 1e-5 * np.abs(exact).max()


def test_predictions_do_not_depend_on_the_batch() -> None:
    images = photos(60, 1)
    training = begin(RECIPE, SETTINGS[0])
    whole, parts = (predict(training.module, images, size) for size in (60, 7))
    torch.testing.assert_close(whole, parts, rtol=1e-5, atol=1e-6)
