"""Keras's other backends: the same tests, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("keras", reason="needs the extra keras")

HERE = Path(__file__).parent
FILES = ["engines/test_keras_engine.py", "training/test_keras_optimise.py"]
FILES += ["training/test_keras_training.py"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_every_test_of_the_engine_passes_on_it(backend: str) -> None:
    pytest.importorskip(backend)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not slow", *(HERE / f for f in FILES)],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert "skipped" not in done.stdout
