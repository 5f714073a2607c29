"""Fault 1: a kill that demonstrably lands inside a write of a checkpoint."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from convlens import runs

SAVER = """
import sys, numpy as np
from convlens import runs
with runs.open_existing(sys.argv[1]) as writer:
    for step in range(100000):
        writer.save_checkpoint({"w": np.full(4_000_000, step, np.float32)}, {"step": step})
        if step == 0: print("ready", flush=True)
"""
KILLS = 20


def test_fault_1_twenty_kills_inside_a_write_leave_a_checkpoint_that_loads(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with runs.create("n", folder=folder):
        pass
    cut = 0
    for _ in range(3 * KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVER, str(folder)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        known = set(folder.rglob("*.tmp"))
        deadline = time.monotonic() + 10
        while not set(folder.rglob("*.tmp")) - known and time.monotonic() < deadline:
            pass  # the kill follows the appearance of a temporary file
        process.kill()
        process.communicate()
        left = set(folder.rglob("*.tmp")) - known
        cut += bool(left)
        with runs.open_existing(folder) as writer:
            tensors, state = writer.load_checkpoint()
        assert (tensors["w"] == state["step"]).all()
        for path in left:
            path.unlink()
        if cut == KILLS:
            break
    assert cut == KILLS
