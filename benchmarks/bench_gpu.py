"""Claim: on a GPU a training step waits for the GPU, not for Python; what the recipes take there.

Protocol: one CUDA GPU, one process, nothing beside it. First the milliseconds of a training step
(batch with its random changes, update, average of the weights), for the networks and recipes
below: recorded, as convlens trains, and not recorded, one kernel after another; 120 steps each
after 20, twice in turn, the quicker of the two counts. The hand-written loop of
`bench_step_overhead.py`, on the same GPU, stands beside the first (an epoch, three times in turn,
the quickest counts). Then trainings of the named recipes as in `bench_recipes.py`: nothing but the
seed changes, the epoch is chosen by the validation split, and the test set is read once a training.
Seconds are of the training steps, after a training that is not counted, in which the GPU's
libraries are loaded.

Expected duration on an H100: 4 min. Arguments: RECIPE ... The file is written after each recipe,
so that a run that is cut off keeps what it has.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from unittest import mock

import torch

import bench_recipes
import bench_step_overhead
from convlens import Dataset, data
from convlens.engines.cuda_graph import CudaGraph
from convlens.engines.device import choose_device, describe, synchronize
from convlens.network import Network, zoo
from convlens.training import recipe as recipes
from convlens.training.batches import ImageSet
from convlens.training.recipe import Recipe
from convlens.training.settling import settle
from convlens.training.torch_training import TorchTraining
from measure import keep

STEPS = (
    ("fast-mnist", "mnist", "one-epoch"),
    ("compact-batch-norm", "mnist", "mnist-fast"),
    ("deep-batch-norm", "mnist", "mnist-best"),
    ("small-resnet", "cifar10-subset", "cifar-fast"),
    ("basic-resnet", "cifar10-subset", "cifar-best"),
)
TRAININGS = {
    # recipe: seeds
    "mnist-fast": 10,
    "cifar-fast": 3,
    "cifar-best": 3,
    "mnist-best": 3,
    "two-epochs": 5,
    "mnist-small": 3,
}
GPU = "cuda"


def steps_of(training: TorchTraining, images: ImageSet) -> Iterator[Callable[[], None]]:
    """Yield whole steps of a training for ever; an epoch's shorter last batch is left out."""
    recipe, epoch = training.recipe, 0

    def step(batch: Any) -> None:
        training.set_rate(epoch)
        training.step(*batch)
        if training.average is not None:
            training.average.update()

    while True:
        for batch in images.shuffled(recipe.batch_size, recipe.augmentation, 0, epoch):
            if len(batch[0]) == recipe.batch_size:
                yield lambda batch=batch: step(batch)
        epoch += 1


def milliseconds(network: Network, dataset: Dataset, recipe: Recipe) -> float:
    """Return what a whole step takes."""
    job = settle(network, dataset, recipe, GPU)
    training = TorchTraining.begin(job)
    images = job.image_set(dataset.train)
    training.module.train()
    steps = steps_of(training, images)
    for step in islice(steps, 20):
        step()
    synchronize(job.device)
    started = time.perf_counter()
    for step in islice(steps, 120):
        step()
    synchronize(job.device)
    return 1000 * (time.perf_counter() - started) / 120


def unrecorded() -> Any:
    """Within it, what would be recorded is computed as it is."""
    return mock.patch.object(CudaGraph, "__call__", lambda self, *inputs: self._function(*inputs))


def measured_step(network: str, place: str, recipe_name: str) -> dict[str, Any]:
    recipe = recipes.load(recipe_name)
    dataset = data.load(place, validation=recipe.validation)
    fitted = zoo.load(network).adapted(dataset.preprocessing.input, len(dataset.classes))
    recorded, plain = [], []
    for _ in range(2):
        recorded.append(milliseconds(fitted, dataset, recipe))
        with unrecorded():
            plain.append(milliseconds(fitted, dataset, recipe))
    return {
        "network": network,
        "data": place,
        "recipe": recipe_name,
        "batch": recipe.batch_size,
        "recorded_ms": round(min(recorded), 3),
        "not_recorded_ms": round(min(plain), 3),
        "ratio": round(min(plain) / min(recorded), 2),
    }


def hand_written() -> dict[str, Any]:
    """Time an epoch of the hand-written loop and of convlens, three times in turn."""
    seconds, _ = bench_step_overhead.in_turn("mnist", choose_device(GPU))
    best = {who: min(values) for who, values in seconds.items()}
    ratio = best["hand_written"] / best["convlens"]
    return {
        "seconds": {who: [round(v, 3) for v in values] for who, values in seconds.items()},
        "ratio": round(ratio, 2),
    }


def trainings(recipe: str, seeds: int) -> dict[str, Any]:
    network, place, _ = bench_recipes.RECIPES[recipe]
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            bench_recipes.train(recipe, network, place, seed, Path(folder), GPU)
            for seed in range(seeds)
        ]
    return {"network": network, "data": place} | bench_recipes.summary(network, place, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=list(TRAININGS), metavar="RECIPE")
    given = parser.parse_args()
    if not torch.cuda.is_available():
        print("left out: this machine has no CUDA GPU")
        return
    gpu = describe(choose_device(GPU))["device"]
    warnings.filterwarnings("ignore", "This instance was constructed with capturable=True")
    trainings("mnist-fast", 1)
    found: dict[str, Any] = {
        "gpu": gpu,
        "hand_written": hand_written(),
        "steps": [measured_step(*one) for one in STEPS],
        "recipes": {},
    }
    for recipe in given.recipes:
        found["recipes"][recipe] = trainings(recipe, TRAININGS[recipe])
        keep("gpu", found)


if __name__ == "__main__":
    main()
