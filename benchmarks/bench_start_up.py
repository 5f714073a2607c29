"""Claims: `convlens --help` takes under 150 ms; the table of 1,000 layers under 50 ms; no torch.

Protocol: the whole process is timed, 11 times, median kept, beside a bare `python -c pass` in the
same run. The table is timed inside one process, from the file to the printed text, imports done.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import keep

PROGRAM = str(Path(sys.executable).parent / "convlens")


def whole_process(command: list[str]) -> float:
    """Return the median milliseconds of 11 starts."""
    times = []
    for _ in range(11):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(1000 * (time.perf_counter() - started))
    return round(statistics.median(times), 1)


INSIDE = """
import sys, time
from convlens.network import Network
from convlens.network.plan_text import render
times = []
for _ in range(7):
    started = time.perf_counter()
    text = render(Network.load(sys.argv[1]).plan())
    times.append(1000 * (time.perf_counter() - started))
assert "torch" not in sys.modules
print(sorted(times)[3])
"""


def table_of_1000_layers() -> dict[str, float]:
    """Return the median milliseconds from file to text, for JSON and TOML."""
    layers = [{"conv": 8, "kernel": 3, "padding": 1}, {"relu": True}] * 500
    network = {"input": [3, 32, 32], "layers": layers}
    toml = "input = [3, 32, 32]\nlayers = [\n"
    toml += "  { conv = 8, kernel = 3, padding = 1 },\n  { relu = true },\n" * 500 + "]\n"
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("n.json", json.dumps(network)), ("n.toml", toml)):
            path = Path(folder) / name
            path.write_text(text)
            out = subprocess.run(
                [sys.executable, "-c", INSIDE, str(path)], check=True, capture_output=True
            )
            found[name] = round(float(out.stdout), 1)
    return found


def main() -> None:
    keep(
        "start_up",
        {
            "python_ms": whole_process([sys.executable, "-c", "pass"]),
            "help_ms": whole_process([PROGRAM, "--help"]),
            "shapes_ms": whole_process([PROGRAM, "shapes", "tutorial-torch"]),
            "table_of_1000_layers_ms": table_of_1000_layers(),
        },
    )


if __name__ == "__main__":
    main()
