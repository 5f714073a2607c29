"""Claim: no single trick makes convlens fast; what each step of the way gives can be measured.

Protocol: from PyTorch's MNIST example to `mnist-fast`, one thing changed at a time, all in one run
on the same cores. The first rung is the example's own script for one epoch (60,000 images through
a DataLoader, each a PIL image first). The others train in convlens on 54,000 images, seed 0, until
98.8% of the 6,000 that are held out are right (they are harder than the test set: `mnist-fast`, 99%
there, is at 98.9% here), or for twelve epochs. Seconds are of training alone; the first column
states them for 60,000 images, so that the rungs compare. From the second rung on the optimizer is
Adam at 0.001, batch 64, until a rung changes it: the example's Adadelta is not in convlens.

Expected duration on two cores: 6 min.
"""

from __future__ import annotations

import contextlib
import tempfile
from typing import Any

import convlens
from contest import KNOWN, run, write_mnist
from convlens import Network
from measure import keep, mnist_place

TARGET = 0.988
MOST_EPOCHS = 12
EXAMPLE = Network(
    name="pytorch-example",
    input=(1, 28, 28),
    classes=10,
    layers=[
        {"conv": 32, "kernel": 3},
        {"relu": True},
        {"conv": 64, "kernel": 3},
        {"relu": True},
        {"max_pool": 2},
        {"dropout": 0.25},
        {"flatten": True},
        {"linear": 128},
        {"relu": True},
        {"dropout": 0.5},
        {"linear": 10},
        {"softmax": True},
    ],
)
PLAIN = {"optimizer": "adam", "learning_rate": 0.001, "weight_decay": 0.0, "schedule": "constant"}
SLOW = {"precision": "float32", "memory_format": "contiguous"}
LAST = {"precision": "float32", "memory_format": "channels_last"}
FAST = {"precision": "auto", "memory_format": "channels_last"}
RUNGS: list[tuple[str, str | Network, dict[str, Any]]] = [
    # what changed; the network; the settings (epochs 1: only its seconds are wanted)
    ("whole batches from uint8 images in memory", EXAMPLE, PLAIN | SLOW | {"epochs": 1}),
    ("maps stored with the channels last", EXAMPLE, PLAIN | LAST | {"epochs": 1}),
    ("products in bfloat16, where the processor has it", EXAMPLE, PLAIN | FAST),
    ("pooling early and batch norm: compact-batch-norm", "compact-batch-norm", PLAIN | FAST),
    (
        "one cycle of a ten times higher rate, one epoch",
        "compact-batch-norm",
        PLAIN | FAST | {"learning_rate": 0.01, "schedule": "one_cycle", "epochs": 1},
    ),
    ("label smoothing, batch 128, 45% of the images: mnist-fast", "compact-batch-norm", {}),
]


class Reached(Exception):
    """The target is reached: nothing more is to be trained."""


def rung(network: str | Network, settings: dict[str, Any]) -> dict[str, Any]:
    """Train until the target; return seconds for 60,000 images, epochs and seconds until then."""
    epochs: list[dict[str, Any]] = []

    def watch(event: dict[str, Any]) -> None:
        if event["event"] == "epoch":
            epochs.append(event)
            if event["validation_accuracy"] >= TARGET:
                raise Reached

    recipe = convlens.Recipe(epochs=MOST_EPOCHS, batch_size=64) if settings else "mnist-fast"
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(Reached):
        convlens.train(network, "mnist", recipe=recipe, runs=folder, on_event=watch, **settings)
    reached = epochs[-1]["validation_accuracy"] >= TARGET
    return {
        "seconds_for_60000": round(60_000 / max(e["images_per_second"] for e in epochs), 2),
        "epochs": [round(epoch["validation_accuracy"], 5) for epoch in epochs],
        "seconds_to_target": round(sum(e["train_seconds"] for e in epochs), 2) if reached else None,
    }


def main() -> None:
    mnist_place()
    with tempfile.TemporaryDirectory() as folder:
        first = run(KNOWN["pytorch-example"], write_mnist(folder), seed=0, budget=1).epochs[0]
    rungs: list[dict[str, Any]] = [
        {"rung": "PyTorch's example as it is", "seconds_for_60000": first["seconds"]}
    ]
    for title, network, settings in RUNGS:
        rungs.append({"rung": title, **rung(network, settings)})
        print(rungs[-1], flush=True)
    keep("ladder", {"target": TARGET, "rungs": rungs})


if __name__ == "__main__":
    main()
