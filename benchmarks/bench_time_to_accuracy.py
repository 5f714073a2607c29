"""Claim: convlens reaches 98, 99 and 99.4% on MNIST in a fraction of the time of its peers.

Protocol: whole MNIST, the same cores, each training in a process of its own, one at a time, all in
one call of this file. Peers are `peers/*.py`, each written from its published hyper-parameters in
its own style, training on 60,000 images (Keras's example on 54,000); convlens trains on 54,000 and
holds 6,000 out. Seconds are of training alone: imports, data loading, building and evaluation are
excluded (evaluation is reported), compiling within the training is not. Test accuracy is read
after every epoch by all contestants alike, for this comparison only; nothing is chosen by it.
Each peer runs twice, with OpenMP's own way of waiting and asleep at once (`contest.run`), and the
quicker run counts. A target is reached at the end of the first epoch at which the mean accuracy
over the seeds is at least the target. convlens's recipes and seeds are run in turn, peers between
them, so that other work on the machine meets all.

Expected duration on two cores: 10 seeds of the three recipes 6 min; each peer and seed twice up to
its budget of 600 s of training (the tutorial 20 epochs, about 4 min; PyTorch's example and
Lightning 10 min; Keras 3 min; fastai 2 min). Altogether about an hour with one seed a peer.

Shorter: `bench_time_to_accuracy.py --seeds 1 --peers tutorial --budget 30`. Arguments:
NETWORK:RECIPE ..., --seeds, --peers (names with commas, "all" or "none"), --peer-seeds, --budget.
Ratios are to the quickest recipe of convlens that reaches the target.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from typing import Any

from contest import Contestant, Outcome, ours, peers, run, write_mnist
from measure import keep, mnist_place

RECIPES = (
    "fast-mnist:one-epoch",
    "compact-batch-norm:mnist-fast",
    "slim-batch-norm:two-epochs",
)
TARGETS = (0.98, 0.99, 0.994)


def summary(contestant: Contestant, outcomes: list[Outcome]) -> dict[str, Any]:
    """Put one contestant's seeds together."""
    whole = [outcome.epochs for outcome in outcomes if outcome.epochs]
    shared = min((len(epochs) for epochs in whole), default=0)
    curve = [
        {
            "epoch": number + 1,
            "seconds": round(statistics.mean(epochs[number]["seconds"] for epochs in whole), 3),
            "test_accuracy": round(
                statistics.mean(epochs[number]["test_accuracy"] for epochs in whole), 5
            ),
        }
        for number in range(shared)
    ]
    ends = [epochs[-1] for epochs in whole]
    accuracies = [end["test_accuracy"] for end in ends]
    return {
        "name": contestant.name,
        "seeds": len(whole),
        "errors": [outcome.error for outcome in outcomes if outcome.error],
        "mean_curve": curve,
        "seconds_to": {f"{target:.3f}": reached(curve, target) for target in TARGETS},
        "seeds_that_reached": {
            f"{target:.3f}": sum(reached(epochs, target) is not None for epochs in whole)
            for target in TARGETS
        },
        "end_accuracies": accuracies,
        "end_accuracy_mean": round(statistics.mean(accuracies), 5) if ends else None,
        "end_accuracy_std": round(statistics.stdev(accuracies), 5) if len(ends) > 1 else None,
        "end_seconds": [end["seconds"] for end in ends],
        "evaluation_seconds_median": (
            statistics.median(e["evaluation_seconds"] for epochs in whole for e in epochs)
            if whole
            else None
        ),
    }


def reached(curve: list[dict[str, Any]], target: float) -> float | None:
    """Return the seconds at the first epoch's end with at least the target."""
    return next((e["seconds"] for e in curve if e["test_accuracy"] >= target), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=list(RECIPES))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--peers", default="all")
    parser.add_argument("--peer-seeds", type=int, default=1)
    parser.add_argument("--budget", type=float, default=600.0)
    given = parser.parse_args()
    mnist_place()
    recipes = [ours(pair) for pair in given.recipes]
    others = peers(given.peers)
    missing = [peer.name for peer in others if not peer.installed]
    others = [peer for peer in others if peer.installed]
    outcomes: dict[str, list[Outcome]] = {c.name: [] for c in (*recipes, *others)}
    turns = [(c, seed) for seed in range(given.peer_seeds) for c in others]
    with tempfile.TemporaryDirectory() as folder:
        mnist = write_mnist(folder)

        def turn(contestant: Contestant, seed: int) -> None:
            found = run(contestant, mnist, seed=seed, budget=given.budget)
            outcomes[contestant.name].append(found)
            end = found.epochs[-1] if found.epochs else {}
            print(contestant.name, "seed", seed, end, found.error or "", flush=True)

        for seed in range(given.seeds):
            for contestant in recipes:
                turn(contestant, seed)
            # the peers are spread evenly between the seeds of convlens
            until = len(others) * given.peer_seeds * (given.seeds - 1 - seed) // given.seeds
            while len(turns) > until:
                turn(*turns.pop(0))
    contestants = [summary(c, outcomes[c.name]) for c in (*recipes, *others)]
    keep(
        "time_to_accuracy",
        {
            "budget_seconds": given.budget,
            "targets": list(TARGETS),
            "not_installed": missing,
            "contestants": contestants,
            "ratios": ratios(contestants),
        },
    )


def ratios(contestants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return every contestant's time to a target by the quickest recipe's of convlens."""
    rows = []
    for target in TARGETS:
        key = f"{target:.3f}"
        times = {c["name"]: c["seconds_to"][key] for c in contestants}
        own = {n: t for n, t in times.items() if n.startswith("convlens ") and t is not None}
        if not own:
            continue
        best = min(own, key=lambda name: own[name])
        rows += [
            {"target": target, "of": name, "by": best, "ratio": round(time / own[best], 2)}
            for name, time in times.items()
            if time is not None and name != best
        ]
    return rows


if __name__ == "__main__":
    main()
