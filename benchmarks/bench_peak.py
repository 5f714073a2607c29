"""Claim: which share of the machine's measured peak training reaches, and where the rest goes.

Protocol: the peak is the best of repeated products of two square matrices (1,024 and 2,048),
float32 and bfloat16, with the threads that convlens chose. Training is the `one-epoch` recipe on
the network, whole MNIST, 60 steps after 20 that are not counted, in the precision and layout that
convlens chose. Its floating-point operations are 2 a multiply-add forwards, as many for the
gradients of the weights and, except in the first layer, as many for those of the inputs; nothing
else is counted, so pooling, batch supply and the optimiser only cost. The profile is of 20 more
steps by `torch.profiler`: each operator's own time as a share of all.

Expected duration: 30 s. Argument: a network, by default fast-mnist.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from convlens.api.adapting import adapted_to_data
from convlens.engines.device import supports_bfloat16
from convlens.network import Network
from convlens.studies.trial import Trial
from convlens.training import recipe as recipes
from convlens.training.settling import settle
from measure import keep, machine, mnist_place

NAME = sys.argv[1] if len(sys.argv) > 1 else "fast-mnist"
STEPS, WARM, PROFILED = 60, 20, 20


def peak(kind: torch.dtype) -> float:
    """Return the most floating-point operations a second of a square matrix product."""
    best = 0.0
    for size in (1024, 2048):
        a, b = torch.randn(size, size).to(kind), torch.randn(size, size).to(kind)
        started = time.perf_counter()
        while time.perf_counter() - started < 1.5:
            before = time.perf_counter()
            a @ b
            best = max(best, 2 * size**3 / (time.perf_counter() - before))
    return best


def operations(network: Network) -> int:
    """Return the counted floating-point operations of one image's training step."""
    rows = [row.multiply_adds for row in network.plan().steps if row.multiply_adds]
    return 2 * (3 * sum(rows) - rows[0])


class Steps:
    """A training of which so many steps are taken at a time."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.until = 0
        trial.stopped = lambda: trial.updates >= self.until

    def take(self, number: int) -> float:
        """Train on; return the seconds."""
        self.until += number
        before = self.trial.seconds
        self.trial.go_on()
        return self.trial.seconds - before


def profiled(steps: Steps) -> list[dict[str, Any]]:
    """Return the operators by their own time."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        steps.take(PROFILED)
    events = [(e.key, e.self_cpu_time_total, e.count) for e in found.key_averages()]
    whole = sum(taken for _, taken, _ in events)
    events.sort(key=lambda event: -event[1])
    return [
        {"operator": name, "share": round(taken / whole, 4), "calls_a_step": count // PROFILED}
        for name, taken, count in events[:12]
    ]


def main() -> None:
    mnist_place()
    machine()
    recipe = recipes.load("one-epoch")
    network, dataset, _ = adapted_to_data(NAME, "mnist", recipe)
    job = settle(network, dataset, recipe, "cpu")
    kinds = {"float32": torch.float32}
    if supports_bfloat16(job.device):
        kinds["bfloat16"] = torch.bfloat16
    with job.compute.in_threads():
        peaks = {name: peak(kind) for name, kind in kinds.items()}
    steps = Steps(Trial(job))
    steps.take(WARM)
    seconds = steps.take(STEPS)
    reached = operations(network) * STEPS * recipe.batch_size / seconds
    own = steps.trial.training.progress
    keep(
        "peak",
        {
            "network": NAME,
            "batch": recipe.batch_size,
            "computed": job.compute.as_recipe(),
            "peak_gflops": {name: round(value / 1e9, 1) for name, value in peaks.items()},
            "training_gflops": round(reached / 1e9, 2),
            "share_of_peak": round(reached / peaks[job.compute.precision], 4),
            "images_per_second": round(STEPS * recipe.batch_size / seconds),
            "steps_done": own.step,
            "profile": profiled(steps),
        },
    )


if __name__ == "__main__":
    main()
