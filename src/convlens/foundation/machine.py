"""What this process may use of the machine, and gets: cores and memory, a container's limits too.

A container with one core and 2 GB of quota on a host of 64 cores and 500 GB otherwise starts 64
threads and is killed at 2 GB.

References
----------
https://docs.kernel.org/admin-guide/cgroup-v2.html and
https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from convlens.foundation.errors import InputError

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS |= {f"{unit}i": 1024**power for power, unit in enumerate("kmgt", start=1)}
_UNKNOWN = 4 * 10**9
"""Memory taken to be free where no system says how much is (4 GB)."""


def available_cores(root: Path = Path("/")) -> int:
    """Return the cores this process may use: its affinity, and the quotas of its cgroups.

    Parameters
    ----------
    root : Path
        Where `/proc` and `/sys` lie.

    References
    ----------
    https://docs.kernel.org/scheduler/sched-bwc.html
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        cores = os.cpu_count() or 1
    for folder in _groups(root, "cpu"):
        # not there, "max", or -1 for none
        with suppress(OSError, ValueError, IndexError, ZeroDivisionError):
            if (folder / "cpu.max").exists():
                quota, period = map(int, (folder / "cpu.max").read_text().split())
            else:
                quota = int((folder / "cpu.cfs_quota_us").read_text())
                period = int((folder / "cpu.cfs_period_us").read_text())
            if quota > 0:
                cores = min(cores, max(1, math.ceil(quota / period)))
    return cores


def throttled_count(root: Path = Path("/")) -> int:
    """Return how often a quota of processor time stopped this process's cgroups so far.

    It grows where more threads compute than the quota pays for.

    Parameters
    ----------
    root : Path
        Where `/proc` and `/sys` lie.
    """
    count = 0
    for folder in _groups(root, "cpu"):
        with suppress(OSError):
            stopped = re.search(r"^nr_throttled (\d+)$", (folder / "cpu.stat").read_text(), re.M)
            count += int(stopped[1]) if stopped else 0
    return count


def waited_seconds(root: Path = Path("/")) -> float:
    """Return how long this process's threads were ready to run so far and had no core to run on.

    It grows where other work takes cores that this process wants. 0 where the system does not say.

    Parameters
    ----------
    root : Path
        Where `/proc` lies.

    References
    ----------
    https://docs.kernel.org/scheduler/sched-stats.html
    """
    waited = 0
    for path in root.glob("proc/self/task/*/schedstat"):
        with suppress(OSError, ValueError, IndexError):  # a thread that has just ended
            waited += int(path.read_text().split()[1])
    return waited / 1e9


def idle_seconds(root: Path = Path("/")) -> float:
    """Return how long the cores that this process may use were idle so far, added up.

    0 where the system does not say.

    Parameters
    ----------
    root : Path
        Where `/proc` lies.

    References
    ----------
    https://www.kernel.org/doc/html/latest/filesystems/proc.html#miscellaneous-kernel-statistics-in-proc-stat
    """
    try:
        own = {f"cpu{number}" for number in os.sched_getaffinity(0)}
        lines = [line.split() for line in (root / "proc/stat").read_text().splitlines()]
        # fields 4 and 5: idle, and idle while waiting for a disk
        ticks = sum(int(line[4]) + int(line[5]) for line in lines if line[0] in own)
        return ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError, IndexError):
        return 0.0


def available_memory(root: Path = Path("/")) -> int:
    """Return the bytes this process may still take: the system's, and those of its cgroups.

    Pages that only cache files count as free: the kernel gives them up when asked.

    Parameters
    ----------
    root : Path
        Where `/proc` and `/sys` lie.
    """
    left = [_system_memory(root)]
    for folder in _groups(root, "memory"):
        left.append(_left_in(folder, "memory.max", "memory.current", "inactive_file"))
        left.append(
            _left_in(
                folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
            )
        )
    return max(0, min((size for size in left if size is not None), default=_UNKNOWN))


def _system_memory(root: Path) -> int | None:
    try:
        text = (root / "proc/meminfo").read_text()
    except OSError:
        return None
    match = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    return int(match[1]) * 1024 if match else None


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the cgroups that limit this process, the own ones and all above them.

    Parameters
    ----------
    root : Path
        Where `/proc` and `/sys` lie.
    controller : {"cpu", "memory"}
        What is limited. Version 2 has one tree for all controllers, version 1 one for each.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if ".." in path or (controllers and controller not in controllers.split(",")):
            continue
        base = root / "sys/fs/cgroup" / (controller if controllers else "")
        # inside a container the path may not exist, and the limit stands at the top
        own = base / path.strip("/")
        yield from [own, *own.parents][: len(own.parts) - len(base.parts) + 1]


def _left_in(folder: Path, limit: str, usage: str, cached: str) -> int | None:
    """Return what a group's limit leaves, or None where it sets none."""
    try:
        most = int((folder / limit).read_text())
        used = int((folder / usage).read_text())
        statistics = (folder / "memory.stat").read_text()
    except (OSError, ValueError):  # not there, or "max"
        return None
    match = re.search(rf"^{cached} (\d+)$", statistics, re.MULTILINE)
    return most - used + (int(match[1]) if match else 0)


def parse_size(text: str, setting: str = "the size") -> int:
    """Return the bytes that a size names: `200MB`, `1.5 GiB`, `4000`.

    Parameters
    ----------
    text : str
        A number and a unit; bytes without one.
    setting : str
        What the size is of, for the error.

    Raises
    ------
    InputError
        Where it is no size above zero.

    Examples
    --------
    >>> parse_size("200MB"), parse_size("1.5 GiB"), parse_size("4000")
    (200000000, 1610612736, 4000)
    """
    match = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*([kmgt]?i?)b?\s*", text.lower())
    unit = _UNITS.get(match[2]) if match else None
    if match is None or unit is None or float(match[1]) * unit < 1:
        raise InputError(
            f"{setting} is {text!r}",
            "a number and a unit: kB, MB, GB, KiB, MiB, GiB",
            "write 200MB",
        )
    return int(float(match[1]) * unit)


def size_text(size: int) -> str:
    """Return bytes as a reader counts them.

    >>> size_text(614_400_000), size_text(900)
    ('614 MB', '900 bytes')
    """
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= one:
            value = size / one
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return f"{size} bytes"
