"""One training in a process of its own: `python -m convlens.studies.child`, JSON in and out.

A library settles its number of threads when it starts, so each number needs a fresh process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import IO

import torch

from convlens import data
from convlens.engines.device import limit_threads
from convlens.foundation.errors import TrainingError
from convlens.foundation.machine import waited_seconds
from convlens.network import Network
from convlens.studies.journal import Values
from convlens.studies.study import Bench, Subject, outcome
from convlens.studies.trial import Trial
from convlens.training.compute_settings import ComputeSettings
from convlens.training.job import Job
from convlens.training.recipe import Recipe

POLL_SECONDS = 0.2
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def train(bench: Bench, recipe: Recipe, threads: int) -> Values:
    """Train once in a new process with so many threads; return what came out.

    Raises
    ------
    TrainingError
        Where the process ended without a result; says what it said.
    """
    work = json.dumps(_packed(bench.subject, recipe, threads))
    environment = {**os.environ, **dict.fromkeys(_THREADS, str(threads))}
    with tempfile.TemporaryFile() as order, tempfile.TemporaryFile() as out:
        order.write(work.encode())
        order.seek(0)
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "convlens.studies.child"],
                stdin=order,
                stdout=out,
                stderr=errors,
                env=environment,
            )
            try:
                _wait(process, bench)
            finally:
                process.kill()
                process.wait()
            if bench.interrupt():
                return {}  # the bench says so
            if process.returncode:
                said = _text(errors).strip().splitlines() or ["nothing"]
                raise TrainingError(
                    f"the process with {threads} threads ended with {process.returncode}: "
                    f"{said[-1][:300]}",
                    "a training that ends",
                    "try fewer threads in `values`, or a smaller batch",
                )
        result: Values = json.loads(_text(out).splitlines()[-1])
        return result


def _wait(process: subprocess.Popen[bytes], bench: Bench) -> None:
    while True:
        try:
            process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if bench.interrupt():
                process.terminate()
        else:
            return


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def _packed(subject: Subject, recipe: Recipe, threads: int) -> Values:
    return {
        "network": subject.network.to_dict(),
        "data": subject.dataset.to_json(),
        "recipe": recipe.model_dump(mode="json"),
        "device": subject.device.type,
        "threads": threads,
        "precision": subject.compute.precision,
        "memory_format": subject.compute.memory_format,
        "evaluation_batch": subject.compute.evaluation_batch,
    }


def main() -> None:
    """Do the work that stdin describes and print its result as one line."""
    work = json.load(sys.stdin)
    limit_threads()
    torch.set_num_threads(work["threads"])
    job = Job(
        network=Network.read(work["network"]),
        dataset=data.load_like(work["data"]),
        recipe=Recipe.read(work["recipe"]),
        device=torch.device(work["device"]),
        compute=ComputeSettings(
            work["precision"], work["memory_format"], work["threads"], work["evaluation_batch"]
        ),
    )
    trial = Trial(job)
    started, waited = time.perf_counter(), waited_seconds()
    trial.go_on()
    share = (waited_seconds() - waited) / (time.perf_counter() - started)
    print(json.dumps({**outcome(trial), "waited_share": round(max(0.0, share), 3)}), flush=True)


if __name__ == "__main__":
    main()
