"""Which library reads HTTP: throughput of the same application, and what attacks do to it.

Protocol: `fast-mnist`, trained for an epoch, is served by the application of `convlens serve` in a
process of its own, by each of the candidates that is installed (uvicorn with zttp, h11, httptools;
granian, hypercorn). `convlens` is the whole `convlens serve`, with its timers. `wrk`, one thread
and 16 connections, sends one image as safetensors, one as JSON, and 16 as safetensors; one
connection measures a lone request. Then every attack of `http_attacks` runs once.

    python benchmarks/bench_http.py [--seconds 5] [--candidates convlens,uvicorn-zttp,granian]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

import convlens
import http_attacks
from convlens import data
from convlens.serve.tensors import to_bytes
from measure import keep

PATIENCE = 2.0
CANDIDATES = (
    *("convlens", "uvicorn-zttp", "uvicorn-h11", "uvicorn-httptools"),
    *("granian", "hypercorn"),
)


def serve(candidate: str, run: str, port: int) -> None:
    """Serve a run in this process, by one of the candidates, until a signal."""
    from convlens.serve.access import Access
    from convlens.serve.app import create_app
    from convlens.serve.counters import Counters
    from convlens.serve.limits import Limits
    from convlens.serve.registry import Registry
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


def load(port: int, request: Path, connections: int, seconds: float) -> dict[str, float]:
    """Put load on a server; return requests per second and the 99th percentile in ms."""
    address = f"http://127.0.0.1:{port}/v1/models/last:predict"
    how = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency"]
    told = subprocess.run(
        ["wrk", *how, "-s", str(request), address], capture_output=True, text=True, check=True
    ).stdout
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", told).groups()  # type: ignore[union-attr]
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)[1]  # type: ignore[index]
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]
    return {"requests_per_second": float(rate), "p99_ms": round(float(value) * scale, 3)}


def measured(candidate: str, run: Path, folder: Path, seconds: float) -> dict[str, Any]:
    """Measure one candidate: its throughput, then what each attack does to it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, __file__, "--serve", candidate, str(run), str(port)]
    if candidate == "convlens":
        command = [sys.executable, "-m", "convlens", "serve", str(run), "--port", str(port)]
        command += ["--patience", str(PATIENCE)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    target = http_attacks.Target(port, process.pid, PATIENCE)
    try:
        for _ in range(200):
            with suppress(OSError):
                target.health()
                break
            if process.poll() is not None:
                return {"not_installed": True}
            time.sleep(0.2)
        load(port, folder / "one.lua", 4, 1)  # warm
        found: dict[str, Any] = {
            name: load(port, folder / f"{name}.lua", 16, seconds)
            for name in ("one", "json", "sixteen")
        }
        found["lone"] = load(port, folder / "one.lua", 1, seconds)
        found["attacks"] = {
            name: http_attacks.suffer(target, attack)
            for name, attack in http_attacks.ATTACKS.items()
        }
        return found
    finally:
        process.terminate()
        process.wait(60)


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--candidates", default=",".join(CANDIDATES))
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = convlens.train("fast-mnist", epochs=1, out=folder / "last").folder
        images: np.ndarray = data.load("digits-5k").test.images
        tensor = "application/vnd.safetensors"
        script(folder, "one", tensor, to_bytes({"images": images[:1]}))
        script(folder, "sixteen", tensor, to_bytes({"images": images[:16]}))
        as_json = json.dumps({"images": images[:1].tolist()}).encode()
        script(folder, "json", "application/json", as_json)
        result = {
            candidate: measured(candidate, run, folder, told.seconds)
            for candidate in told.candidates.split(",")
        }
    keep("http", result)


if __name__ == "__main__":
    main()
