"""Claim: making a batch takes under 3% of a training step of `fast-mnist`.

Protocol: one process, whole MNIST in memory, batches of 256 as the `one-epoch` recipe has them, in
the precision and memory format that convlens chose. A step is what the loop does between two
batches: forward, loss, backward, optimizer. Batches alone, steps alone (on batches made before),
and batches with the `digits` recipe's augmentation are timed in turns of 40, seven turns of each
after one that is not counted; the shares are of the medians. Each augmentation is timed alone too,
on 256 CIFAR-sized colour images, and the affine and colour ones beside kornia's functions where
kornia is installed: the same parameters for each image, drawn before. kornia's run twice, in
processes of their own, with OpenMP's own way of waiting and asleep at once (`contest.in_each_way`);
of each function the smaller time counts.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

import convlens
from contest import in_each_way
from convlens.engines.torch_engine import TorchModel
from convlens.network import zoo
from convlens.training import optimise
from convlens.training import recipe as recipes
from convlens.training.augment import Draws, augment, colour, mix
from convlens.training.augment.affine import matrices, resample
from convlens.training.autotune import autotune
from convlens.training.batches import TensorSet
from convlens.training.recipe import Augmentation
from convlens.training.targets import cross_entropy
from measure import keep, mnist_place

CPU = torch.device("cpu")
TURNS, BATCHES, SIZE = 8, 40, 256
ALONE: dict[str, dict[str, Any]] = {
    "flip": {"flip": True},
    "affine": {"shift": 0.1, "rotate": 10, "scale": 0.1, "shear": 10},
    "crop": {"crop": 4},
    "cutout": {"cutout": 0.5},
    "erase": {"erase": 0.25},
    "brightness": {"brightness": 0.2},
    "contrast": {"contrast": 0.2},
    "saturation": {"saturation": 0.2},
    "hue": {"hue": 0.1},
}


def milliseconds(work: dict[str, Callable[[], Any]], times: int) -> dict[str, float]:
    """Return the median of each work's turns, in milliseconds for one call."""
    turns: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(TURNS):
        for name, call in work.items():
            started = time.perf_counter()
            for _ in range(times):
                call()
            turns[name].append(1000 * (time.perf_counter() - started) / times)
    return {name: round(statistics.median(taken[1:]), 4) for name, taken in turns.items()}


def supply() -> dict[str, Any]:
    """Time the steps and the batches of one training."""
    dataset = convlens.load_data(mnist_place())
    recipe, network = recipes.load("one-epoch"), zoo.load("fast-mnist")
    compute = autotune(network, recipe, CPU)
    module = TorchModel(network, 0).module.to(memory_format=compute.torch_format)
    optimizer = optimise.optimizer(module, recipe)
    train = TensorSet(dataset.train, dataset.preprocessing, CPU, compute.torch_format)
    indices = torch.randperm(len(train)).split(SIZE)[: TURNS * BATCHES]
    draws, augmentation = Draws(0, 0), recipes.load("digits").augmentation
    ready = [train.batch(index) for index in indices[:BATCHES]]

    def round_of(things: Any) -> Iterator[Any]:
        while True:
            yield from things

    plain, changed, made = round_of(indices), round_of(indices), round_of(ready)

    def step() -> None:
        images, labels = next(made)
        optimizer.zero_grad()
        with compute.autocast(CPU):
            logits = module(images)
        cross_entropy(logits.float(), labels).backward()
        optimizer.step()

    found = milliseconds(
        {
            "step": step,
            "batch": lambda: train.batch(next(plain)),
            "augmented_batch": lambda: train.augmented(next(changed), augmentation, draws),
            "drawing": lambda: matrices(next(plain), augmentation, draws),
        },
        BATCHES,
    )
    whole = found["step"] + found["batch"]
    return {
        "share_of_step": round(found["batch"] / whole, 4),
        "share_augmented": round(
            found["augmented_batch"] / (found["step"] + found["augmented_batch"]), 4
        ),
        "milliseconds": found,
        "precision": compute.precision,
        "memory_format": compute.memory_format,
    }


def each_alone() -> dict[str, float]:
    """Time every augmentation alone on colour images, in milliseconds a batch."""
    images, index, draws = torch.rand(SIZE, 3, 32, 32) * 255, torch.arange(SIZE), Draws(0, 0)
    others = images.flip(0)
    work: dict[str, Callable[[], Any]] = {}
    for name, values in ALONE.items():
        settings = Augmentation(**values)
        work[name] = lambda s=settings: augment(images, index, s, draws)
    for name in ("mixup", "cutmix"):
        settings = Augmentation(**{name: 1.0})
        work[name] = lambda s=settings: mix(images, others, index, s, draws)
    return milliseconds(work, 10)


def beside_kornia() -> dict[str, float] | None:
    """Time kornia's functions and ours on the same images and parameters."""
    if importlib.util.find_spec("kornia") is None:
        return None
    pixels, factor, turn, change = parameters()
    ours = milliseconds(
        {
            "affine": lambda: resample(pixels, change),
            "brightness": lambda: colour.brightness(pixels, factor),
            "contrast": lambda: colour.contrast(pixels, factor),
            "saturation": lambda: colour.saturation(pixels, factor),
            "hue": lambda: colour.hue(pixels, turn),
        },
        5,
    )
    answers = in_each_way(__file__)
    found = {}
    for name, taken in ours.items():
        found[name] = taken
        found[f"{name}_kornia"] = min(answer[name] for answer in answers)
    return found


def parameters() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return pixels of 0 to 255, a factor and a turn for each image, and affine matrices."""
    torch.manual_seed(0)
    pixels = torch.rand(SIZE, 3, 32, 32) * 255
    factor, turn = 0.5 + torch.rand(SIZE), torch.rand(SIZE) - 0.5
    return pixels, factor, turn, torch.eye(2, 3) + 0.1 * torch.randn(SIZE, 2, 3)


def kornia_alone() -> dict[str, float]:
    """Time kornia's functions in this process; its images are of 0 to 1."""
    from kornia import enhance
    from kornia.geometry.transform import warp_affine

    pixels, factor, turn, change = parameters()
    images = pixels / 255
    return milliseconds(
        {
            "affine": lambda: warp_affine(
                images, change, (32, 32), padding_mode="border", align_corners=False
            ),
            "brightness": lambda: enhance.adjust_brightness_accumulative(images, factor),
            "contrast": lambda: enhance.adjust_contrast_with_mean_subtraction(images, factor),
            "saturation": lambda: enhance.adjust_saturation_with_gray_subtraction(images, factor),
            "hue": lambda: enhance.adjust_hue(images, 6.2831853 * turn),
        },
        5,
    )


def main() -> None:
    if sys.argv[1:] == ["--peer"]:
        print(json.dumps(kornia_alone()))
        return
    keep(
        "batch_supply",
        {**supply(), "alone_ms": each_alone(), "beside_kornia_ms": beside_kornia()},
    )


if __name__ == "__main__":
    main()
