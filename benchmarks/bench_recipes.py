"""Claim: what each named recipe reaches on its data, and in what time.

Protocol: each recipe trains its network on its data set with several seeds; nothing but the seed
changes. The epoch is chosen by the validation split, and the test set is read once a training, at
its end; every result is kept. Seconds are of the training steps, without loading, validation and
test, on the threads that the machine's entry names. `mnist-fast` runs in turn with `one-epoch`, the
recipe that it has to beat, on the same data in the same process; their ratio is of the medians.
The recipe `digits` has a benchmark of its own, `bench_digits.py`.

Expected duration on two cores: `digits-best` 4 min, `mnist-fast` 2 min, `mnist-small` 15 min.

Arguments: which of the recipes, all by default, and how many seeds, for example
`bench_recipes.py mnist-fast 10`.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from typing import Any

import convlens
from convlens import data, zoo
from measure import RESULTS, keep, machine

RECIPES = {
    # recipe: (network, data set, seeds)
    "digits-best": ("fast-batch-norm", "digits-5k", 5),
    "mnist-fast": ("compact-batch-norm", "mnist", 10),
    "mnist-small": ("compact-batch-norm", "mnist", 5),
}
PEERS = {"mnist-fast": ("one-epoch", "fast-mnist")}


def train(recipe: str, network: str, place: str, seed: int) -> dict[str, Any]:
    """Train once; return what came out."""
    with tempfile.TemporaryDirectory() as folder:
        run = convlens.train(network, place, recipe=recipe, seed=seed, root=folder)
        row = {
            "seed": seed,
            "test_accuracy": run.status["test_accuracy"],
            "seconds": round(run.status["train_seconds"], 2),
        }
    print(recipe, row, flush=True)
    return row


def summary(network: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the network's size, and mean and spread over the seeds."""
    accuracies = [row["test_accuracy"] for row in rows]
    return {
        "parameters": zoo.load(network).table().parameters,
        "seeds": len(rows),
        "test_accuracy_mean": round(statistics.mean(accuracies), 5),
        "test_accuracy_std": round(statistics.stdev(accuracies), 5) if len(rows) > 1 else None,
        "seconds_median": round(statistics.median(row["seconds"] for row in rows), 2),
        "trainings": rows,
    }


def measure(recipe: str, seeds: int) -> None:
    network, place, _ = RECIPES[recipe]
    rows, peer_rows = [], []
    for seed in range(seeds):
        rows.append(train(recipe, network, place, seed))
        if recipe in PEERS:
            peer_rows.append(train(*PEERS[recipe], place, seed))
    found = {
        "recipe": recipe,
        "network": network,
        "data": place,
        "measured": time.strftime("%Y-%m-%d"),
    }
    found |= summary(network, rows)
    if peer_rows:
        peer = summary(PEERS[recipe][1], peer_rows)
        found["peer"] = dict(zip(("recipe", "network"), PEERS[recipe], strict=True)) | peer
        found["time_of_peer"] = round(found["seconds_median"] / peer["seconds_median"], 3)
    path = RESULTS / "recipes.json"
    known = json.loads(path.read_text())["recipes"] if path.exists() else {}
    keep("recipes", {"recipes": {**known, recipe: found}})


def main() -> None:
    machine()
    arguments = sys.argv[1:]
    seeds = int(arguments.pop()) if arguments and arguments[-1].isdigit() else None
    for recipe in arguments or RECIPES:
        _, place, usual = RECIPES[recipe]
        if data.describe(place)["found"] is None:
            print(f"{recipe} left out: {place} is not on this machine")
            continue
        measure(recipe, seeds or usual)


if __name__ == "__main__":
    main()
