"""Contestants side by side: each a script of `peers/` in its own process, one after the other."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from convlens.data.known import read_known
from convlens.engines.device import limit_threads
from convlens.foundation.waiting import VARIABLES

PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Contestant:
    """Who is measured: a name, a script, and the package without which it cannot run."""

    name: str
    script: str
    package: str | None = None
    arguments: tuple[str, ...] = ()

    @property
    def installed(self) -> bool:
        """Whether it can run here."""
        return self.package is None or find_spec(self.package) is not None


KNOWN = {
    contestant.name: contestant
    for contestant in (
        Contestant("tutorial", "tutorial.py"),
        Contestant("pytorch-example", "pytorch_example.py"),
        Contestant("keras-example", "keras_example.py", "tensorflow"),
        Contestant("lightning", "lightning_example.py", "lightning"),
        Contestant("fastai", "fastai_example.py", "fastai"),
    )
}


def ours(pair: str) -> Contestant:
    """Return a recipe of convlens as a contestant, from `NETWORK:RECIPE`."""
    network, _, recipe = pair.partition(":")
    arguments = ("--network", network, "--recipe", recipe)
    return Contestant(f"convlens {pair}", "convlens_recipe.py", None, arguments)


def peers(names: str) -> list[Contestant]:
    """Return the peers of a list with commas; "all" is all, "none" is none."""
    if names == "none":
        return []
    return [KNOWN[name] for name in (KNOWN if names == "all" else names.split(","))]


def write_mnist(folder: str | Path) -> Path:
    """Write MNIST as one NPZ file for the contestants, without asking it of each one's library."""
    _, arrays = read_known("mnist")
    assert arrays.test is not None
    place = Path(folder) / "mnist.npz"
    np.savez(
        place,
        train_images=arrays.train.images[:, 0],
        train_labels=arrays.train.labels,
        test_images=arrays.test.images[:, 0],
        test_labels=arrays.test.labels,
    )
    return place


@dataclass(frozen=True)
class Outcome:
    """What a contestant did: a line an epoch, what went wrong, and the most memory it held."""

    epochs: list[dict[str, Any]]
    error: str | None
    peak_bytes: int


WAYS_OF_WAITING: tuple[dict[str, str], ...] = ({}, {"OMP_WAIT_POLICY": "PASSIVE"})
"""Environments in which a peer runs: OpenMP's own spinning, and none."""


def run(
    contestant: Contestant, mnist: Path, *, seed: int, budget: float, epochs: int | None = None
) -> Outcome:
    """Run one contestant to its end, its budget of training seconds, or three times that.

    A peer runs once for each way in which OpenMP's threads wait, and the quicker one counts;
    convlens chooses its own way.
    """
    ways = WAYS_OF_WAITING if contestant in KNOWN.values() else ({},)
    outcomes = [_run(contestant, mnist, seed, budget, epochs, way) for way in ways]
    return min(outcomes, key=_seconds_an_epoch)


def _seconds_an_epoch(outcome: Outcome) -> float:
    """Return the training seconds of an epoch; of a failed run more than of any other."""
    return outcome.epochs[-1]["seconds"] / len(outcome.epochs) if outcome.epochs else math.inf


def _run(
    contestant: Contestant,
    mnist: Path,
    seed: int,
    budget: float,
    epochs: int | None,
    way: dict[str, str],
) -> Outcome:
    command = [sys.executable, str(PEERS / contestant.script), str(mnist), *contestant.arguments]
    command += ["--seed", str(seed), "--budget", str(budget)]
    command += [] if epochs is None else ["--epochs", str(epochs)]
    threads = str(limit_threads())
    # the same cores for all, whatever each library would take
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "TF_NUM_INTRAOP_THREADS": threads}
    environment |= {"TF_NUM_INTEROP_THREADS": threads}
    # this process has said how convlens waits; a contestant says it for itself
    for name in VARIABLES:
        environment.pop(name, None)
    environment |= way
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        limit = f"{3 * budget + 300:.0f}"
        process = subprocess.Popen(
            ["timeout", limit, *command], stdout=out, stderr=errors, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        code = process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        lines = [json.loads(line) for line in out.read().splitlines() if line.startswith("{")]
        errors.seek(0)
        said = errors.read().strip().splitlines()
    error = None if code == 0 else f"exit code {code}: {said[-1] if said else ''}"[:300]
    return Outcome(lines, error, usage.ru_maxrss * 1024)
