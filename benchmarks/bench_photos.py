"""Claim: a classifier of your photos in a tenth of the time of PyTorch's transfer tutorial.

Protocol: `dogs-and-cats`, the split of seed 0 (a fifth of each class is the test set, a tenth of
the rest validates), which all contestants get as a list of files; the same EfficientNet-Lite0
weights; the same cores, one contestant after the other. Each is run for the same fresh seeds; each
reads the test set once per seed, at its end, with what validation chose. Seconds are of the whole
process, from its start to its answer: libraries, decoding, features, training and test.

- `convlens, first time`: `convlens train --data photos`, empty cache, to the finished report.
- `convlens, second time`: the same again with another seed, features in the cache.
- `tutorial, last layer` and `tutorial, all layers`: PyTorch's transfer learning tutorial as it is
  written, both halves (`peers/transfer_tutorial.py`), 25 epochs.
- `logistic regression`: scikit-learn, on the features that convlens keeps; its seconds are of the
  fit alone, so they are no contest, and it has no seed.

`--quick` runs one seed and one epoch of the tutorial, and says what 25 epochs would take at that
pace: no measurement of the tutorial's accuracy. Without it the benchmark takes hours on two cores.

    python benchmarks/bench_photos.py [--quick] [FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

import convlens
from convlens.api.plan_training import plan_training
from convlens.training.engine import begin
from measure import keep, machine

SEEDS = range(201, 206)
EPOCHS = 25
PEER = Path(__file__).parent / "peers" / "transfer_tutorial.py"


def split_of(plan: convlens.TrainingPlan) -> dict[str, Any]:
    """Return the files and labels of each part, as the contestants read them."""
    parts: dict[str, Any] = {"classes": len(plan.dataset.classes)}
    for name in ("train", "validation", "test"):
        part = plan.dataset.part(name)
        parts[name] = {"files": list(part.files or ()), "labels": part.labels.tolist()}
    return parts


def ours(folder: Path, place: Path, seed: int) -> dict[str, Any]:
    """Train by the command line, from the start of the process to the finished report."""
    out = place / f"run-{seed}-{time.monotonic_ns()}"
    command = [sys.executable, "-m", "convlens", "train", "--data", str(folder)]
    started = time.perf_counter()
    subprocess.run(
        [*command, "--seed", str(seed), "--out", str(out), "--json"],
        check=True,
        capture_output=True,
        env={**os.environ, "CONVLENS_CACHE": str(place / "cache")},
    )
    seconds = time.perf_counter() - started
    run = convlens.open_run(out)
    assert run.evaluation is not None
    return {"seed": seed, "seconds": seconds, "test_accuracy": run.evaluation["accuracy"]}


def tutorial(folder: Path, place: Path, seed: int, epochs: int, *, frozen: bool) -> dict[str, Any]:
    """Run the tutorial in a process of its own."""
    command = [sys.executable, str(PEER), str(folder), str(place / "split.json")]
    command += [str(place / "model"), "--seed", str(seed), "--epochs", str(epochs)]
    started = time.perf_counter()
    done = subprocess.run(
        command + ["--frozen"] * frozen, check=True, capture_output=True, text=True
    )
    seconds = time.perf_counter() - started
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    epoch_seconds = lines[-2]["seconds"] / epochs
    return {
        "seed": seed,
        "epochs": epochs,
        "seconds": seconds,
        "epoch_seconds": epoch_seconds,
        "seconds_of_25_epochs": seconds + (EPOCHS - epochs) * epoch_seconds,
        "test_accuracy": lines[-1]["test_accuracy"],
    }


def logistic_regression(plan: convlens.TrainingPlan) -> dict[str, Any]:
    """Fit scikit-learn's logistic regression on the training and validation photos' features."""
    training = begin(plan)
    features, labels = {}, {}
    for name in ("train", "validation", "test"):
        images = training.inputs(plan.image_set(plan.dataset.part(name)))
        features[name] = np.concatenate([batch.numpy() for batch, _ in images.in_order(500)])
        labels[name] = images.labels.numpy()
    started = time.perf_counter()
    model = LogisticRegression(max_iter=1000)
    model.fit(features["train"], labels["train"])
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "test_accuracy": model.score(features["test"], labels["test"])}


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean and the standard deviation of several seeds, and all of them."""
    accuracies = [row["test_accuracy"] for row in rows]
    spread = statistics.stdev(accuracies) if len(rows) > 1 else None
    return {
        "test_accuracy": statistics.mean(accuracies),
        "standard_deviation": spread,
        "seconds": statistics.median(row["seconds"] for row in rows),
        "trainings": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    machine()
    root = os.environ.get("CONVLENS_DATA", ".")
    folder: Path = given.folder or Path(root) / "photos" / "dogs-and-cats"
    seeds = SEEDS[:1] if given.quick else SEEDS
    epochs = 1 if given.quick else EPOCHS
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        os.environ["CONVLENS_CACHE"] = str(place / "cache")
        rows: dict[str, list[dict[str, Any]]] = {}
        first, second = [], []
        for seed in seeds:
            shutil.rmtree(place / "cache", ignore_errors=True)
            first.append(ours(folder, place, seed))
            second.append(ours(folder, place, seed + 50))
        plan = plan_training(data=folder, progress=False)
        (place / "split.json").write_text(json.dumps(split_of(plan)))
        convlens.export("efficientnet-lite0", to="torch", out=place / "model", progress=False)
        rows |= {"convlens, first time": first, "convlens, second time": second}
        regression = logistic_regression(plan)
        for name, frozen in (("tutorial, last layer", True), ("tutorial, all layers", False)):
            rows[name] = [tutorial(folder, place, seed, epochs, frozen=frozen) for seed in seeds]
    contestants = {name: summary(some) for name, some in rows.items()}
    contestants["logistic regression"] = regression
    result: dict[str, Any] = {
        "folder": folder.name,
        "photos": sum(len(plan.dataset.part(p)) for p in ("train", "validation", "test")),
        "test_photos": len(plan.dataset.test),
        "quick": given.quick,
        "contestants": contestants,
    }
    keep("photos", result)


if __name__ == "__main__":
    main()
