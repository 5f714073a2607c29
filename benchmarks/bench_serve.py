"""Claim: `convlens serve` adds little to ONNX Runtime, and holds under load.

Goals, on 2 cores with `fast-mnist`: 200 clients for 60 s get no errors but 503 with Retry-After;
p99 under 250 ms at 70% of the highest throughput; throughput at least 0.8 of ONNX Runtime called
directly with the same batches; p99 of a lone request under twice that of its bare call plus 2 ms;
memory flat over 100,000 requests.

Protocol: the network is trained for an epoch on the embedded digits and served by `convlens serve`
in a process of its own; `http_load` puts load on it over loopback from another one, which takes its
share of the same cores. Requests carry 1 image as JSON, 1 as safetensors, or 16 and 64 as
safetensors; each answer holds the five likeliest classes of every image. Highest throughput: 200
clients (as many as fit into the queue, where that is fewer) in a closed loop. "Directly" is a loop
over `session.run` in this process on float32 batches of the mean size that the server made (from
its own /metrics), with the same session settings, and once more with all cores. Latency at 70%:
requests due at fixed times, counted from when they were due. Memory: the resident size after
10,000 requests and after 100,000 more.

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
from convlens import data, inspection
from convlens.machine import available_cores
from convlens.serve.limits import Limits
from convlens.serve.onnx_model import OnnxModel
from convlens.serve.tensors import to_bytes
from http_load import measure
from measure import keep

CLIENTS = 200
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

    def __init__(self, root: Path) -> None:
        command = [sys.executable, "-m", "convlens", "serve", "last", "--runs", str(root)]
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


def throughput(
    server: Server, models: dict[int, OnnxModel], images: np.ndarray, seconds: float, as_json: bool
) -> dict[str, Any]:
    """Measure the highest throughput of one kind of request, beside ONNX Runtime alone."""
    asked = request(images, as_json=as_json)
    before, cpu = server.batches(), server.cpu()
    # more clients than fit into the queue would measure how fast it says no
    clients = min(CLIENTS, QUEUE // len(images))
    found = measure(server.port, asked, clients=clients, seconds=seconds)
    after = server.batches()
    took = server.cpu() - cpu
    size = max(1, round((after[1] - before[1]) / max(1.0, after[0] - before[0])))
    per_second = found["requests_per_second"] * len(images)
    batch = np.resize(images, (size, *images.shape[1:]))
    normalised = models[min(models)].subject.preprocessing.normalise(batch)
    bare = {
        cores: direct(model, normalised, min(seconds, 5))["images_per_second"]
        for cores, model in models.items()
    }
    served_with = min(models)
    return {
        "clients": clients,
        "closed_loop": found,
        "images_per_second": per_second,
        "mean_batch": size,
        "server_cpu_us_per_request": round(1e6 * took / max(1, sum(found["answers"].values())), 1),
        "directly_images_per_second_by_cores": bare,
        "share_of_directly_with_the_same_settings": round(per_second / bare[served_with], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--requests", type=int, default=100_000)
    told = parser.parse_args()
    short = min(told.seconds, 10)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        run = convlens.train("fast-mnist", epochs=1, root=root)
        subject = inspection.open_subject(run.folder, engine="reference")
        images = data.load("digits-5k").test.images
        cores = available_cores()
        models = {n: OnnxModel(subject, n) for n in sorted({max(1, cores - 1), cores})}
        server = Server(root)
        kinds = {
            "1 image, JSON": (1, True),
            "1 image, safetensors": (1, False),
            "16 images, safetensors": (16, False),
            "64 images, safetensors": (64, False),
        }
        result: dict[str, Any] = {"seconds": told.seconds, "clients": CLIENTS}
        try:
            measure(server.port, request(images[:1]), seconds=1)  # warm
            result["throughput"] = {
                label: throughput(
                    server, models, images[:count], told.seconds if count == 1 else short, as_json
                )
                for label, (count, as_json) in kinds.items()
            }
            most = result["throughput"]["1 image, JSON"]["closed_loop"]["requests_per_second"]
            result["at_70_percent"] = measure(
                *(server.port, request(images[:1], as_json=True)),
                clients=CLIENTS,
                seconds=told.seconds,
                rate=0.7 * most,
            )
            alone = measure(server.port, request(images[:1]), clients=1, seconds=short)
            bare = direct(models[min(models)], subject.preprocessing.normalise(images[:1]), short)
            result["lone_request"] = {
                "served_ms": alone["ms"],
                "bare_ms": bare,
                "limit_ms": round(2 * bare["p99_ms"] + 2, 3),
            }
            measure(server.port, request(images[:1]), seconds=600, most=10_000)
            before = server.memory()
            flood = measure(server.port, request(images[:1]), seconds=600, most=told.requests)
            result["memory_mb"] = {
                "before": round(before, 1),
                "after": round(server.memory(), 1),
                "requests": sum(flood["answers"].values()),
            }
        finally:
            result["exit_code"] = server.stop()
    keep("serve", result)


if __name__ == "__main__":
    main()
