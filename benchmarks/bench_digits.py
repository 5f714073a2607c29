"""Claim: the embedded digits reach 99.2% on the 1,000 held out, mean of 5 seeds, in under 10 s.

Protocol: `digits-5k`, its fixed 4,000 / 1,000 split, 200 of the 4,000 held out for validation;
`fast-batch-norm` with the `digits` recipe, chosen on the 4,000 and on 10,000 other
training digits of MNIST. Five seeds that no choice has seen; nothing but the seed changes. The test
set is read once by each training, at its end, with the weights that validation chose; all five
results are kept. Seconds: the training steps alone, as the run folder states them. The peer is the
plain trial that set the goal: `fast-mnist`, 15 epochs over the same training images, batch 100,
AdamW one-cycle 0.01, small random affine, written by hand in float32; its seconds in the same run
say how fast this machine is. It runs twice, in processes of their own, with OpenMP's own way of
waiting and asleep at once (`contest.in_each_way`), and the quicker one counts. That trial took 5 s
on the two cores on which the goal of 10 s was set.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time

import torch
import torch.nn.functional as F

import convlens
from contest import in_each_way, quicker
from convlens.engines.torch_modules import PlanModule
from convlens.network import zoo
from measure import keep, machine

SEEDS = range(1000, 1005)


def plain_trial(dataset: convlens.Dataset) -> float:
    """Train the plain trial once; return seconds."""
    torch.manual_seed(0)
    module = PlanModule(zoo.load("fast-mnist").plan())
    images = torch.from_numpy(dataset.train.images).float() / 255
    images = (images - images.mean()) / images.std()
    labels = torch.from_numpy(dataset.train.labels)
    steps = 15 * -(-len(labels) // 100)
    optimizer = torch.optim.AdamW(module.parameters(), 0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=steps)
    started = time.perf_counter()
    for _ in range(15):
        for index in torch.randperm(len(labels)).split(100):
            turn = torch.eye(2, 3) + torch.randn(len(index), 2, 3) * 0.05
            grid = F.affine_grid(turn, [len(index), 1, 28, 28], align_corners=False)
            batch = F.grid_sample(images[index], grid, padding_mode="border", align_corners=False)
            optimizer.zero_grad()
            F.cross_entropy(module(batch), labels[index]).backward()
            optimizer.step()
            schedule.step()
    return time.perf_counter() - started


def main() -> None:
    if sys.argv[1:] == ["--peer"]:
        plain_seconds = plain_trial(convlens.load_data("digits-5k", validation=0.05))
        print(json.dumps({"seconds": round(plain_seconds, 2)}))
        return
    machine()
    plain = in_each_way(__file__)
    rows = []
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            run = convlens.train("fast-batch-norm", "digits-5k", seed=seed, runs=folder)
            rows.append((run.status["test_accuracy"], run.status["train_seconds"]))
            print(seed, *rows[-1], flush=True)
    accuracies, seconds = zip(*rows, strict=True)
    keep(
        "digits",
        {
            "seeds": len(rows),
            "first_seed": SEEDS[0],
            "test_images": 1000,
            "test_accuracy_mean": round(statistics.mean(accuracies), 5),
            "test_accuracy_std": round(statistics.stdev(accuracies), 5),
            "test_accuracies": list(accuracies),
            "train_seconds": [round(value, 2) for value in seconds],
            "train_seconds_median": round(statistics.median(seconds), 2),
            "plain_trial_seconds": quicker(plain)["seconds"],
            "plain_trials": plain,
        },
    )


if __name__ == "__main__":
    main()
