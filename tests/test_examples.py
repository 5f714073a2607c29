"""The examples run as they stand, through the public API alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
def test_the_digits_example_reaches_98_percent_in_twenty_lines(tmp_path: Path) -> None:
    script = EXAMPLES / "digits.py"
    assert len(script.read_text().splitlines()) <= 20
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={**os.environ, "CONVLENS_RUNS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=280,
    )
    accuracy = re.search(r"test accuracy ([\d.]+)%", done.stdout)
    assert accuracy is not None
    assert float(accuracy[1]) >= 98
    assert "report:" in done.stdout
