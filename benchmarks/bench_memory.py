"""Claim: training MNIST by convlens needs no more memory than the tutorial's script.

Protocol: the most memory that the whole process held (`ru_maxrss`, as the kernel counts it), one
epoch on whole MNIST, each contestant of `bench_time_to_accuracy.py` in a process of its own,
libraries and data included, beside a process that only imports PyTorch. convlens keeps all 60,000
images in memory as uint8 (47 MB). A peer runs with both ways of waiting (`contest.run`), and the
smaller of its two results counts.

Expected duration: 3 min; `bench_memory.py fast-mnist:one-epoch --peers tutorial` takes 30 s.
Arguments: NETWORK:RECIPE ..., --peers (names with commas, "all" or "none").
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile

from contest import ours, peak_bytes, peers, run, write_mnist
from measure import keep, mnist_place

RECIPES = ("fast-mnist:one-epoch", "compact-batch-norm:mnist-fast")


def bare_torch() -> int:
    """Return the bytes that a process holds which imports PyTorch and ends."""
    process = subprocess.Popen([sys.executable, "-c", "import torch"])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=list(RECIPES))
    parser.add_argument("--peers", default="all")
    given = parser.parse_args()
    mnist_place()
    rows = [{"name": "import torch, nothing else", "peak_bytes": bare_torch()}]
    with tempfile.TemporaryDirectory() as folder:
        mnist = write_mnist(folder)
        for contestant in [*map(ours, given.recipes), *peers(given.peers)]:
            if contestant.installed:
                found = run(contestant, mnist, seed=0, budget=600, epochs=1, least=peak_bytes)
                row = {"name": contestant.name, "peak_bytes": found.peak_bytes}
                rows.append({**row, "error": found.error} if found.error else row)
                print(rows[-1], flush=True)
    keep("memory", {"epochs": 1, "contestants": rows})


if __name__ == "__main__":
    main()
