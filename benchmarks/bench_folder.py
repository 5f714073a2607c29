"""Claims: folders decode 1.7 times as fast as a plain PIL loop on 2 cores; the second start of
200,000 images takes under 3 s; streaming under a 200 MB budget keeps memory under 600 MB.

Protocol: `--images` PNG files (200,000 by default) of 32x32 tinted handwritten digits, in ten
classes, each file a different image, written once to a temporary folder (or to `--folder`, which is
then kept). Each measurement is a process of its own on the same files.

- *first start*: `data.load` with an empty cache, all of it: listing, choosing the size, decoding,
  writing the cache, splitting, statistics. The peer is the loop that most people write: one
  process, `np.asarray(Image.open(path).convert("RGB"))` for every path and `np.stack`. Both run
  `--rounds` times, in turn, so that a change of the machine's load meets both; the medians are
  compared. The files are in the page cache, since writing the folder has just put them there.
- *second start*: `data.load` again, with the cache; seconds of the call, and of the whole process
  with the interpreter and imports.
- *streaming*: `convlens.train` for one epoch with `memory="200MB"`; the highest resident memory
  (`ru_maxrss`), less that of a process that imports torch and takes one step of the same network.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

BUDGET = "200MB"
NETWORK = "tiny-vgg"


def make(folder: Path, images: int) -> None:
    """Write the folder: digits in ten classes, each file tinted by its own colour."""
    from convlens.data import digits

    train, _ = digits.read()
    padded = np.pad(train.images[:, 0], ((0, 0), (2, 2), (2, 2))).astype(np.float32) / 255
    rng = np.random.default_rng(0)
    for label in range(10):
        (folder / str(label)).mkdir(parents=True)
    for number in range(images):
        place = number % len(padded)
        ink, paper = rng.integers(128, 256, 3), rng.integers(0, 64, 3)
        share = padded[place, :, :, None]
        pixels = (share * ink + (1 - share) * paper).astype(np.uint8)
        name = folder / str(train.labels[place]) / f"{number:06}.png"
        Image.fromarray(pixels).save(name, compress_level=1)


def peer(folder: str) -> dict[str, float]:
    """Decode every file by a plain loop."""
    started = time.perf_counter()
    paths = sorted(Path(folder).rglob("*.png"))
    images = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "images": len(images)}


def load(folder: str) -> dict[str, float]:
    """Load the folder as training does."""
    from convlens import data

    started = time.perf_counter()
    dataset = data.load(folder)
    seconds = time.perf_counter() - started
    parts = (dataset.train, dataset.validation, dataset.test)
    return {"seconds": seconds, "images": sum(map(len, parts))}


def stream(folder: str) -> dict[str, float]:
    """Train one epoch on images that stay on disk."""
    import convlens

    with tempfile.TemporaryDirectory() as root:
        run = convlens.train(
            NETWORK,
            folder,
            recipe="default",
            runs=root,
            epochs=1,
            input_shape=(3, 32, 32),
            memory=BUDGET,
            precision="float32",
            memory_format="contiguous",
        )
        told = next(event for event in run.events() if event["event"] == "epoch")
    return {"images_per_second": told["images_per_second"]}


def baseline(folder: str) -> dict[str, float]:
    """Import what training imports, and take one step."""
    import torch

    import convlens
    from convlens.network import zoo
    from convlens.training import session  # noqa: F401

    network = zoo.load(NETWORK).adapted((3, 32, 32), 10)
    model = convlens.build(network, seed=0)
    loss = model.module(torch.zeros(128, 3, 32, 32)).sum()
    loss.backward()
    return {}


MEASURED = {"peer": peer, "load": load, "stream": stream, "baseline": baseline}


def measure(name: str, folder: Path, cache: Path) -> dict[str, float]:
    """Run one measurement in a process of its own."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, "--measure", name, "--folder", str(folder)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "CONVLENS_CACHE": str(cache)},
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {**found, "process_seconds": time.perf_counter() - started}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--measure", choices=MEASURED)
    chosen = parser.parse_args()
    if chosen.measure:
        found = MEASURED[chosen.measure](str(chosen.folder))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(json.dumps({**found, "peak_mb": peak}))
        return
    with tempfile.TemporaryDirectory() as name:
        folder, cache = chosen.folder or Path(name, "digits"), Path(name, "cache")
        if not folder.exists():
            make(folder, chosen.images)
        keep_result(folder, cache, chosen.rounds)


def keep_result(folder: Path, cache: Path, rounds: int) -> None:
    """Measure everything and write the result."""
    from measure import keep

    times: dict[str, list[float]] = {"peer": [], "load": []}
    images = 0.0
    for _ in range(rounds):
        for name, found in times.items():
            shutil.rmtree(cache, ignore_errors=True)
            measured = measure(name, folder, cache)
            images = measured["images"]
            found.append(measured["seconds"])
    again = [measure("load", folder, cache) for _ in range(rounds)]
    streamed, bare = (measure(name, folder, cache) for name in ("stream", "baseline"))
    loop, first = (statistics.median(times[name]) for name in ("peer", "load"))
    result: dict[str, Any] = {
        "images": images,
        "plain_loop_images_per_second": round(images / loop),
        "first_start_images_per_second": round(images / first),
        "first_start_over_plain_loop": round(loop / first, 2),
        "second_start_seconds": round(statistics.median(m["seconds"] for m in again), 2),
        "second_start_process_seconds": round(
            statistics.median(m["process_seconds"] for m in again), 2
        ),
        "streaming_budget": BUDGET,
        "streaming_images_per_second": round(streamed["images_per_second"]),
        "streaming_peak_mb": round(streamed["peak_mb"]),
        "baseline_peak_mb": round(bare["peak_mb"]),
        "streaming_mb_above_baseline": round(streamed["peak_mb"] - bare["peak_mb"]),
    }
    keep("folder", result)


if __name__ == "__main__":
    main()
