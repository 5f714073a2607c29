"""How many damaged inputs each reader has been given: `counts.json`, and runs that add to it.

A long run is a sequence of short ones with seeds that follow each other. Each short one is counted
as soon as it ends, so that a run that is stopped goes on where it was:

    python tests/fuzz/serving.py heads 720000 1000    # stopped after 400,000: seeds 1000 to 1039
    python tests/fuzz/serving.py heads 320000 1040
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

COUNTS = Path(__file__).with_name("counts.json")
PART = 10_000
"""Inputs with one seed."""


def note(name: str, count: int, seconds: float) -> int:
    """Add what a reader was given and survived to the counts; return its inputs altogether."""
    counts = json.loads(COUNTS.read_text()) if COUNTS.exists() else {}
    row = counts.setdefault(name, {"inputs": 0, "seconds": 0.0, "found": 0})
    row["inputs"] += count
    row["seconds"] = round(row["seconds"] + seconds, 1)
    COUNTS.write_text(json.dumps(counts, indent=2, sort_keys=True) + "\n")
    return int(row["inputs"])


def in_parts(name: str, count: int, seed: int, survive: Callable[[int, int], object]) -> None:
    """Give a reader `count` damaged inputs, and count those of each seed when they are through.

    Parameters
    ----------
    name : str
        The reader's name in the counts.
    count, seed : int
        How many inputs, and the first seed.
    survive : callable
        Takes a number of inputs and a seed; raises where an input shows a bug.
    """
    for first in range(0, count, PART):
        part, started = min(PART, count - first), time.perf_counter()
        survive(part, seed)
        seconds = time.perf_counter() - started
        whole = note(name, part, seconds)
        print(f"{name}: seed {seed}, {part} in {seconds:.1f} s, {whole} in all", flush=True)
        seed += 1
