"""How PyTorch's threads wait for each other: spinning where cores are free, asleep beside others.

A training step of a small network is a hundred short pieces of parallel work, and at the end of
each one thread waits for the other. GNU OpenMP, which comes with PyTorch for Linux, spins for
milliseconds before it sleeps. That is quickest on free cores. Where another program wants a core,
the spinning thread holds the core that the thread it waits for needs, and two threads become ten
times slower than one. `docs/decisions/0024-threads-that-wait.md` has the measurements.

Unless the environment says how to wait, two things are done:

- `set_before_torch` shortens the spinning; OpenMP reads that once, when PyTorch is loaded;
- `watch` looks ten times a second whether other programs take cores, or a container's quota of
  processor time is spent. While that is so, it keeps more OpenMP threads than there are cores,
  asleep, and OpenMP then hardly spins.

Neither changes into how many parts a sum is divided, so the results are the same bit for bit.

References
----------
https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html: "If there are more OpenMP threads
than available CPUs, 1000 and 100 spins are used for OMP_WAIT_POLICY being active or undefined".
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from convlens.foundation.machine import available_cores, idle_seconds, throttled_count

VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""The environment variables that say how OpenMP's threads wait."""
SPINS = 20_000
"""How often a waiting thread looks before it sleeps: about a millisecond. OpenMP's own 300,000 are
no quicker on free cores, and cost more until `watch` has noticed another program."""
LOOK_SECONDS = 0.1
"""Time between two looks at the cores."""
CALM_SECONDS = 1.0
"""How long the cores must have been free before threads spin again."""
OTHERS = 0.3
"""Cores that other programs may take before threads stop spinning."""


class _State:
    """What this process knows of its waiting."""

    late = False
    """Whether PyTorch was loaded before convlens could say how to wait."""
    watch: _Watch | None = None
    process = 0
    """The process that `watch` belongs to: a fork has none of its parent's threads."""


def set_before_torch() -> None:
    """Say how OpenMP's threads wait, where nobody has and PyTorch is not loaded yet.

    Processes that this one starts inherit it.
    """
    if said_by_others():
        return
    if "torch" in sys.modules:
        _State.late = "GOMP_SPINCOUNT" not in os.environ
    else:
        os.environ["GOMP_SPINCOUNT"] = str(SPINS)


def said_by_others() -> dict[str, str]:
    """Return the environment variables by which somebody else says how to wait."""
    said = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    return {} if said == {"GOMP_SPINCOUNT": str(SPINS)} else said


def watch() -> None:
    """Keep OpenMP's waiting short, from now on, whenever other programs take cores.

    To be called when PyTorch has been loaded; a second call does nothing. Nothing is watched where
    the environment says how to wait, where OpenMP is not GNU's, and on a single core.
    """
    if _State.process == os.getpid():
        return
    _State.process, _State.watch = os.getpid(), None
    libraries = _gnu_openmp()
    if libraries and not said_by_others() and available_cores() > 1:
        _State.watch = _Watch(libraries)
        _State.watch.start()


def describe_waiting() -> str:
    """Return how PyTorch's threads wait in this process, as a run's environment records it."""
    said = said_by_others()
    if said:
        return ", ".join(f"{name}={value}" for name, value in said.items()) + " (environment)"
    if _State.watch is None or _State.process != os.getpid():
        return "as OpenMP does by itself"
    spins = "OpenMP's own spinning" if _State.late else f"GOMP_SPINCOUNT={SPINS}"
    return f"{spins}, asleep beside other programs"


def notes() -> list[str]:
    """Return notes on how threads wait, for the user to read before a training."""
    if not _State.late or _State.watch is None:
        return []
    return [
        "PyTorch was imported before convlens, so its threads wait as it says until another "
        "program has computed for a tenth of a second; import convlens first, or set "
        f"GOMP_SPINCOUNT={SPINS}"
    ]


class _Watch(threading.Thread):
    """Looks at the cores, and holds additional OpenMP threads while other programs take some."""

    def __init__(self, libraries: list[str]) -> None:
        super().__init__(name="waiting", daemon=True)
        self.libraries = libraries
        self.cores = available_cores()
        self.release: threading.Event | None = None
        """Ends the additional threads, where they are held."""

    def run(self) -> None:
        """Look until the process ends."""
        crowded_at = -CALM_SECONDS
        before, stopped_before = _now(), throttled_count()
        while True:
            time.sleep(LOOK_SECONDS)
            now, stopped = _now(), throttled_count()
            elapsed, idle, own = (b - a for a, b in zip(before, now, strict=True))
            # idle cores say nothing where a quota is spent: spinning spends it too
            throttled = stopped > stopped_before
            before, stopped_before = now, stopped
            if throttled or (idle + own) / elapsed < self.cores - OTHERS:
                crowded_at = now[0]
                self.hold()
            elif now[0] - crowded_at > CALM_SECONDS:
                self.let_go()

    def hold(self) -> None:
        """Have more OpenMP threads than cores from now on."""
        if self.release is None:
            self.release = threading.Event()
            arguments = (self.libraries, self.release)
            threading.Thread(target=_hold, args=arguments, daemon=True).start()

    def let_go(self) -> None:
        """Have as many OpenMP threads as PyTorch uses."""
        if self.release is not None:
            self.release.set()
            self.release = None


def _now() -> tuple[float, float, float]:
    """Return the time, the idle seconds of the cores, and the seconds this process computed."""
    return time.monotonic(), idle_seconds(), time.process_time()


def _hold(libraries: list[str], release: threading.Event) -> None:
    """Start a team of OpenMP threads of this thread's own; they sleep, and end with it."""
    import ctypes

    for path in libraries:
        openmp = ctypes.CDLL(path)
        # any function that takes nothing and does nothing: the team is what counts
        work = ctypes.cast(openmp.omp_get_thread_num, ctypes.c_void_p)
        openmp.GOMP_parallel(work, None, openmp.omp_get_num_procs() + 1, 0)
    release.wait()


def _gnu_openmp(root: Path = Path("/")) -> list[str]:
    """Return the files of GNU OpenMP that this process has loaded; each library brings its own."""
    with suppress(OSError):  # not Linux
        maps = (root / "proc/self/maps").read_text("utf-8", "surrogateescape")
        return sorted(set(re.findall(r"/.*/libgomp[^/\n]*\.so[^/\n]*", maps)))
    return []
