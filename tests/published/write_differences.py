"""Measure how far each published network is from torchvision's, at the published size.

    python tests/published/write_differences.py [NETWORK ...]

writes `differences.json`, of which `write_table.py` makes the table in `docs/published.md`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from published.comparing import differences
from published.listing import NETWORKS

FILE = Path(__file__).parent / "differences.json"


if __name__ == "__main__":
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    for network in sys.argv[1:] or NETWORKS:
        measured = differences(network, "full")
        layers = max(value for name, value in measured.items() if name != "logits")
        known[network] = {"layers": layers, "logits": measured["logits"]}
        print(network, known[network], flush=True)
        FILE.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
