"""One process at a time in a folder."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock

from convlens.foundation import atomic


def lock(folder: Path, name: str) -> FileLock:
    """Return a lock of this name in a folder, which is made; use it as a context manager.

    Raises
    ------
    RunError, StorageError
        Where the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # found out here, with a clear message, and not by filelock after waiting
        (folder / f".{name}.lock").touch()
    except OSError as error:
        raise atomic.explain(error, folder) from error
    return FileLock(folder / f".{name}.lock")
