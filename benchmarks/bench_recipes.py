"""Claim: what each named recipe reaches on its data, and in what time.

Protocol: each recipe trains its network on its data set with several seeds; nothing but the seed
changes. The seeds start at 1000: none of them was used where a recipe was chosen (rows without
"fresh_seeds" have seeds from 0). The epoch is chosen by the validation split, and the test set is
read once a training, at its end; every result is kept. Seconds are of the training steps, without
loading, validation and test, on the threads that each row names.
`mnist-fast` runs in turn with `one-epoch`, the recipe
that it has to beat, on the same data in the same process; their ratio is of the medians.
The recipe `digits` has a benchmark of its own, `bench_digits.py`.

Expected duration on two cores: `digits-best` 6 min, `digits-small`, `mnist-fast` and `two-epochs`
2 min each, `mnist-small` 20 min, `mnist-best` 30 min, `fashion-fast` 28 min, `fashion-small`
15 min, `fashion-best` 100 min with AMX, `cifar-fast` 10 min, `cifar-best` 80 min with AMX.

    python benchmarks/bench_recipes.py [RECIPE ...] [--seeds N] [--runs FOLDER]

With a folder, each training is a run in it, named for recipe and seed: a finished one is read and
not repeated, so that a long measurement can go on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import convlens
from convlens import Run, data
from convlens.network import zoo
from measure import RESULTS, keep, machine

RECIPES = {
    # recipe: (network, data set, seeds)
    "digits-best": ("fast-batch-norm", "digits-5k", 10),
    "digits-small": ("compact-batch-norm", "digits-5k", 5),
    "mnist-fast": ("compact-batch-norm", "mnist", 10),
    "two-epochs": ("slim-batch-norm", "mnist", 5),
    "mnist-small": ("slim-batch-norm", "mnist", 5),
    "mnist-best": ("deep-batch-norm", "mnist", 5),
    "fashion-fast": ("small-resnet", "fashion-mnist", 3),
    "fashion-small": ("slim-batch-norm", "fashion-mnist", 3),
    "fashion-best": ("basic-resnet", "fashion-mnist", 1),
    "cifar-fast": ("small-resnet", "cifar10-subset", 3),
    "cifar-best": ("basic-resnet", "cifar10-subset", 3),
}
FIRST_SEED = 1000
PEERS = {"mnist-fast": ("one-epoch", "fast-mnist")}


def train(
    recipe: str, network: str, place: str, seed: int, runs: Path, device: str = "cpu"
) -> dict[str, Any]:
    """Train once, unless it was done; return what came out."""
    folder = runs / f"{recipe}-{seed}"
    if folder.exists() and Run.open(folder).status["state"] == "finished":
        run = Run.open(folder)
    else:
        run = convlens.train(network, place, recipe=recipe, seed=seed, out=folder, device=device)
    row = {
        "seed": seed,
        "test_accuracy": run.status["test_accuracy"],
        "best_epoch": run.status["best_epoch"],
        "seconds": round(run.status["train_seconds"], 2),
        "threads": run.environment["threads"],
    }
    print(recipe, row, flush=True)
    return row | {"epochs": curve(run)}


def curve(run: Run) -> list[list[float]]:
    """Return loss, validation loss and validation accuracy of each epoch."""
    keys = ("train_loss", "validation_loss", "validation_accuracy")
    epochs = (event for event in run.events() if event["event"] == "epoch")
    return [[round(epoch[key], 5) for key in keys] for epoch in epochs]


def summary(network: str, place: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the network's size, mean and spread over the seeds; of one training, its course."""
    if len(rows) > 1:
        rows = [{key: value for key, value in row.items() if key != "epochs"} for row in rows]
    accuracies = [row["test_accuracy"] for row in rows]
    entry = data.describe(place)
    fitted = zoo.load(network).adapted(tuple(entry["shape"]), len(entry["classes"]))
    return {
        "parameters": fitted.plan().parameters,
        "seeds": len(rows),
        "threads": rows[0]["threads"],
        "test_accuracy_mean": round(statistics.mean(accuracies), 5),
        "test_accuracy_std": round(statistics.stdev(accuracies), 5) if len(rows) > 1 else None,
        "seconds_median": round(statistics.median(row["seconds"] for row in rows), 2),
        "trainings": rows,
    }


def measure(recipe: str, seeds: int, runs: Path) -> None:
    network, place, _ = RECIPES[recipe]
    rows, peer_rows = [], []
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        rows.append(train(recipe, network, place, seed, runs))
        if recipe in PEERS:
            peer_rows.append(train(*PEERS[recipe], place, seed, runs))
    found = {
        "recipe": recipe,
        "fresh_seeds": True,
        "network": network,
        "data": place,
        "command": f"convlens train {network} --data {place} --recipe {recipe}",
        "measured": time.strftime("%Y-%m-%d"),
        "processor": machine()["processor"],
    }
    found |= summary(network, place, rows)
    if peer_rows:
        peer = summary(PEERS[recipe][1], place, peer_rows)
        found["peer"] = dict(zip(("recipe", "network"), PEERS[recipe], strict=True)) | peer
        found["time_of_peer"] = round(found["seconds_median"] / peer["seconds_median"], 3)
    path = RESULTS / "recipes.json"
    known = json.loads(path.read_text())["recipes"] if path.exists() else {}
    keep("recipes", {"recipes": {**known, recipe: found}})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help=", ".join(RECIPES))
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--runs", type=Path)
    given = parser.parse_args()
    machine()
    with tempfile.TemporaryDirectory() as folder:
        for recipe in given.recipes or RECIPES:
            _, place, usual = RECIPES[recipe]
            if data.describe(place)["found"] is None:
                print(f"{recipe} left out: {place} is not on this machine")
                continue
            measure(recipe, given.seeds or usual, given.runs or Path(folder))


if __name__ == "__main__":
    main()
