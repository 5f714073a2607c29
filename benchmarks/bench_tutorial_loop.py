"""Claim: `tutorial-torch` on MNIST trains in at most half the time of the usual tutorial code.

Protocol: whole MNIST, 3 epochs, batch 64, Adam 0.001, constant, mean 0.5 std 0.5.
Peer: the same network in a plain loop over a DataLoader of PIL images, as tutorials write it (an
image becomes a PIL image, then a tensor, then is normalised, one at a time; no workers, the
DataLoader's default), with its mistake of NLL on softmax corrected. The same 54,000 training
images, the same threads. Each trains twice, in turn, convlens first and last; all four times are
kept and the ratio is of each one's faster training, because other work on the machine only adds.
Each training of the peer runs twice, in processes of their own, with OpenMP's own way of waiting
and asleep at once (`contest.in_each_way`); convlens chooses its own way.
Time: training only, without validation and test. Test accuracy is read once after each training.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

import convlens
from contest import in_each_way, quicker
from measure import keep, mnist_place

NUMBERS = [int(word) for word in sys.argv[1:] if word != "--peer"]
EPOCHS = NUMBERS[0] if NUMBERS else 3


class PilImages(Dataset):
    """What torchvision's MNIST with ToTensor and Normalize does, image by image."""

    def __init__(self, split: convlens.data.Split) -> None:
        self.split = split

    def __len__(self) -> int:
        return len(self.split.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        image = Image.fromarray(self.split.images[index, 0])
        tensor = torch.from_numpy(np.array(image, np.uint8, copy=True)).unsqueeze(0)
        tensor = tensor.float().div(255)
        return (tensor - 0.5) / 0.5, int(self.split.labels[index])


def plain_loop(seed: int) -> dict[str, float]:
    """Train as a tutorial does; return seconds and test accuracy."""
    dataset = convlens.load_data(mnist_place(), normalise="half")
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 6 * 6, 10),
    )
    optimizer = torch.optim.Adam(model.parameters())
    loader = DataLoader(PilImages(dataset.train), batch_size=64, shuffle=True)
    started = time.perf_counter()
    for _ in range(EPOCHS):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
    seconds = time.perf_counter() - started
    correct = 0
    with torch.no_grad():
        for images, labels in DataLoader(PilImages(dataset.test), batch_size=1000):
            correct += int((model(images).argmax(1) == labels).sum())
    return {"seconds": round(seconds, 2), "test_accuracy": correct / len(dataset.test)}


def ours(place: str, seed: int) -> dict[str, Any]:
    """Train the same by convlens; return seconds and test accuracy."""
    with tempfile.TemporaryDirectory() as folder:
        run = convlens.train(
            "tutorial-torch", place, recipe="tutorial-torch", epochs=EPOCHS, seed=seed, runs=folder
        )
        return {
            "who": "convlens",
            "seconds": round(run.status["train_seconds"], 2),
            "test_accuracy": run.status["test_accuracy"],
        }


def peer(seed: int) -> list[dict[str, Any]]:
    """Train the peer once for each way of waiting."""
    answers = in_each_way(__file__, str(EPOCHS), str(seed))
    return [{"who": "plain", **answer} for answer in answers]


def main() -> None:
    if "--peer" in sys.argv:
        print(json.dumps(plain_loop(NUMBERS[1])))
        return
    place = mnist_place()
    rows = [ours(place, 0), *peer(0), *peer(1), ours(place, 1)]
    seconds = {
        who: quicker(row for row in rows if row["who"] == who)["seconds"]
        for who in ("convlens", "plain")
    }
    keep(
        "tutorial_loop",
        {
            "epochs": EPOCHS,
            "ratio": round(seconds["convlens"] / seconds["plain"], 3),
            "seconds": seconds,
            "trainings": rows,
        },
    )


if __name__ == "__main__":
    main()
