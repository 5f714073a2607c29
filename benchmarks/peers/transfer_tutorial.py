"""PyTorch's transfer learning tutorial on photos, with a network that a file brings.

As https://docs.pytorch.org/tutorials/beginner/transfer_learning_tutorial.html has it: a random
part of 8 to 100% of the area at 224 pixels, mirrored every other time; for validation the middle of
256; batches of 4, SGD with rate 0.001 and momentum 0.9, a tenth of the rate every 7 epochs, 25
epochs, the weights with the best validation accuracy. `--frozen` trains the last layer alone, as
its second half does. Its four processes that load images are as many as there are cores here. Its
network is ResNet-18; here it is EfficientNet-Lite0 for all contestants, `model.py` and its weights.

    python transfer_tutorial.py FOLDER split.json MODEL-FOLDER --seed 0 --epochs 25 [--frozen]

It prints a line of JSON per epoch, and one with the test accuracy.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import json
import math
import os
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIDE, MARGIN = 224, 256


def random_part(image: Image.Image) -> Image.Image:
    """Return what torchvision's RandomResizedCrop and RandomHorizontalFlip return."""
    width, height = image.size
    box = None
    for _ in range(10):
        area = width * height * random.uniform(0.08, 1.0)
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < high <= height:
            left, top = random.randint(0, width - wide), random.randint(0, height - high)
            box = (left, top, left + wide, top + high)
            break
    part = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=box)
    return ImageOps.mirror(part) if random.random() < 0.5 else part


def middle(image: Image.Image) -> Image.Image:
    """Return what torchvision's Resize(256) and CenterCrop(224) return."""
    scale = MARGIN / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)))
    left, top = (image.width - SIDE) // 2, (image.height - SIDE) // 2
    return image.crop((left, top, left + SIDE, top + SIDE))


class Photos(Dataset[tuple[Tensor, int]]):
    """Files with their labels, read when they are asked for."""

    def __init__(self, root: Path, part: dict[str, Any], *, training: bool) -> None:
        self.root, self.training = root, training
        self.files, self.labels = part["files"], part["labels"]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        image = Image.open(self.root / self.files[number]).convert("RGB")
        image = random_part(image) if self.training else middle(image)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
        mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
        return (pixels - mean) / std, self.labels[number]


def accuracy(model: nn.Module, loader: DataLoader[tuple[Tensor, int]]) -> float:
    """Return the share of the photos that are recognised."""
    model.eval()
    right = count = 0
    with torch.no_grad():
        for images, labels in loader:
            right += int((model(images).argmax(1) == labels).sum())
            count += len(labels)
    return right / count


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("split", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--frozen", action="store_true")
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    random.seed(given.seed)
    spec = importlib.util.spec_from_file_location("model", given.model / "model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model: nn.Sequential = module.load_model(str(given.model / "model.safetensors"))
    split = json.loads(given.split.read_text())
    if given.frozen:
        for parameter in model.parameters():
            parameter.requires_grad = False
    model[-1] = nn.Linear(model[-1].in_features, split["classes"])
    workers = os.cpu_count() or 1
    train, validation, test = (
        DataLoader(
            Photos(given.folder, split[part], training=part == "train"),
            batch_size=4,
            shuffle=part == "train",
            num_workers=workers,
        )
        for part in ("train", "validation", "test")
    )
    loss_of = nn.CrossEntropyLoss()
    trained = model[-1].parameters() if given.frozen else model.parameters()
    optimizer = torch.optim.SGD(trained, lr=0.001, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    best, best_accuracy = copy.deepcopy(model.state_dict()), 0.0
    started = time.perf_counter()
    for epoch in range(given.epochs):
        model.train()
        for images, labels in train:
            optimizer.zero_grad()
            loss_of(model(images), labels).backward()
            optimizer.step()
        schedule.step()
        now = accuracy(model, validation)
        if now > best_accuracy:
            best, best_accuracy = copy.deepcopy(model.state_dict()), now
        seconds = time.perf_counter() - started
        print(json.dumps({"epoch": epoch + 1, "validation": now, "seconds": seconds}), flush=True)
    model.load_state_dict(best)
    print(json.dumps({"test_accuracy": accuracy(model, test)}), flush=True)


if __name__ == "__main__":
    main()
