"""What every peer's script is given: MNIST, an end, and one form for what it reports.

A peer is started as `python peers/NAME.py MNIST.npz --epochs N --budget SECONDS --seed S` and
prints one JSON line after each epoch. `Clock` counts training only: a peer stops it while it
evaluates.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


class Arguments:
    """What the command line says; `images` and `labels` of the 60,000, `test_...` of the 10,000."""

    def __init__(self, epochs: int) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("mnist", type=Path)
        parser.add_argument("--epochs", type=int, default=epochs)
        parser.add_argument("--budget", type=float, default=float("inf"))
        parser.add_argument("--seed", type=int, default=0)
        given = parser.parse_args()
        self.epochs, self.budget, self.seed = given.epochs, given.budget, given.seed
        with np.load(given.mnist) as arrays:
            self.images, self.labels = arrays["train_images"], arrays["train_labels"]
            self.test_images, self.test_labels = arrays["test_images"], arrays["test_labels"]


class Clock:
    """Seconds of training; the budget is of these."""

    def __init__(self, budget: float) -> None:
        self.seconds, self.budget, self.epoch = 0.0, budget, 0
        self._since: float | None = None

    def start(self) -> None:
        self._since = time.perf_counter()

    def stop(self) -> None:
        if self._since is not None:
            self.seconds += time.perf_counter() - self._since
        self._since = None

    def report(self, evaluate: Callable[[], float]) -> bool:
        """Print the line of an epoch that has ended; return whether there is budget left."""
        self.stop()
        self.epoch += 1
        started = time.perf_counter()
        accuracy = evaluate()
        line = {
            "epoch": self.epoch,
            "seconds": round(self.seconds, 3),
            "test_accuracy": round(accuracy, 5),
            "evaluation_seconds": round(time.perf_counter() - started, 3),
        }
        # what a framework prints goes elsewhere, so that stdout is these lines alone
        os.write(STDOUT, (json.dumps(line) + "\n").encode())
        return self.seconds < self.budget


STDOUT = os.dup(1)
os.dup2(sys.stderr.fileno(), 1)


class PilMnist:
    """torchvision's `MNIST` with `ToTensor` and `Normalize`: each image through PIL, one by one.

    torchvision's compiled half does not load beside every build of PyTorch, so its few lines of
    work are done here: array, PIL image, tensor of 0 to 1, normalised.
    """

    def __init__(
        self, images: NDArray[np.uint8], labels: NDArray[np.int64], mean: float, std: float
    ) -> None:
        self.images, self.labels, self.mean, self.std = images, labels, mean, std

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[object, int]:
        import torch

        image = Image.fromarray(self.images[index], mode="L")
        tensor = torch.from_numpy(np.array(image, np.uint8, copy=True))
        tensor = tensor.unsqueeze(0).to(torch.float32).div(255)
        return tensor.sub_(self.mean).div_(self.std), int(self.labels[index])
