"""Where convlens keeps what it fetched and what it unpacked.

Data sets that were asked for lie in `$CONVLENS_DATA`, or where the system keeps caches
(`~/.cache/convlens/data` on Linux). Archives are always unpacked below the system's cache: the
folder with the data may be one that only others may write to.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
from filelock import FileLock

from convlens.foundation import atomic


def data_root() -> Path:
    """Return the folder that holds one subfolder per downloaded set; it may not exist yet."""
    named = os.environ.get("CONVLENS_DATA")
    return Path(named) if named else platformdirs.user_cache_path("convlens") / "data"


def unpacked_root() -> Path:
    """Return the folder that holds one subfolder per unpacked archive; it may not exist yet."""
    return platformdirs.user_cache_path("convlens") / "unpacked"


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
