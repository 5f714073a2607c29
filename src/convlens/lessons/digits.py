"""The embedded digits, as the lessons train on them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from convlens import data as datasets
from convlens.data import Dataset
from convlens.data.split import random_order
from convlens.engines.device import limit_threads
from convlens.training.batches import TensorSet
from convlens.training.torch_training import predict

CPU = torch.device("cpu")
"""Lessons run where every learner can run them, and give the same numbers each time."""


@dataclass(frozen=True)
class Digits:
    """digits-5k: 3,600 training and 400 validation images, or fewer of the first."""

    dataset: Dataset
    train: TensorSet
    validation: TensorSet


def load(training_images: int | None = None) -> Digits:
    """Load digits-5k; with a number, only so many training images, drawn at random."""
    limit_threads()
    dataset = datasets.load("digits-5k")
    train = dataset.train
    if training_images is not None:
        train = train.take(random_order(len(train), seed=0)[:training_images])
    return Digits(
        dataset,
        TensorSet(train, dataset.preprocessing, CPU),
        TensorSet(dataset.validation, dataset.preprocessing, CPU),
    )


def measure(module: nn.Module, images: TensorSet) -> tuple[float, float]:
    """Return accuracy and mean cross-entropy of a module on a set, in evaluation mode."""
    logits = predict(module, images)
    accuracy = (logits.argmax(1) == images.labels).double().mean().item()
    return accuracy, F.cross_entropy(logits, images.labels).item()
