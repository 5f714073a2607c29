"""A load generator for one address: raw HTTP over many connections, in a process of its own.

An HTTP library for Python costs more a request than the server that is measured; here requests are
bytes made beforehand, sent one after the other, and of an answer only its status and length are
read.

Two kinds of load. Closed: every client sends its next request when it has the answer to the last,
which finds the highest throughput. Open: requests are due at fixed times, whatever the server
does, and the time of one counts from when it was due (Gil Tene, "How NOT to Measure Latency").
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import itertools
import json
import subprocess
import sys
import time
from typing import Any


class Client(asyncio.Protocol):
    """One connection; `done` is called with each answer's status."""

    def __init__(self, done: Any) -> None:
        self.done, self.buffer = done, b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            at = self.buffer.find(b"content-length: ", 0, end) + 16
            length = int(self.buffer[at : self.buffer.find(b"\r", at)])
            if len(self.buffer) < end + 4 + length:
                return
            status = int(self.buffer[9:12])
            retry = b"retry-after: " in self.buffer[:end]
            self.buffer = self.buffer[end + 4 + length :]
            self.done(self, status, retry)

    def connection_lost(self, error: Exception | None) -> None:
        self.done(self, 0, False)


class Load:
    """Clients, and what they were answered."""

    def __init__(self, requests: list[bytes]) -> None:
        self.requests = itertools.cycle(requests)
        self.statuses: collections.Counter[str] = collections.Counter()
        self.seconds: list[float] = []
        self.started: dict[Client, float] = {}
        self.running = True

    async def open(self, port: int, clients: int, done: Any) -> list[Client]:
        loop = asyncio.get_running_loop()
        return [
            (await loop.create_connection(lambda: Client(done), "127.0.0.1", port))[1]
            for _ in range(clients)
        ]

    def note(self, client: Client, status: int, retry: bool, now: float) -> None:
        """Count an answer; a connection that is lost is status 0."""
        self.statuses["503 with Retry-After" if status == 503 and retry else str(status)] += 1
        if status == 200:
            self.seconds.append(now - self.started[client])

    async def closed(self, port: int, clients: int, seconds: float, most: int) -> float:
        finished = asyncio.Event()
        left = most

        def done(client: Client, status: int, retry: bool) -> None:
            nonlocal left
            if not self.running:
                return
            now = time.perf_counter()
            self.note(client, status, retry, now)
            left -= 1
            if left <= 0 or not status:
                self.running = False
                finished.set()
                return
            self.started[client] = now
            client.transport.write(next(self.requests))

        opened = await self.open(port, clients, done)
        begun = time.perf_counter()
        for client in opened:
            self.started[client] = time.perf_counter()
            client.transport.write(next(self.requests))
        try:
            async with asyncio.timeout(seconds):
                await finished.wait()
        except TimeoutError:
            pass
        self.running = False
        return time.perf_counter() - begun

    async def at_rate(self, port: int, clients: int, seconds: float, rate: float) -> float:
        free: collections.deque[Client] = collections.deque()
        due: collections.deque[float] = collections.deque()

        def send(client: Client, when: float) -> None:
            self.started[client] = when
            client.transport.write(next(self.requests))

        def done(client: Client, status: int, retry: bool) -> None:
            if not self.running:
                return
            self.note(client, status, retry, time.perf_counter())
            if due:
                send(client, due.popleft())
            else:
                free.append(client)

        free.extend(await self.open(port, clients, done))
        begun = time.perf_counter()
        sent = 0
        while (now := time.perf_counter()) - begun < seconds:
            while begun + sent / rate <= now:
                when = begun + sent / rate
                sent += 1
                if free:
                    send(free.popleft(), when)
                else:
                    due.append(when)
            await asyncio.sleep(0.001)
        elapsed = time.perf_counter() - begun
        await asyncio.sleep(0.5)
        self.running = False
        return elapsed


def measure(
    port: int,
    requests: list[bytes],
    *,
    clients: int = 200,
    seconds: float = 10.0,
    rate: float = 0.0,
    most: int = 10**9,
) -> dict[str, Any]:
    """Put load on a server from a process of its own; return rates and percentiles (ms)."""
    command = [
        sys.executable,
        __file__,
        str(port),
        str(clients),
        str(seconds),
        str(rate),
        str(most),
    ]
    sizes = " ".join(str(len(request)) for request in requests)
    told = b"".join([sizes.encode(), b"\n", *requests])
    ended = subprocess.run(command, input=told, capture_output=True, check=True)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, kind in (("port", int), ("clients", int), ("seconds", float), ("rate", float)):
        parser.add_argument(name, type=kind)
    parser.add_argument("most", type=int)
    told = parser.parse_args()
    sizes = map(int, sys.stdin.buffer.readline().split())
    load = Load([sys.stdin.buffer.read(size) for size in sizes])
    if told.rate:
        work = load.at_rate(told.port, told.clients, told.seconds, told.rate)
    else:
        work = load.closed(told.port, told.clients, told.seconds, told.most)
    import uvloop

    elapsed = uvloop.run(work)
    times = sorted(load.seconds) or [0.0]
    answered = len(load.seconds)
    result = {
        "seconds": round(elapsed, 2),
        "answers": dict(load.statuses),
        "requests_per_second": round(answered / elapsed, 1),
        "ms": {
            name: round(1000 * times[min(len(times) - 1, int(share * len(times)))], 3)
            for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
        },
        "generator_cpu_share": round(time.process_time() / max(elapsed, 1e-9), 2),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
