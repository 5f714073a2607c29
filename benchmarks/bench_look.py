"""Claim: `convlens look` takes under 5 s on 2 cores, from the command to the page.

Protocol: `tutorial-torch` trained for 2 epochs on the embedded digits, and `tiny-vgg` for 2 on the
CIFAR-10 subset where it is found. The whole process is timed, 5 times each, on one test image, and
the median kept, beside the median of `python -c "import torch"`, which no such command can do
without, and of a bare `python -c pass`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

import convlens
from convlens import data
from measure import keep

PROGRAM = str(Path(sys.executable).parent / "convlens")


def seconds(command: list[str], folder: Path) -> float:
    """Return the median seconds of 5 processes."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
        times.append(time.perf_counter() - started)
    return round(statistics.median(times), 2)


def main() -> None:
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for network, place in (("tutorial-torch", "digits-5k"), ("tiny-vgg", "cifar10-subset")):
            if data.describe(place)["found"] is None:
                continue
            run = convlens.train(network, place, epochs=2, runs=folder)
            image = data.load(place).test.images[10].squeeze()
            Image.fromarray(image if image.ndim == 2 else image.transpose(1, 2, 0)).save(
                folder / "image.png"
            )
            found[network] = seconds([PROGRAM, "look", str(run.folder), "image.png"], folder)
        found["import torch"] = seconds([sys.executable, "-c", "import torch"], folder)
        found["python"] = seconds([sys.executable, "-c", "pass"], folder)
    keep("look", {"seconds": found})


if __name__ == "__main__":
    main()
