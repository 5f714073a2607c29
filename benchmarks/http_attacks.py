"""What a hostile client sends over raw sockets, and what a server did: answer, memory, health.

Each attack takes a `Target` and returns one short line about the answers. `suffer` runs one of
them while another thread asks for `/healthz`, and adds what the process grew by.
"""

from __future__ import annotations

import re
import socket
import statistics
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONNECTIONS = 12
FLOOD = 22 * 2**20
"""Bytes that each of the connections tries to send."""
PREDICT = "/v1/models/last:predict"


@dataclass(frozen=True)
class Target:
    """A server under attack: its port, its process, and how long it waits for a client."""

    port: int
    pid: int
    patience: float

    def connect(self, timeout: float = 20) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def memory(self) -> float:
        """Return the resident size in MB."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024  # type: ignore[index]

    def health(self) -> float:
        """Return the seconds that one answer of `/healthz` takes."""
        started = time.perf_counter()
        with self.connect() as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            read(client)
        return time.perf_counter() - started


def head(method: str = "POST", path: str = PREDICT, *lines: str, host: bool = True) -> bytes:
    first = [f"{method} {path} HTTP/1.1", *(["Host: localhost"] if host else []), *lines]
    return "\r\n".join([*first, "", ""]).encode()


def read(client: socket.socket, seconds: float = 20) -> bytes:
    """Read until the other side closes, resets, or says nothing for so long."""
    client.settimeout(seconds)
    parts = []
    with suppress(OSError):
        while part := client.recv(65536):
            parts.append(part)
    return b"".join(parts)


def statuses(answer: bytes) -> list[int]:
    return [int(n) for n in re.findall(rb"HTTP/1\.[01] (\d{3})", answer)]


def flood(target: Target, first: bytes, piece: bytes, most: int = FLOOD) -> str:
    """Send `first`, then pieces without end, over several connections at once."""
    ends: list[tuple[int, list[int]]] = []

    def one() -> None:
        sent = 0
        with target.connect() as client:
            try:
                client.sendall(first)
                while sent < most:
                    client.sendall(piece)
                    sent += len(piece)
            except OSError:
                pass
            ends.append((sent, statuses(read(client, target.patience + 3))))

    threads = [threading.Thread(target=one) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers = sorted({number for _, found in ends for number in found})
    most_sent = max(sent for sent, _ in ends) / 2**20
    said = " ".join(map(str, answers)) if answers else "closed"
    return f"{said}, took {most_sent:.1f} MB per connection"


CHUNKED = head("POST", "/v1/shapes", "Content-Type: application/json", "Transfer-Encoding: chunked")


def trailers(target: Target) -> str:
    return flood(target, CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: y\r\n" * 10_000)


def one_trailer(target: Target) -> str:
    return flood(target, CHUNKED + b"2\r\n{}\r\n0\r\nX: ", b"y" * 65536)


def chunk_extension(target: Target) -> str:
    return flood(target, CHUNKED + b"2;", b"x" * 65536)


def chunk_extensions(target: Target) -> str:
    return flood(target, CHUNKED, b"1;" + b"x" * 1000 + b"\r\n \r\n")


def header_lines(target: Target) -> str:
    return flood(target, b"POST / HTTP/1.1\r\nHost: localhost\r\n", b"X: y\r\n" * 10_000)


def header_line(target: Target) -> str:
    return flood(target, b"POST / HTTP/1.1\r\nHost: localhost\r\nX: ", b"y" * 65536)


def address(target: Target) -> str:
    return flood(target, b"GET /", b"y" * 65536)


def body(target: Target) -> str:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    return flood(target, CHUNKED, chunk, most=64 * 2**20)


def drip(target: Target, first: bytes, piece: bytes) -> str:
    """Send a little every tenth of a second; say when the server has had enough."""
    started = time.perf_counter()
    got = b""
    with target.connect() as client:
        client.settimeout(0.1)
        ended = False
        with suppress(OSError):
            client.sendall(first)
            while time.perf_counter() - started < 6 * target.patience:
                if piece:
                    client.sendall(piece)
                try:
                    part = client.recv(65536)
                except TimeoutError:
                    continue
                if not part:
                    ended = True
                    break
                got += part
        took = time.perf_counter() - started
        ended = ended or took < 6 * target.patience
    said = " ".join(map(str, statuses(got))) or "closed"
    return f"{said} after {took:.1f} s" if ended else f"never closed ({said})"


def silent(target: Target) -> str:
    return drip(target, b"", b"")


def slow_head(target: Target) -> str:
    return drip(target, b"POST / HTTP/1.1\r\n", b"X: 1\r\n")


def slow_body(target: Target) -> str:
    return drip(
        target,
        head("POST", PREDICT, "Content-Type: application/json", "Content-Length: 99999"),
        b"1",
    )


def slow_trailers(target: Target) -> str:
    return drip(target, CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: 1\r\n")


def unread(target: Target) -> str:
    """Ask for megabytes and read nothing; say whether the connection was ended."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", target.port))
        client.sendall(head("GET", "/v1/models/last/weights") * 8)
        time.sleep(3 * target.patience)
        got = len(read(client, 1))
    return f"took {got / 2**20:.1f} of 6.6 MB"


def smuggled(target: Target, *lines: str, host: bool = True) -> str:
    """Send a request whose body is another request, later; count the answers."""
    inner = head("GET", "/healthz")
    with target.connect() as client:
        more = ("Content-Type: text/plain", f"Content-Length: {len(inner)}", *lines)
        client.sendall(head("POST", "/v1/shapes", *more, host=host))
        time.sleep(0.3)
        with suppress(OSError):
            client.sendall(inner)
        answers = statuses(read(client, 1.5))
    held = "ANSWERED AS A SECOND REQUEST" if len(answers) > 1 and answers[-1] == 200 else "one"
    return f"{' '.join(map(str, answers)) or 'closed'} ({held})"


def upgrade(target: Target) -> str:
    return smuggled(target, "Connection: Upgrade", "Upgrade: h2c")


def websocket(target: Target) -> str:
    return smuggled(target, "Connection: Upgrade", "Upgrade: websocket")


def both_lengths(target: Target) -> str:
    inner = b"0\r\n\r\n" + head("GET", "/healthz")
    with target.connect() as client:
        more = ("Content-Type: text/plain", f"Content-Length: {len(inner)}")
        client.sendall(head("POST", "/v1/shapes", *more, "Transfer-Encoding: chunked") + inner)
        answers = statuses(read(client, 1.5))
    held = "ANSWERED AS A SECOND REQUEST" if len(answers) > 1 and answers[-1] == 200 else "one"
    return f"{' '.join(map(str, answers)) or 'closed'} ({held})"


def two_lengths(target: Target) -> str:
    return smuggled(target, "Content-Length: 3")


def two_hosts(target: Target) -> str:
    with target.connect() as client:
        client.sendall(head("GET", "/healthz", "Host: elsewhere", "Connection: close"))
        return " ".join(map(str, statuses(read(client, 2)))) or "closed"


def too_large_at_once(target: Target) -> str:
    """Send 6 MB of JSON on a connection that will be closed, before reading; five times."""
    found = []
    for _ in range(5):
        with target.connect() as client:
            length = 6 * 2**20
            lines = ("Content-Type: application/json", f"Content-Length: {length}")
            with suppress(OSError):
                client.sendall(head("POST", PREDICT, *lines, "Connection: close"))
                for _ in range(length // 65536):
                    client.sendall(bytes(65536))
            found += statuses(read(client, 5)) or [0]
    return " ".join("reset" if number == 0 else str(number) for number in found)


def many_connections(target: Target) -> str:
    """Open 1,500 connections that say nothing; say whether another client is answered."""
    held = []
    try:
        with suppress(OSError):
            for _ in range(1500):
                held.append(target.connect(1))
        with suppress(OSError):
            return f"{len(held)} open, health after {target.health():.2f} s"
        return f"{len(held)} open, health not answered"
    finally:
        for client in held:
            client.close()


ATTACKS: dict[str, Callable[[Target], str]] = {
    "endless trailers": trailers,
    "one endless trailer": one_trailer,
    "one endless chunk extension": chunk_extension,
    "endless chunk extensions": chunk_extensions,
    "endless header lines": header_lines,
    "one endless header line": header_line,
    "an endless address": address,
    "an endless body": body,
    "a silent client": silent,
    "a head that drips": slow_head,
    "a body that drips": slow_body,
    "trailers that drip": slow_trailers,
    "answers that nobody reads": unread,
    "Upgrade: h2c with a body": upgrade,
    "Upgrade: websocket with a body": websocket,
    "Content-Length and Transfer-Encoding": both_lengths,
    "two Content-Lengths": two_lengths,
    "two Host headers": two_hosts,
    "413 on a closing connection": too_large_at_once,
    "1,500 silent connections": many_connections,
}


def suffer(target: Target, attack: Callable[[Target], str]) -> dict[str, Any]:
    """Run one attack; return the answer, the growth of memory in MB, and the slowest health."""
    before, ended = target.memory(), threading.Event()
    peak, waited = [before], [0.0]

    def watch() -> None:
        while not ended.is_set():
            with suppress(OSError):
                waited.append(target.health())
                peak.append(target.memory())
            ended.wait(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        answer = attack(target)
    finally:
        ended.set()
        watcher.join()
    return {
        "answer": answer,
        "growth_mb": round(max(peak) - before, 1),
        "kept_mb": round(target.memory() - before, 1),
        "health_ms": round(1000 * max(waited), 1),
        "median_health_ms": round(1000 * statistics.median(waited), 1),
    }
