"""Claim: `tutorial-torch` on MNIST trains in at most half the time of the usual tutorial code.

Protocol: one process, whole MNIST, 3 epochs, batch 64, Adam 0.001, constant, mean 0.5 std 0.5.
Peer: the same network in a plain loop over a DataLoader of PIL images, as tutorials write it (an
image becomes a PIL image, then a tensor, then is normalised, one at a time; no workers, the
DataLoader's default), with its mistake of NLL on softmax corrected. The same 54,000 training
images, the same threads. Each trains twice, in turn, convlens first and last; all four times are
kept and the ratio is of each one's faster training, because other work on the machine only adds.
Both are in one process, so the peer's threads wait as convlens says, too.
Time: training only, without validation and test. Test accuracy is read once after each training.
"""

from __future__ import annotations

import sys
import tempfile
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

import convlens
from measure import keep, mnist_place

EPOCHS = int(sys.argv[1]) if len(sys.argv) > 1 else 3


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


def plain_loop(dataset: convlens.Dataset, seed: int) -> tuple[float, float]:
    """Train as a tutorial does; return seconds and test accuracy."""
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
    return seconds, correct / len(dataset.test)


def ours(place: str, seed: int) -> tuple[float, float]:
    """Train the same by convlens; return seconds and test accuracy."""
    with tempfile.TemporaryDirectory() as folder:
        run = convlens.train(
            "tutorial-torch", place, recipe="tutorial-torch", epochs=EPOCHS, seed=seed, runs=folder
        )
        return run.status["train_seconds"], run.status["test_accuracy"]


def main() -> None:
    place = mnist_place()
    dataset = convlens.load_data(place, normalise="half")
    rows = [("convlens", *ours(place, 0)), ("plain", *plain_loop(dataset, 0))]
    rows += [("plain", *plain_loop(dataset, 1)), ("convlens", *ours(place, 1))]
    seconds = {who: min(row[1] for row in rows if row[0] == who) for who in ("convlens", "plain")}
    keep(
        "tutorial_loop",
        {
            "epochs": EPOCHS,
            "ratio": round(seconds["convlens"] / seconds["plain"], 3),
            "seconds": {who: round(value, 2) for who, value in seconds.items()},
            "trainings": [
                {"who": who, "seconds": round(s, 2), "test_accuracy": a} for who, s, a in rows
            ],
        },
    )


if __name__ == "__main__":
    main()
