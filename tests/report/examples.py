"""A small run to report on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from convlens.evaluation import Evaluation, evaluate_logits
from convlens.report.html import ReportInput


def evaluation(classes: list[str], images: int = 200, seed: int = 0) -> Evaluation:
    """Return the evaluation of a classifier that is right most of the time."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(classes), images)
    logits = rng.normal(size=(images, len(classes)))
    logits[np.arange(images), labels] += 2
    pictures = rng.integers(0, 256, (images, 1, 8, 8), dtype=np.uint8)
    return evaluate_logits(logits, labels, classes, pictures)


def epochs(count: int) -> list[dict[str, Any]]:
    """Return the events of a training that goes well."""
    return [
        {
            "event": "epoch",
            "epoch": number,
            "train_loss": 2.0 / number,
            "train_accuracy": 1 - 0.5 / number,
            "validation_loss": 2.2 / number,
            "validation_accuracy": 1 - 0.6 / number,
            "best": number == max(1, count - 1),
        }
        for number in range(1, count + 1)
    ]


def run(**changes: Any) -> ReportInput:
    """Return a finished run, some parts of it replaced."""
    classes = ["cat", "dog", "owl"]
    row = {
        "name": "conv1",
        "name_in_block": "conv1",
        "kind": "conv",
        "depth": 0,
        "output": (8, 6, 6),
        "parameters": 80,
        "multiply_adds": 2592,
        "receptive_field": (3, 3),
    }
    nested = {
        **row,
        "name": "residual1.shortcut.conv1",
        "name_in_block": "shortcut.conv1",
        "depth": 1,
        "parameters": 72,
    }
    whole = ReportInput(
        name="first-run",
        status={
            "state": "finished",
            "network": "small",
            "data": "animals",
            "created": "2026-01-31T09:30:00+00:00",
            "updated": "2026-01-31T09:31:00+00:00",
            "epoch": 5,
            "epochs": 5,
            "best_epoch": 4,
            "train_seconds": 83.0,
            "validation_accuracy": 0.85,
            "validation_loss": 0.55,
            "message": "",
        },
        network_rows=[row, nested],
        network_totals={"parameters": 31_810, "multiply_adds": 2592, "activation_bytes": 2048},
        network_text='name = "small"\n',
        recipe={"batch_size": 64, "optimizer": "adamw", "seed": 7, "augmentation": {"shift": 0.1}},
        data={
            "name": "animals",
            "source": "a folder",
            "fingerprint": "sha256:abc",
            "classes": classes,
            "preprocessing": {"input": [1, 8, 8], "mean": [0.13], "std": [0.31]},
            "split": {"train": 900, "validation": 100, "test": 200, "method": "stratified"},
            "notes": [],
        },
        environment={"torch": "2.13.0", "device": "cpu", "threads": 2, "precision": "float32"},
        epochs=epochs(5),
        evaluation=evaluation(classes),
        command="convlens train small --data animals --seed 7",
    )
    return replace(whole, **changes)
