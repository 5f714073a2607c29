"""Claim: the tutorial's table of batch sizes, measured: 50,000 updates an epoch at batch 1.

Protocol: `convlens study batch-size` on MNIST with `tutorial-torch` and its recipe, 50,000 images
to train on and 10,000 held out, whole epochs without sampling. The tutorial saw 166 s an epoch at
batch 1 and 17 s at batch 10.

Expected duration on two cores: 5 min with one epoch. Arguments: epochs, batch sizes with commas,
and the most seconds a training may take: `bench_batch_size.py 1 10,100 20`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from convlens import studies
from convlens.studies.study import Options
from measure import keep, machine, mnist_place

EPOCHS = int(sys.argv[1]) if len(sys.argv) > 1 else 1
SIZES = sys.argv[2] if len(sys.argv) > 2 else "1,10,32,100,320,1000,3200"
MOST = float(sys.argv[3]) if len(sys.argv) > 3 else 600.0
SECONDS = 10.0


def main() -> None:
    machine()
    with tempfile.TemporaryDirectory() as folder:
        done = studies.run(
            "batch-size",
            network="tutorial-torch",
            data=mnist_place(),
            recipe="tutorial-torch",
            changes={"validation": 1 / 6, "validation_method": "last"},  # 50,000 exactly
            options=Options(
                tuple(SIZES.split(",")), EPOCHS, 1, seconds=min(SECONDS, MOST), budget=MOST
            ),
            out=Path(folder),
            on_progress=lambda line: print(line, flush=True),
        )
    keep(
        "batch_size",
        {
            **done.findings.results,
            "tables": [
                {"title": table.title, "markdown": table.markdown()}
                for table in done.findings.tables
            ],
        },
    )


if __name__ == "__main__":
    main()
