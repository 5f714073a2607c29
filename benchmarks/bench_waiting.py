"""Claim: beside other programs, convlens's way of waiting is near the best of all ways.

Protocol: three networks (`fast-mnist` in float32, small pieces of work; `fast-batch-norm`, the
default for digits; `small-resnet`, where arithmetic dominates; the latter two in bfloat16 where the
processor has it) take training steps of 64 images for 0.4 s, after three that are not counted. Each
way of waiting has a process of its own, because OpenMP reads it when PyTorch is loaded; the ways
take turns, three rounds, of which the median counts: what a virtual machine meets of others on its
host changes from one second to the next, and it cannot see all of it. Beside them compute no, one
or two neighbours: processes that multiply 300x300 matrices without end. How much of the cores all
others took meanwhile, as far as the machine sees it, is kept with each measurement.
The ways: PyTorch's own with a thread per core and with one thread; `OMP_WAIT_POLICY=PASSIVE`;
`GOMP_SPINCOUNT=20000`; and convlens's, once with a thread per core, as after a choice in a quiet
moment, and once with the threads that it chooses beside these neighbours.

Expected duration on two cores: 2 to 4 min for each number of neighbours. `bench_waiting.py 1`
measures beside one neighbour alone; what was measured of the others stays.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

VARIABLES = ("OMP_WAIT_POLICY", "OMP_PROC_BIND", "OMP_NUM_THREADS", "GOMP_SPINCOUNT")
NETWORKS = {"fast-mnist": "float32", "fast-batch-norm": "bfloat16", "small-resnet": "bfloat16"}
WAYS: dict[str, dict[str, str]] = {
    "PyTorch": {},
    "PyTorch, 1 thread": {},
    "OMP_WAIT_POLICY=PASSIVE": {"OMP_WAIT_POLICY": "PASSIVE"},
    "GOMP_SPINCOUNT=20000": {"GOMP_SPINCOUNT": "20000"},
    "convlens": {},
    "convlens, threads chosen": {},
}
BATCH, SECONDS, WARM, ROUNDS = 64, 0.4, 3, 3
NEIGHBOUR = """
import os, sys
import torch
torch.set_num_threads(1)
a = torch.randn(300, 300)
while os.getppid() == int(sys.argv[1]):  # ends with the benchmark, however that ends
    a = (a @ a).tanh()
"""


def steps(way: str) -> dict[str, dict[str, float]]:
    """Return the milliseconds of a step and the threads of each network; runs in a child."""
    ours = way.startswith("convlens")
    if ours:
        import convlens  # noqa: F401 - says how to wait
    import torch  # for the others before convlens, which would say it

    from convlens.engines.device import limit_threads, supports_bfloat16
    from convlens.foundation.waiting import _now
    from convlens.network import zoo
    from convlens.training import recipe as recipes
    from convlens.training.autotune import autotune

    cpu = torch.device("cpu")
    if ours:
        limit_threads()
    rows = {}
    for name, precision in NETWORKS.items():
        kind = precision if supports_bfloat16(cpu) else "float32"
        threads: Any = 1 if way.endswith("1 thread") else os.cpu_count()
        if way.endswith("chosen"):
            threads = "auto"
        recipe = recipes.Recipe(
            epochs=1,
            batch_size=BATCH,
            precision=kind,
            memory_format="channels_last",
            threads=threads,
            evaluation_batch=500,
        )
        compute = autotune(zoo.load(name), recipe, cpu)
        before = _now()
        ms = _milliseconds(name, compute)
        elapsed, idle, own = (b - a for a, b in zip(before, _now(), strict=True))
        others = round((os.cpu_count() or 1) - (idle + own) / elapsed, 2)
        rows[name] = {"ms": ms, "threads": compute.threads, "cores_of_others": others}
    return rows


def _milliseconds(name: str, compute: Any) -> float:
    import torch
    import torch.nn.functional as F

    from convlens.engines.torch_modules import PlanModule
    from convlens.network import zoo

    with compute.in_threads():
        torch.manual_seed(0)
        network = zoo.load(name)
        module = PlanModule(network.plan()).to(memory_format=compute.torch_format)
        optimizer = torch.optim.AdamW(module.parameters(), fused=True)
        images = torch.randn(BATCH, *network.input).contiguous(memory_format=compute.torch_format)
        labels = torch.randint(10, (BATCH,))
        taken, started = -WARM, 0.0
        while taken < 1 or time.perf_counter() - started < SECONDS:
            if taken == 0:
                started = time.perf_counter()
            optimizer.zero_grad()
            with compute.autocast(torch.device("cpu")):
                logits = module(images)
            F.cross_entropy(logits.float(), labels).backward()
            optimizer.step()
            taken += 1
        return round(1000 * (time.perf_counter() - started) / taken, 2)


@contextmanager
def neighbours(number: int) -> Iterator[None]:
    """Let so many other processes compute meanwhile, each in a session of its own."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", NEIGHBOUR, str(os.getpid())], start_new_session=True
        )
        for _ in range(number)
    ]
    time.sleep(5 if number else 0)  # until they have loaded PyTorch
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def measured(number: int) -> list[dict[str, Any]]:
    """Return each way's milliseconds and threads beside so many neighbours."""
    rounds: dict[str, list[dict[str, dict[str, float]]]] = {way: [] for way in WAYS}
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    with neighbours(number):
        for _ in range(ROUNDS):
            for way, variables in WAYS.items():
                # every choice is made anew
                with tempfile.TemporaryDirectory() as cache:
                    out = subprocess.run(
                        [sys.executable, __file__, "--steps", way],
                        env={**environment, **variables, "XDG_CACHE_HOME": cache},
                        stdout=subprocess.PIPE,
                        check=True,
                    ).stdout
                rounds[way].append(json.loads(out))
                print(number, way, rounds[way][-1], flush=True)
    return [
        {
            "way": way,
            "ms": {n: statistics.median(r[n]["ms"] for r in results) for n in NETWORKS},
            "each_round": {n: [r[n] for r in results] for n in NETWORKS},
        }
        for way, results in rounds.items()
    ]


def main() -> None:
    if sys.argv[1:2] == ["--steps"]:
        print(json.dumps(steps(sys.argv[2])))
        return
    from measure import RESULTS, keep

    place = RESULTS / "waiting.json"
    kept = json.loads(place.read_text())["beside"] if place.exists() else {}
    for number in [int(word) for word in sys.argv[1:]] or [0, 1, 2]:
        kept[str(number)] = measured(number)
    keep("waiting", {"batch": BATCH, "rounds": ROUNDS, "beside": dict(sorted(kept.items()))})


if __name__ == "__main__":
    main()
