"""The last batch's loss against the epoch's: how far one lies from the other, and why."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from convlens.engines.torch_engine import TorchModel
from convlens.figures.charts import Chart, Line, charts_svg
from convlens.foundation.progress import track
from convlens.lessons import digits
from convlens.lessons.lesson import Lesson
from convlens.network import zoo
from convlens.report.page import Drawing
from convlens.report.text_table import Table

BATCH_SIZE = 64


@dataclass(frozen=True)
class Epoch:
    """One epoch's losses."""

    steps: NDArray[np.float64]
    """Loss of each batch during the epoch, each with the weights of its moment."""
    sizes: NDArray[np.int64]
    """Images in each batch."""
    frozen: NDArray[np.float64]
    """Loss of each full batch again after the epoch, all with the same weights."""

    @property
    def mean(self) -> float:
        """Mean over the epoch's images."""
        return float(np.average(self.steps, weights=self.sizes))

    @property
    def last(self) -> float:
        """The last batch alone."""
        return float(self.steps[-1])


def train(data: digits.Digits, seed: int, epochs: int) -> list[Epoch]:
    """Train fast-mnist with Adam and keep the loss of every batch."""
    module = TorchModel(zoo.load("fast-mnist"), seed).module
    optimizer = torch.optim.Adam(module.parameters(), 0.001)
    history = []
    for epoch in track(range(epochs), "epochs trained"):
        shuffled = data.train.shuffled(BATCH_SIZE, None, seed, epoch)
        batches = [(images, targets.labels) for images, targets in shuffled]
        steps = []
        for images, labels in batches:
            optimizer.zero_grad()
            loss = F.cross_entropy(module(images), labels)
            loss.backward()
            optimizer.step()
            steps.append(loss.item())
        with torch.inference_mode():
            frozen = [
                F.cross_entropy(module(images), labels).item()
                for images, labels in batches
                if len(labels) == BATCH_SIZE
            ]
        sizes = np.array([len(labels) for _, labels in batches])
        history.append(Epoch(np.array(steps), sizes, np.array(frozen)))
    return history


def run(seed: int, *, quick: bool = False) -> Lesson:
    """Train a few epochs and put the two losses side by side."""
    data = digits.load(500 if quick else None)
    epochs = 2 if quick else 5
    history = train(data, seed, epochs)
    misses = [epoch.last / epoch.mean for epoch in history]
    wrong_way = sum(
        (after.last > before.last) != (after.mean > before.mean)
        for before, after in pairwise(history)
    )
    final = history[-1]
    images, last_size = len(data.train), int(final.sizes[-1])
    ends = np.cumsum([len(epoch.steps) for epoch in history])
    every = np.concatenate([epoch.steps for epoch in history])
    numbers: dict[str, float] = {
        "epochs": epochs,
        "images": images,
        "batch_size": BATCH_SIZE,
        "last_batch_size": last_size,
    }
    for number, epoch in enumerate(history, start=1):
        numbers |= {
            f"epoch_{number}_mean": epoch.mean,
            f"epoch_{number}_last_batch": epoch.last,
            f"epoch_{number}_batch_std": float(epoch.frozen.std()),
        }
    return Lesson(
        title="The last batch's loss is not the epoch's",
        shows=(
            f"fast-mnist on {images:,} digits in batches of {BATCH_SIZE}, Adam, {epochs} epochs, "
            f"seed {seed}. The loss of every batch is kept."
        ),
        parts=(
            "A loop that prints `loss` after the epoch prints the loss of whatever images came "
            f"last: here {last_size} of {images:,}. The epoch's loss is the mean over all images.",
            Table(
                "Loss by epoch",
                ("epoch", "mean over its images", "last batch", "last / mean"),
                [
                    (f"{n}", f"{epoch.mean:.4f}", f"{epoch.last:.4f}", f"{miss:.2f}")
                    for n, (epoch, miss) in enumerate(zip(history, misses, strict=True), start=1)
                ],
            ),
            f"The last batch was between {min(misses):.2f} and {max(misses):.2f} times the mean. "
            f"In {wrong_way} of {epochs - 1} steps from one epoch to the next the two moved in "
            "opposite directions: one says better where the other says worse.",
            "Part of the gap is time: the mean holds losses from the epoch's beginning, when the "
            "weights were worse. The rest is chance. With the weights held still after epoch "
            f"{epochs}, the {len(final.frozen)} full batches of {BATCH_SIZE} have losses from "
            f"{final.frozen.min():.4f} to {final.frozen.max():.4f}. Their mean is "
            f"{final.frozen.mean():.4f} and their standard deviation {final.frozen.std():.4f}, "
            f"{final.frozen.std() / final.frozen.mean():.0%} of the mean: a single batch says that "
            "little.",
            Drawing(
                "losses",
                charts_svg(
                    [
                        Chart(
                            "Loss of every batch, and two ways to sum an epoch up",
                            "step",
                            "cross-entropy, logarithmic scale",
                            [
                                Line("each batch", range(1, len(every) + 1), every, "dots", 5),
                                Line(
                                    "mean of the epoch", ends, [e.mean for e in history], colour=0
                                ),
                                Line("last batch", ends, [e.last for e in history], colour=1),
                            ],
                            logarithmic=True,
                        )
                    ]
                ),
                "Both are drawn at the end of their epoch. The mean is of all the dots of an "
                "epoch; the last batch is one of them.",
            ),
            "convlens reports the mean over the epoch's images, and the validation loss with the "
            "weights of the epoch's end beside it.",
        ),
        numbers={**numbers, "opposite_directions": wrong_way},
    )
