"""Claim: training through convlens costs at most 1.15 times a hand-written torch loop.

Protocol: one process, whole MNIST in memory as uint8 in both, `fast-mnist` with the `one-epoch`
recipe (batch 256, Adam, one cycle), the precision and memory format that convlens chose. The peer
is the shortest loop that does the same sums, with no events, no tally and no checks. Three
trainings each, in turn; the ratio is of the two medians.
Both are in one process, so the peer's threads wait as convlens says, too.
"""

from __future__ import annotations

import statistics
import tempfile
import time

import torch
import torch.nn.functional as F
from torch import nn

import convlens
from convlens.engines.device import synchronize
from convlens.network import zoo
from convlens.training import optimise
from convlens.training import recipe as recipes
from convlens.training.autotune import autotune
from convlens.training.compute_settings import ComputeSettings
from measure import keep, mnist_place

CPU = torch.device("cpu")


def hand_written(
    dataset: convlens.Dataset, compute: ComputeSettings, seed: int, device: torch.device = CPU
) -> float:
    """Train one epoch; return seconds."""
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
    batches = torch.randperm(len(labels)).to(device).split(recipe.batch_size)
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


def in_turn(
    place: str, device: torch.device = CPU
) -> tuple[dict[str, list[float]], ComputeSettings]:
    """Train three times each; return the seconds, and what both computed in."""
    dataset = convlens.load_data(place)
    compute = autotune(zoo.load("fast-mnist"), recipes.load("one-epoch"), device)
    times: dict[str, list[float]] = {"convlens": [], "hand_written": []}
    for seed in range(3):
        times["convlens"].append(ours(place, seed, device.type))
        times["hand_written"].append(hand_written(dataset, compute, seed, device))
    return times, compute


def main() -> None:
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
