"""A real server: `convlens serve` as a process of its own on a free port, and how to talk to it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SAFETENSORS = "application/vnd.safetensors"
_PLACES = (tempfile.gettempdir(), sys.prefix, str(Path(__file__).parents[1]))
"""Of this machine; no answer may name them."""
SECONDS = 60
"""How long a server may take to start or to end."""


@dataclass
class Reply:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error, after checking that it has the form of all errors."""
        told = self.json()["error"]
        assert {"code", "message", "expected", "fix", "request_id"} <= told.keys()
        text = self.body.decode()
        assert not any(place in text for place in ("Traceback", ".py", *_PLACES))
        return told


@dataclass
class Server:
    """A server that runs."""

    process: subprocess.Popen[str]
    port: int
    greeting: str

    @property
    def token(self) -> str:
        return self.greeting.partition("?token=")[2]

    def connect(self, timeout: float = 30) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request over a connection of its own."""
        connection = self.connect()
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.headers.items()), answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, content: Any, **headers: str) -> Reply:
        """Send JSON."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.ask("POST", path, body, {"Content-Type": "application/json", **headers})

    def raw(self, data: bytes, timeout: float = 30) -> bytes:
        """Send bytes as they are; return all that comes until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as client:
            client.sendall(data)
            return received(client)

    def memory(self) -> int:
        """Return the bytes that the process holds."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) * 1024  # type: ignore[index]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


def received(client: socket.socket) -> bytes:
    """Read until the other side closes."""
    parts = []
    while part := client.recv(65536):
        parts.append(part)
    return b"".join(parts)


@contextmanager
def serving(*arguments: str | Path, **environment: str) -> Iterator[Server]:
    """Start `convlens serve` with these arguments, on a free port; stop it afterwards."""
    command = [sys.executable, "-m", "convlens", "serve", *map(str, arguments), "--port", "0"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    watch = threading.Timer(SECONDS, process.kill)
    watch.start()
    try:
        assert process.stdout is not None
        greeting = process.stdout.readline().strip()
        found = re.search(r"http://.*:(\d+)/", greeting)
        if found is None:
            process.kill()
            raise AssertionError(process.communicate()[1])
        watch.cancel()
        yield Server(process, int(found[1]), greeting)
    finally:
        watch.cancel()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        process.communicate()


def status_of_metric(server: Server, route: str, status: int) -> int:
    """Return how many requests of a route were answered with a status."""
    text = server.get("/metrics").body.decode()
    line = rf'^convlens_requests_total{{route="{route}",status="{status}"}} (\S+)'
    found = re.search(line, text, re.MULTILINE)
    return int(float(found[1])) if found else 0


def as_tensor(images: np.ndarray, name: str = "images") -> bytes:
    """Return uint8 images as a safetensors body."""
    shape, size = list(images.shape), images.nbytes
    entry = {name: {"dtype": "U8", "shape": shape, "data_offsets": [0, size]}}
    header = json.dumps(entry).encode()
    return struct.pack("<Q", len(header)) + header + images.tobytes()


def read_tensors(body: bytes) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read a safetensors answer with the library, not with our own code."""
    from safetensors.numpy import load

    length = struct.unpack("<Q", body[:8])[0]
    return load(body), json.loads(body[8 : 8 + length]).get("__metadata__", {})


def as_form(*parts: tuple[str, str | None, bytes], boundary: str = "xyz") -> tuple[bytes, str]:
    """Return a multipart body of (name, file name, content), and its content type."""
    body = b""
    for name, filename, content in parts:
        file = "" if filename is None else f'; filename="{filename}"'
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
