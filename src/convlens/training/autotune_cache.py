"""Compute settings that were measured on this machine, in the user's cache: a file for each."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import platformdirs

from convlens.foundation import atomic
from convlens.foundation.errors import ConvlensError

FORM = 3
"""Version of the files; 1 did not know of other work, 2 neither the network's name nor the date."""
CROWDED_SECONDS = 3600
"""How long settings are kept that were measured while other programs took cores."""
MOST_BYTES = 100_000
"""Files larger than this are not read."""


@dataclass(frozen=True)
class Measured:
    """A file of the cache: compute settings, and what they were measured for."""

    network: str
    """Name of the network."""
    batch_size: int
    """Images per training step."""
    device: str
    measured: str
    """Time of the measurement, in ISO 8601, UTC."""
    choice: Mapping[str, Any]
    """The fields of `ComputeSettings`."""
    form: int = FORM


def place() -> Path:
    """Return the folder of the cache."""
    return Path(platformdirs.user_cache_dir("convlens")) / "choices"


def file_of(facts: Mapping[str, Any]) -> Path:
    """Return the file of settings, by all that they depend on."""
    text = json.dumps({"form": FORM, **facts}, sort_keys=True)
    return place() / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"


def keep(
    path: Path, *, network: str, batch_size: int, device: str, choice: Mapping[str, Any]
) -> None:
    """Keep settings; where the cache cannot be written, the next run measures again."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with suppress(OSError, ConvlensError):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_json(path, asdict(Measured(network, batch_size, device, now, choice)))


def read(path: Path) -> Measured | None:
    """Return the content of a file, or None where there is none, or it is damaged or too old."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        kept = Measured(**json.loads(path.read_text("utf-8")))
        age = time.time() - path.stat().st_mtime
        old = bool(kept.choice["crowded"]) and age > CROWDED_SECONDS
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return None
    return None if old or kept.form != FORM else kept


def all_kept() -> list[Measured]:
    """Return everything in the cache that still holds, the newest first."""
    files = [read(path) for path in place().glob("*.json")]
    return sorted((kept for kept in files if kept), key=lambda kept: kept.measured, reverse=True)
