"""One writer per run: a lock that the operating system drops when its holder dies."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from convlens.foundation import atomic
from convlens.foundation.errors import RunError
from convlens.runs.layout import LOCK


def acquire(folder: Path) -> FileLock:
    """Take the lock of `folder`; call its `release` when done.

    Raises
    ------
    RunError
        Another process holds it, or the folder is not writable.
    """
    # Half a second, because `is_held` in another process takes the lock for a moment.
    lock = FileLock(folder / LOCK, timeout=0.5, poll_interval=0.02, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise RunError(
            f"another process is writing {folder}",
            "one writer for one run",
            "wait for it to end, or choose another folder with `out`",
        ) from error
    except OSError as error:
        raise atomic.explain(error, folder) from error
    return lock


def is_held(folder: Path) -> bool:
    """Tell whether a living process holds the lock of `folder`, without waiting for it."""
    if not (folder / LOCK).exists():
        return False
    lock = FileLock(folder / LOCK, blocking=False, thread_local=False)
    try:
        with lock:
            return False
    except Timeout:
        return True
    except OSError:  # a folder that only others may write to: nothing says that they stopped
        return True
