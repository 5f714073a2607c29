"""Which library reads HTTP: throughput of the same application, and what attacks do to it.

Protocol: `fast-mnist`, trained for an epoch, is served by the application of `convlens serve` in a
process of its own, by each of the candidates that is installed (uvicorn with zttp, h11, httptools;
granian, hypercorn). `convlens` is the whole `convlens serve`, with its timers. `wrk`, one thread
and 16 connections, sends one image as safetensors, one as JSON, and 16 as safetensors; one
connection measures a lone request. Beside it: ONNX Runtime alone, in a loop over batches of the
size that the server made, with the same settings. `litserve` and `bentoml`, where `--peers` names a
Python that has them, serve the same ONNX file and take one image as JSON, once for each way in
which OpenMP's threads wait. `--part attacks` runs every attack of `http_attacks` once instead. Each
call replaces its candidates in the result.

    python benchmarks/bench_http.py [--seconds 5] [--candidates convlens,uvicorn-zttp,granian]
        [--part throughput|attacks] [--peers PYTHON]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

import convlens
import http_attacks
from bench_serve import direct
from contest import WAYS_OF_WAITING, environment
from convlens import data
from convlens.api.opening import open_subject
from convlens.foundation.machine import available_cores
from convlens.interchange.onnx.writing import onnx_bytes
from convlens.serve.models.answer_graph import with_answers
from convlens.serve.models.onnx_model import OnnxModel
from convlens.serve.models.tensors import to_bytes
from measure import RESULTS, keep

PATIENCE = 2.0
CANDIDATES = (
    *("convlens", "uvicorn-zttp", "uvicorn-h11", "uvicorn-httptools"),
    *("granian", "hypercorn"),
)


def serve(candidate: str, run: str, port: int) -> None:
    """Serve a run in this process, by one of the candidates, until a signal."""
    from convlens.serve.app import create_app
    from convlens.serve.http.access import Access
    from convlens.serve.http.counters import Counters
    from convlens.serve.http.limits import Limits
    from convlens.serve.models.registry import Registry
    from convlens.serve.services import Services

    limits, counters = Limits(client_seconds=PATIENCE), Counters()
    registry = Registry([run], None, limits, on_batch=counters.batch)
    app: Any = create_app(registry, Services.start(registry, limits, counters), Access())
    if candidate.startswith("uvicorn"):
        import uvicorn

        parser = candidate.partition("-")[2]
        uvicorn.run(app, port=port, http=parser, ws="none", log_level="error", access_log=False)
    elif candidate == "hypercorn":
        from hypercorn.asyncio import serve as by_hypercorn
        from hypercorn.config import Config

        config = Config()
        config.bind = [f"127.0.0.1:{port}"]
        asyncio.run(by_hypercorn(app, config))
    else:
        from granian.http import HTTP1Settings
        from granian.server.embed import Server

        async def by_granian() -> None:
            settings = HTTP1Settings(header_read_timeout=int(1000 * PATIENCE))
            server = Server(app, port=port, interface="asgi", http="1", http1_settings=settings)
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
            await server.serve()

        asyncio.run(by_granian())


def script(folder: Path, name: str, kind: str, body: bytes) -> Path:
    """Write a request as a script of wrk."""
    path = folder / f"{name}.lua"
    escaped = "".join(f"\\{byte:03d}" for byte in body)
    path.write_text(
        f'wrk.method="POST"\nwrk.headers["Content-Type"]="{kind}"\nwrk.body="{escaped}"\n'
    )
    return path


def load(
    port: int, request: Path, connections: int, seconds: float, path: str = http_attacks.PREDICT
) -> dict[str, float]:
    """Put load on a server; return requests per second and the 99th percentile in ms."""
    address = f"http://127.0.0.1:{port}{path}"
    how = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency"]
    told = subprocess.run(
        ["wrk", *how, "-s", str(request), address], capture_output=True, text=True, check=True
    ).stdout
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", told).groups()  # type: ignore[union-attr]
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)[1]  # type: ignore[index]
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    if failed:
        raise RuntimeError(f"{failed[1]} requests failed: {told}")
    return {"requests_per_second": float(rate), "p99_ms": round(float(value) * scale, 3)}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def served(
    command: list[str], port: int, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes] | None]:
    """Start a server and wait until its port answers; None where it ends instead."""
    log = tempfile.TemporaryFile()  # noqa: SIM115 - read where the server does not start
    process = subprocess.Popen(
        command, stdout=log, stderr=log, start_new_session=True, env=environment
    )
    try:
        for _ in range(300):
            if process.poll() is not None:
                log.seek(0)
                print(log.read()[-2000:].decode(), file=sys.stderr)
                yield None
                return
            with suppress(OSError):
                http_attacks.Target(port, process.pid, PATIENCE).health()
                break
            time.sleep(0.2)
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def command_of(candidate: str, run: Path, port: int) -> list[str]:
    if candidate == "convlens":
        command = [sys.executable, "-m", "convlens", "serve", str(run), "--port", str(port)]
        return [*command, "--patience", str(PATIENCE)]
    return [sys.executable, __file__, "--serve", candidate, str(run), str(port)]


def throughput(candidate: str, run: Path, folder: Path, seconds: float) -> dict[str, Any]:
    """Measure how many requests one candidate answers, beside ONNX Runtime alone."""
    port = free_port()
    with served(command_of(candidate, run, port), port) as process:
        if process is None:
            return {"not_installed": True}
        load(port, folder / "one.lua", 4, 1)  # warm
        found: dict[str, Any] = {
            name: load(port, folder / f"{name}.lua", 16, seconds)
            for name in ("one", "json", "sixteen")
        }
        found["lone"] = load(port, folder / "one.lua", 1, seconds)
    subject = open_subject(run, engine="reference")
    model = OnnxModel(subject, max(1, available_cores() - 1))
    images = np.resize(data.load("digits-5k").test.images[:64], (64, 1, 28, 28))
    alone = direct(model, subject.preprocessing.normalise(images), seconds)
    served_images = 16 * found["sixteen"]["requests_per_second"]
    found["alone_images_per_second"] = alone["images_per_second"]
    found["share_of_alone"] = round(served_images / alone["images_per_second"], 3)
    return found


def peer(name: str, python: str, run: Path, folder: Path, seconds: float) -> dict[str, Any]:
    """Measure a peer once for each way of waiting; the one that answers more requests counts."""
    found = [
        _peer(name, python, run, folder, seconds, environment(way))
        for way in WAYS_OF_WAITING.values()
    ]
    return max(found, key=lambda one: one.get("json", {}).get("requests_per_second", 0))


def _peer(
    name: str, python: str, run: Path, folder: Path, seconds: float, variables: dict[str, str]
) -> dict[str, Any]:
    """Measure LitServe or BentoML with the same ONNX file, one image as JSON."""
    subject, file, port = open_subject(run), folder / "model.onnx", free_port()
    file.write_bytes(with_answers(onnx_bytes(subject), subject.preprocessing, 5))
    script = str(Path(__file__).with_name("http_peers.py"))
    with served([python, script, name, str(file), str(port)], port, variables) as process:
        if process is None:
            return {"not_installed": True}
        for _ in range(50):
            try:
                load(port, folder / "json.lua", 4, 1, "/predict")
                break
            except RuntimeError:  # not ready yet
                time.sleep(0.5)
        return {
            "json": load(port, folder / "json.lua", 16, seconds, "/predict"),
            "lone_json": load(port, folder / "json.lua", 1, seconds, "/predict"),
        }


def attacked(candidate: str, run: Path) -> dict[str, Any]:
    """Run every attack on one candidate."""
    port = free_port()
    with served(command_of(candidate, run, port), port) as process:
        if process is None:
            return {"not_installed": True}
        target = http_attacks.Target(port, process.pid, PATIENCE)
        return {
            name: http_attacks.suffer(target, attack)
            for name, attack in http_attacks.ATTACKS.items()
        }


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--candidates", default=",".join(CANDIDATES))
    parser.add_argument("--part", choices=("throughput", "attacks"), default="throughput")
    parser.add_argument("--peers", help="a Python that has litserve and bentoml")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        run = convlens.train("fast-mnist", epochs=1, out=folder / "last").folder
        images: np.ndarray = data.load("digits-5k").test.images
        tensor = "application/vnd.safetensors"
        script(folder, "one", tensor, to_bytes({"images": images[:1]}))
        script(folder, "sixteen", tensor, to_bytes({"images": images[:16]}))
        as_json = json.dumps({"images": images[:1].tolist()}).encode()
        script(folder, "json", "application/json", as_json)
        result: dict[str, Any] = {}
        for candidate in told.candidates.split(","):
            if told.part == "attacks":
                result[candidate] = attacked(candidate, run)
            else:
                result[candidate] = throughput(candidate, run, folder, told.seconds)
        if told.peers and told.part == "throughput":
            for name in ("litserve", "bentoml"):
                result[name] = peer(name, told.peers, run, folder, told.seconds)
    path = RESULTS / "http.json"
    before = json.loads(path.read_text("utf-8")) if path.exists() else {}
    parts = {part: before.get(part, {}) for part in ("throughput", "attacks")}
    parts[told.part] |= result
    keep("http", parts)


if __name__ == "__main__":
    main()
