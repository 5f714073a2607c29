"""What the benchmarks share: where the data lies, and how a result is kept."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from convlens.engines.device import describe, limit_threads

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """Return versions, processor and threads, after keeping torch within the cores."""
    limit_threads()
    return dict(describe(torch.device("cpu")))


def keep(name: str, result: dict[str, Any]) -> None:
    """Write `results/<name>.json` and print it."""
    RESULTS.mkdir(exist_ok=True)
    whole = {"measured": time.strftime("%Y-%m-%d"), "machine": machine(), **result}
    (RESULTS / f"{name}.json").write_text(json.dumps(whole, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def mnist_place() -> str:
    """Return what to pass as `data` for whole MNIST, or stop with the reason."""
    from convlens import data

    if data.describe("mnist")["found"] is None:
        raise SystemExit("whole MNIST is not on this machine: set CONVLENS_DATA")
    os.environ.setdefault("CONVLENS_RUNS", str(Path(tempfile.gettempdir()) / "convlens-bench"))
    return "mnist"
