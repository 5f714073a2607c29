"""Claim: `convlens serve` adds little to ONNX Runtime, and holds under load.

Goals, on 2 cores with `fast-mnist`: 200 clients for 60 s get no errors but 503 with Retry-After;
p99 under 250 ms at 70% of the highest throughput; throughput at least 0.8 of ONNX Runtime called
directly with the same batches; p99 of a lone request under twice that of its bare call plus 2 ms;
memory flat over 100,000 requests.

Protocol: the network is trained for an epoch on the embedded digits and served by `convlens serve`
in a process of its own; `http_load` puts load on it over loopback from another one, which takes its
share of the same cores. Requests carry 1 image as JSON, 1 as safetensors, or 16 and 64 as
safetensors, 15 different ones of each kind in turn; each answer holds the five likeliest classes of
every image. Highest throughput: 200 clients (as many as fit into the queue, where that is fewer) in
a closed loop. "Directly" is a loop over `session.run` in this process on float32 batches of the
mean size that the server made (from its own /metrics), with the same session settings, and once
more with all cores. Latency at 70%: requests due at fixed times, counted from when they were due.
Memory: the resident size after 10,000 requests and after 100,000 more.

Beside the goals: `/healthz` under the same load, an answer that computes nothing, is what reading
and answering HTTP alone allows here; and `deep-batch-norm`, a network ten times as costly, shows
the share where computing outweighs it.

    python benchmarks/bench_serve.py [--seconds 60] [--requests 100000]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

import convlens
from convlens import data
from convlens.api.opening import open_subject
from convlens.foundation.machine import available_cores
from convlens.serve.http.limits import Limits
from convlens.serve.models.onnx_model import OnnxModel
from convlens.serve.models.tensors import to_bytes
from http_load import measure
from measure import keep

CLIENTS = 200
DIFFERENT = 15
"""Requests of a kind, so that no two that follow each other are the same."""
QUEUE = Limits().queued_images


def request(images: np.ndarray, *, as_json: bool = False) -> bytes:
    """Return one whole HTTP request."""
    if as_json:
        kind, body = "application/json", json.dumps({"images": images.tolist()}).encode()
    else:
        kind, body = "application/vnd.safetensors", to_bytes({"images": images})
    head = f"POST /v1/models/last:predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Server:
    """`convlens serve` on a free port."""

    def __init__(self, run: Path) -> None:
        command = [sys.executable, "-m", "convlens", "serve", str(run)]
        self.process = subprocess.Popen(
            [*command, "--port", "0"], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        found = re.search(r":(\d+)/", self.process.stdout.readline())
        assert found is not None
        self.port = int(found[1])

    def batches(self) -> tuple[float, float]:
        """Return how many batches it made so far, and of how many images."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            text = answer.read().decode()
        count, total = (
            float(re.search(rf"^convlens_batch_images_{name} (\S+)", text, re.MULTILINE)[1])  # type: ignore[index]
            for name in ("count", "sum")
        )
        return count, total

    def memory(self) -> float:
        """Return its resident size in MB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024  # type: ignore[index]

    def cpu(self) -> float:
        """Return the seconds of processor time it took so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def direct(model: OnnxModel, images: np.ndarray, seconds: float) -> dict[str, float]:
    """Call ONNX Runtime in a loop; return images a second and percentiles of a call (ms)."""
    for _ in range(20):
        model.logits(images)
    times = []
    end = time.perf_counter() + seconds
    while (started := time.perf_counter()) < end:
        model.logits(images)
        times.append(time.perf_counter() - started)
    times.sort()
    return {
        "images_per_second": round(len(images) * len(times) / sum(times), 1),
        "p50_ms": round(1000 * times[len(times) // 2], 3),
        "p99_ms": round(1000 * times[int(0.99 * len(times))], 3),
    }


class Bench:
    """A network trained for an epoch, served, and the same in this process.

    Parameters
    ----------
    network : str
        A name of the zoo.
    root : Path
        Folder of its run.
    """

    def __init__(self, network: str, root: Path) -> None:
        run = convlens.train(network, epochs=1, out=root / "last")
        subject = open_subject(run.folder, engine="reference")
        cores = available_cores()
        self.models = {n: OnnxModel(subject, n) for n in sorted({max(1, cores - 1), cores})}
        self.as_served = self.models[min(self.models)]
        self.server = Server(run.folder)
        self.images = data.load("digits-5k").test.images
        self.load(1, seconds=1)  # warm

    def normalised(self, count: int) -> np.ndarray:
        """Return images as the network takes them."""
        images = np.resize(self.images[:64], (count, *self.images.shape[1:]))
        return self.as_served.subject.preprocessing.normalise(images)

    def load(self, count: int, *, as_json: bool = False, **how: Any) -> dict[str, Any]:
        """Put load on the server, so many images a request, other ones each time."""
        starts = range(0, count * DIFFERENT, count)
        requests = [request(self.images[n : n + count], as_json=as_json) for n in starts]
        return measure(self.server.port, requests, **how)

    def throughput(self, count: int, seconds: float, *, as_json: bool = False) -> dict[str, Any]:
        """Measure the highest throughput of one kind of request, beside ONNX Runtime alone."""
        before, cpu = self.server.batches(), self.server.cpu()
        # more clients than fit into the queue would measure how fast it says no
        clients = min(CLIENTS, QUEUE // count)
        found = self.load(count, as_json=as_json, clients=clients, seconds=seconds)
        after = self.server.batches()
        took = self.server.cpu() - cpu
        size = max(1, round((after[1] - before[1]) / max(1.0, after[0] - before[0])))
        per_second = found["requests_per_second"] * count
        bare = {
            cores: direct(model, self.normalised(size), min(seconds, 5))["images_per_second"]
            for cores, model in self.models.items()
        }
        return {
            "clients": clients,
            "closed_loop": found,
            "images_per_second": per_second,
            "mean_batch": size,
            "server_cpu_us_per_request": round(
                1e6 * took / max(1, sum(found["answers"].values())), 1
            ),
            "directly_images_per_second_by_cores": bare,
            "share_of_directly_with_the_same_settings": round(per_second / min(bare.items())[1], 3),
        }


KINDS = {
    "1 image, JSON": (1, True),
    "1 image, safetensors": (1, False),
    "16 images, safetensors": (16, False),
    "64 images, safetensors": (64, False),
}


def small(bench: Bench, seconds: float, requests: int) -> dict[str, Any]:
    """Measure everything with a network that computes less than HTTP costs."""
    short = min(seconds, 10)
    found: dict[str, Any] = {}
    found["throughput"] = {
        label: bench.throughput(count, seconds if count == 1 else short, as_json=as_json)
        for label, (count, as_json) in KINDS.items()
    }
    health = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    found["nothing_computed"] = measure(bench.server.port, [health], seconds=short)
    most = found["throughput"]["1 image, JSON"]["closed_loop"]["requests_per_second"]
    found["at_70_percent"] = bench.load(1, as_json=True, seconds=seconds, rate=0.7 * most)
    alone = bench.load(1, clients=1, seconds=short)
    bare = direct(bench.as_served, bench.normalised(1), short)
    found["lone_request"] = {
        "served_ms": alone["ms"],
        "bare_ms": bare,
        "limit_ms": round(2 * bare["p99_ms"] + 2, 3),
    }
    bench.load(1, seconds=600, most=10_000)
    before = bench.server.memory()
    flood = bench.load(1, seconds=600, most=requests)
    found["memory_mb"] = {
        "before": round(before, 1),
        "after": round(bench.server.memory(), 1),
        "requests": sum(flood["answers"].values()),
    }
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--requests", type=int, default=100_000)
    told = parser.parse_args()
    result: dict[str, Any] = {"seconds": told.seconds, "clients": CLIENTS}
    with tempfile.TemporaryDirectory() as name:
        bench = Bench("fast-mnist", Path(name) / "small")
        try:
            result |= small(bench, told.seconds, told.requests)
        finally:
            result["exit_code"] = bench.server.stop()
        bench = Bench("deep-batch-norm", Path(name) / "large")
        try:
            result["deep_batch_norm"] = bench.throughput(1, min(told.seconds, 10))
        finally:
            bench.server.stop()
    keep("serve", result)


if __name__ == "__main__":
    main()
