"""Open the runs, take the port, answer until told to stop."""

from __future__ import annotations

import errno
import gc
import logging
import secrets
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn

from convlens.foundation.errors import InputError
from convlens.foundation.machine import available_cores
from convlens.serve.app import create_app
from convlens.serve.http.access import Access, is_loopback
from convlens.serve.http.connections import connections_of
from convlens.serve.http.counters import Counters
from convlens.serve.http.limits import Limits
from convlens.serve.models.registry import Registry
from convlens.serve.services import Services

SHORTEST_TOKEN = 16
SWITCH_SECONDS = 0.0002
"""How long a thread that waits for Python's lock lets another keep it; Python's own is 5 ms."""
GARBAGE_OBJECTS = 20_000
"""New objects until the collector of reference cycles looks at them; Python's own is 700."""


@dataclass(frozen=True)
class Place:
    """Where a server listens, and the token that it asks for.

    Parameters
    ----------
    host : str
        An address of this machine.
    port : int
        0 takes a free one.
    token : str, optional
        What clients must know; needed beyond this machine.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)


def checked_place(host: str, port: int, token: str | None) -> Place:
    """Return where to listen, or say what is wrong with it.

    Parameters
    ----------
    host, port
        As in `Place`.
    token : str, optional
        A token, or "new" to make one.

    Raises
    ------
    InputError
        Where it would be open to other machines without a token, or the token is too short.
    """
    if token == "new":  # noqa: S105 - a word, not a secret
        token = secrets.token_urlsafe(24)
    if token is not None and (len(token) < SHORTEST_TOKEN or not token.isascii() or " " in token):
        raise InputError(
            "the token is too short, or has characters that no header can hold",
            f"at least {SHORTEST_TOKEN} letters, digits, - or _",
            "use `token='new'`, which makes one",
        )
    place = Place(host, port, token)
    if not place.local and token is None:
        raise InputError(
            f"`host={host!r}` opens the server to other machines, and there is no token",
            "a token that clients must know",
            "add `token='new'`, or leave `host` at 127.0.0.1",
        )
    return place


def serve(
    references: Sequence[str],
    place: Place,
    *,
    root: str | Path | None = None,
    limits: Limits | None = None,
) -> int:
    """Serve runs until a signal; return the signal's number.

    Parameters
    ----------
    references : sequence of str
        Runs by name or folder, or "last"; none of them as for `Registry`.
    place : Place
        Where to listen.
    root : path, optional
        Folder of the runs.
    limits : Limits, optional
        What is too much.

    Raises
    ------
    ConvlensError
        Before the port opens: where a run is missing or damaged, or the port is taken.
    """
    limits = limits or Limits()
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    with _port(place) as port:
        counters = Counters()
        registry = Registry(
            references,
            None if root is None else Path(root),
            limits,
            threads=max(1, available_cores() - 1),  # one is left for reading requests
            on_batch=counters.batch,
        )
        services = Services.start(registry, limits, counters)
        app = create_app(registry, services, Access(place.local, place.token))
        config = uvicorn.Config(
            app,
            http=connections_of(limits),
            ws="none",
            lifespan="on",
            log_level="error",  # what clients do wrong is answered, not logged
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=limits.connections,
            timeout_keep_alive=int(limits.idle_seconds),
            timeout_graceful_shutdown=int(limits.drain_seconds),
        )
        server = _Server(config)
        number = port.getsockname()[1]
        shown = f"[{place.host}]" if ":" in place.host else place.host
        query = f"/?token={place.token}" if place.token else "/"
        what = ", ".join(registry.entries) or "no run yet"
        server.greeting = f"serving {what} on http://{shown}:{number}{query}"
        try:
            port.listen(limits.connections)
        except OSError as error:  # another program took it meanwhile
            raise _no_port(place, error) from None
        # the thread that computes needs the lock between two batches, and the one that reads
        # requests hardly ever gives it up by itself; a batch takes less than Python's 5 ms
        sys.setswitchinterval(SWITCH_SECONDS)
        # what is loaded by now stays: the collector need not walk through it every few requests
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_OBJECTS)
        server.run(sockets=[port])
        return server.ended_by


class _Server(uvicorn.Server):
    """Uvicorn that ends where it was told to, instead of dying of the signal afterwards."""

    greeting = ""
    ended_by = signal.SIGTERM.value

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self.greeting, flush=True)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.ended_by = sig
        super().handle_exit(sig, frame)


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def _port(place: Place) -> Iterator[socket.socket]:
    """Take the port without opening it: connections are refused until the runs are open."""
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    port = socket.socket(family, socket.SOCK_STREAM)
    try:
        port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port.bind((place.host, place.port))
    except (OSError, OverflowError) as error:
        port.close()
        raise _no_port(place, error) from None
    try:
        yield port
    finally:
        port.close()


def _no_port(place: Place, error: Exception) -> InputError:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return InputError(
            f"port {place.port} of {place.host} is taken",
            "a free port",
            "stop the other program, or choose another one with `port` (0 takes any)",
        )
    reason = getattr(error, "strerror", None) or str(error)
    return InputError(
        f"cannot listen on {place.host}, port {place.port}: {reason}",
        "an address of this machine, and a port from 1 to 65535 that you may use",
        "choose others with `host` and `port`",
    )
