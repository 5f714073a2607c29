"""Where convlens keeps what it fetched and what it unpacked.

Data sets that were asked for lie in `$CONVLENS_DATA`, or where the system keeps caches
(`~/.cache/convlens/data` on Linux). Archives are always unpacked below the system's cache: the
folder with the data may be one that only others may write to.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def data_root() -> Path:
    """Return the folder that holds one subfolder per downloaded set; it may not exist yet."""
    named = os.environ.get("CONVLENS_DATA")
    return Path(named) if named else platformdirs.user_cache_path("convlens") / "data"


def unpacked_root() -> Path:
    """Return the folder that holds one subfolder per unpacked archive; it may not exist yet."""
    return platformdirs.user_cache_path("convlens") / "unpacked"
