"""Claim: training through convlens costs at most 1.15 times a hand-written torch loop.

Protocol: whole MNIST in memory as uint8 in both, `fast-mnist` with the `one-epoch` recipe (batch
256, Adam, one cycle), the precision and memory format that convlens chose. The peer is the shortest
loop that does the same sums, with no events, no tally and no checks. Three trainings each, in turn;
the ratio is of the two medians. Each training of the peer runs twice, in processes of their own,
with OpenMP's own way of waiting and asleep at once (`contest.in_each_way`), after ten steps that
are not counted; the quicker one counts. convlens chooses its own way.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

import convlens
from contest import in_each_way, quicker
from convlens.engines.device import synchronize
from convlens.network import zoo
from convlens.training import optimise
from convlens.training import recipe as recipes
from convlens.training.autotune import autotune
from convlens.training.compute_settings import ComputeSettings
from measure import keep, mnist_place

CPU = torch.device("cpu")
WARM = 10
"""Steps before the measured ones, in which PyTorch chooses its kernels."""


def hand_written(
    dataset: convlens.Dataset,
    compute: ComputeSettings,
    seed: int,
    device: torch.device,
    most: int | None = None,
) -> float:
    """Train one epoch, or at most so many steps of it; return seconds."""
    torch.manual_seed(seed)
    recipe = recipes.load("one-epoch")
    model = nn.Sequential(
        nn.Conv2d(1, 24, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(24, 32, 3),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(800, 256),
        nn.ReLU(),
        nn.Linear(256, 10),
    ).to(device, memory_format=compute.torch_format)
    images = torch.from_numpy(dataset.train.images).to(device)
    labels = torch.from_numpy(dataset.train.labels).to(device)
    mean, std = dataset.preprocessing.mean[0] * 255, dataset.preprocessing.std[0] * 255
    optimizer = torch.optim.Adam(
        model.parameters(), recipe.learning_rate, betas=recipe.betas, fused=True
    )
    synchronize(device)
    started = time.perf_counter()
    batches = torch.randperm(len(labels)).to(device).split(recipe.batch_size)[:most]
    factor = optimise.rate_factor(recipe, len(batches))
    for step, index in enumerate(batches):
        optimizer.param_groups[0]["lr"] = recipe.learning_rate * factor(step)
        x = (images[index].float() - mean) / std
        x = x.contiguous(memory_format=compute.torch_format)
        optimizer.zero_grad(set_to_none=True)
        with compute.autocast(device):
            logits = model(x)
        F.cross_entropy(logits.float(), labels[index]).backward()
        optimizer.step()
    synchronize(device)
    return time.perf_counter() - started


def ours(place: str, seed: int, device: str = "cpu") -> float:
    """Train the same by convlens; return seconds."""
    with tempfile.TemporaryDirectory() as folder:
        run = convlens.train(
            "fast-mnist", place, recipe="one-epoch", seed=seed, runs=folder, device=device
        )
        return float(run.status["train_seconds"])


def peer(place: str, seed: str, precision: Any, memory_format: Any, device: str) -> float:
    """Train by the hand-written loop in this process; return seconds."""
    dataset, where = convlens.load_data(place), torch.device(device)
    compute = ComputeSettings(precision, memory_format)
    hand_written(dataset, compute, int(seed), where, WARM)
    return hand_written(dataset, compute, int(seed), where)


def in_turn(
    place: str, device: torch.device = CPU
) -> tuple[dict[str, list[float]], ComputeSettings]:
    """Train three times each; return the seconds, and what both computed in."""
    compute = autotune(zoo.load("fast-mnist"), recipes.load("one-epoch"), device)
    how = (compute.precision, compute.memory_format, device.type)
    times: dict[str, list[float]] = {"convlens": [], "hand_written": []}
    for seed in range(3):
        times["convlens"].append(ours(place, seed, device.type))
        answers = in_each_way(__file__, place, str(seed), *how)
        times["hand_written"].append(quicker(answers)["seconds"])
    return times, compute


def main() -> None:
    if sys.argv[1:2] == ["--peer"]:
        print(json.dumps({"seconds": peer(*sys.argv[2:])}))
        return
    times, compute = in_turn(mnist_place())
    medians = {who: statistics.median(values) for who, values in times.items()}
    keep(
        "step_overhead",
        {
            "ratio": round(medians["convlens"] / medians["hand_written"], 3),
            "seconds": {who: [round(v, 2) for v in values] for who, values in times.items()},
            "precision": compute.precision,
            "memory_format": compute.memory_format,
        },
    )


if __name__ == "__main__":
    main()
