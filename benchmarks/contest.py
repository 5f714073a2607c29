"""Contestants side by side, one after the other, each in a process of its own.

How OpenMP's threads wait is read once, when PyTorch is loaded. So a peer runs once for each way of
waiting, in a new process each time, and the better one counts for it. A contestant of time to
accuracy or of memory is a script of `peers/` (`run`); the peer of a single benchmark is a part of
that benchmark's own script (`in_each_way`).
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
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


WAYS_OF_WAITING: dict[str, dict[str, str]] = {
    "spinning": {"GOMP_SPINCOUNT": "300000"},
    "asleep at once": {"OMP_WAIT_POLICY": "PASSIVE"},
}
"""Environments in which a peer runs. The first states what GNU OpenMP does by itself, so that
convlens leaves it alone in a peer that imports it to read data."""


def environment(way: Mapping[str, str]) -> dict[str, str]:
    """Return a contestant's environment: the same cores for all, whatever each library would take.

    This process has said how convlens waits; a contestant has `way`, or says it for itself.
    """
    threads = str(limit_threads())
    shared = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    shared |= {"OMP_NUM_THREADS": threads, "TF_NUM_INTRAOP_THREADS": threads}
    return {**shared, "TF_NUM_INTEROP_THREADS": threads, **way}


def in_each_way(script: str, *arguments: str) -> list[dict[str, Any]]:
    """Run the peer of a benchmark, `SCRIPT --peer ARGUMENT...`, once for each way of waiting.

    Returns
    -------
    list of dict
        The JSON object in the last line that each process printed, and the way as "waiting".
    """
    answers = []
    for name, way in WAYS_OF_WAITING.items():
        done = subprocess.run(
            [sys.executable, script, "--peer", *arguments],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env=environment(way),
        )
        answers.append({**json.loads(done.stdout.splitlines()[-1]), "waiting": name})
    return answers


def quicker(answers: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the answer with the fewest seconds."""
    return min(answers, key=lambda answer: float(answer["seconds"]))


def seconds_per_epoch(outcome: Outcome) -> float:
    """Return the training seconds of an epoch; of a failed run more than of any other."""
    return outcome.epochs[-1]["seconds"] / len(outcome.epochs) if outcome.epochs else math.inf


def peak_bytes(outcome: Outcome) -> float:
    """Return the most memory that was held; of a failed run more than of any other."""
    return outcome.peak_bytes if outcome.error is None else math.inf


def run(
    contestant: Contestant,
    mnist: Path,
    *,
    seed: int,
    budget: float,
    epochs: int | None = None,
    least: Callable[[Outcome], float] = seconds_per_epoch,
) -> Outcome:
    """Run one contestant to its end, its budget of training seconds, or three times that.

    A peer runs once for each way in which OpenMP's threads wait, and the outcome with the least of
    `least` counts; convlens chooses its own way.
    """
    ways = WAYS_OF_WAITING.values() if contestant in KNOWN.values() else ({},)
    outcomes = [_run(contestant, mnist, seed, budget, epochs, way) for way in ways]
    return min(outcomes, key=least)


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
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        limit = f"{3 * budget + 300:.0f}"
        process = subprocess.Popen(
            ["timeout", limit, *command], stdout=out, stderr=errors, env=environment(way)
        )
        _, status, usage = os.wait4(process.pid, 0)
        code = process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        lines = [json.loads(line) for line in out.read().splitlines() if line.startswith("{")]
        errors.seek(0)
        said = errors.read().strip().splitlines()
    error = None if code == 0 else f"exit code {code}: {said[-1] if said else ''}"[:300]
    return Outcome(lines, error, usage.ru_maxrss * 1024)
