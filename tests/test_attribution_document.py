"""The table in `docs/attribution.md` is the kept measurement and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_documented_table_is_the_measured_one() -> None:
    script = ROOT / "benchmarks" / "bench_attribution_trust.py"
    printed = subprocess.run(
        [sys.executable, str(script), "--table"], capture_output=True, text=True, check=True
    )
    assert printed.stdout.count("|") > 60
    assert printed.stdout.strip() in (ROOT / "docs" / "attribution.md").read_text()
