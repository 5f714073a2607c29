"""Fault 25: memory runs out in a training on a CPU, by a limit that the system sets on a child."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from convlens import open_run
from convlens.training.memory import batch_that_fits, is_out_of_memory

CODE = """
import os, resource, sys
from pathlib import Path
import scipy.stats, sklearn.metrics  # the test's own libraries, before memory is limited
import convlens
from recorded_runs import digits

def limit(event):
    # while it trains: no more than what the process has by now and 700 MB
    free = resource.RLIM_INFINITY
    if event["event"] == "start":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + 700_000_000
        resource.setrlimit(resource.RLIMIT_AS, (most, free))
    elif event["event"] == "test":
        resource.setrlimit(resource.RLIMIT_AS, (free, free))

batch, evaluation, engine, out = sys.argv[1:]
wide = convlens.Network(
    name="wide",
    input=(1, 28, 28),
    layers=[
        {"conv": 512, "kernel": 3},
        {"relu": True},
        {"global_avg_pool": True},
        {"flatten": True},
        {"linear": 10},
    ],
)
settings = {"precision": "float32", "memory_format": "contiguous", "threads": 1}
try:
    convlens.train(
        wide,
        digits(),
        epochs=1,
        batch_size=int(batch),
        evaluation_batch=int(evaluation),
        out=out,
        engine=engine,
        on_event=limit,
        **settings,
    )
except convlens.ConvlensError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


def child(
    batch: int, evaluation: int, out: Path, engine: str = "torch"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE, str(batch), str(evaluation), engine, str(out)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process as Linux does")
def test_fault_25_a_batch_too_large_for_memory_names_a_smaller_one_that_trains(
    tmp_path: Path,
) -> None:
    failed = child(180, 180, tmp_path / "large")
    assert failed.returncode == 1, failed.stderr
    assert "too little memory for batches of 180" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert open_run(tmp_path / "large").status["state"] == "failed"
    advised = re.search(r"`batch_size=(\d+)` and `evaluation_batch=(\d+)`", failed.stderr)
    assert advised, failed.stderr
    batch, evaluation = int(advised[1]), int(advised[2])
    assert 1 <= batch <= 90
    trained = child(batch, evaluation, tmp_path / "small")
    assert trained.returncode == 0, trained.stderr


@pytest.mark.parametrize("allocate", [torch.empty, np.empty], ids=["torch", "numpy"])
def test_fault_25_an_allocation_that_the_system_refuses_is_told_from_other_errors(
    allocate: object,
) -> None:
    assert callable(allocate)
    with pytest.raises((RuntimeError, MemoryError)) as refused:
        allocate(2**50)
    assert is_out_of_memory(refused.value)
    with pytest.raises(RuntimeError) as other:
        torch.ones(2, 3) @ torch.ones(2, 3)
    assert not is_out_of_memory(other.value)


def test_fault_25_where_no_batch_fits_none_is_advised() -> None:
    tried: list[int] = []

    def attempt(size: int) -> None:
        tried.append(size)
        if size > limit:
            raise MemoryError

    limit = 20
    assert batch_that_fits(100, attempt) == 12
    limit = 0
    assert batch_that_fits(5, attempt) is None
    assert tried == [50, 25, 12, 2, 1]
