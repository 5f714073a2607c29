"""Small real runs that record their kernels, for tests: a few digits, a second at most."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from convlens import data, open_run, runs
from convlens.data import Dataset
from convlens.network import Network
from convlens.runs import Run
from convlens.training import session
from convlens.training.recipe import Recipe
from convlens.training.settling import settle

NETWORK = Network(
    name="two-convolutions",
    input=(1, 28, 28),
    classes=10,
    layers=[
        {"conv": 4, "kernel": 5, "stride": 3, "padding": 2},
        {"relu": True},
        {"depthwise": 2, "kernel": 3},
        {"relu": True},
        {"flatten": True},
        {"linear": 10},
    ],
    rounding="floor",
)
RECIPE = Recipe(epochs=5, batch_size=40, record_kernels=2, ema=0.8, precision="float32")


class Stopped(Exception):
    """Raised by a test in the middle of a training, as a crash would."""


@cache
def digits() -> Dataset:
    """A few embedded digits, read once."""
    whole = data.load("digits-5k")
    few = {"train": np.arange(0, 3600, 20), "validation": np.arange(100), "test": np.arange(50)}
    return replace(whole, **{name: getattr(whole, name).take(i) for name, i in few.items()})


def train(folder: Path, recipe: Recipe, stop_after: int = 0, resumed: bool = False) -> Run:
    """Train on a few digits; `stop_after` breaks off at the end of that epoch."""
    job = settle(NETWORK, digits(), recipe, "cpu")

    def watch(event: dict[str, Any]) -> None:
        if event["event"] == "epoch" and event["epoch"] == stop_after:
            raise Stopped

    create = runs.open_existing(folder) if resumed else runs.create("net", folder=folder)
    with create as writer:
        saved = writer.load_checkpoint() if resumed else None
        session.train(writer, job, command="test", saved=saved, on_event=watch)
        writer.seal()
    return open_run(folder)
