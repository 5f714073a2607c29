"""The choices that were measured on this machine, kept in the user's cache: one file for each."""

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
"""Of what is kept; 1 did not know of other work, 2 neither the network's name nor the date."""
CROWDED_SECONDS = 3600
"""How long a choice is kept that was measured while other programs took cores."""
MOST_BYTES = 100_000
"""Of a file that is read."""


@dataclass(frozen=True)
class Kept:
    """A measured choice, and what it was measured for."""

    network: str
    """Name of the network."""
    batch_size: int
    """Images of a training step."""
    device: str
    measured: str
    """When, in ISO 8601, UTC."""
    choice: Mapping[str, Any]
    """The fields of a `Choice`."""
    form: int = FORM


def place() -> Path:
    """Return the folder in which choices are kept."""
    return Path(platformdirs.user_cache_dir("convlens")) / "choices"


def file_of(facts: Mapping[str, Any]) -> Path:
    """Return the file of a choice, by all that it depends on."""
    text = json.dumps({"form": FORM, **facts}, sort_keys=True)
    return place() / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"


def keep(
    path: Path, *, network: str, batch_size: int, device: str, choice: Mapping[str, Any]
) -> None:
    """Keep a choice; a cache that cannot be written costs the next run a second, nothing else."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with suppress(OSError, ConvlensError):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_json(path, asdict(Kept(network, batch_size, device, now, choice)))


def read(path: Path) -> Kept | None:
    """Return a kept choice, or None where there is none, or it is damaged or too old."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        kept = Kept(**json.loads(path.read_text("utf-8")))
        age = time.time() - path.stat().st_mtime
        old = bool(kept.choice["crowded"]) and age > CROWDED_SECONDS
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return None
    return None if old or kept.form != FORM else kept


def all_kept() -> list[Kept]:
    """Return what is kept and still holds, the newest first."""
    choices = [read(path) for path in place().glob("*.json")]
    return sorted((kept for kept in choices if kept), key=lambda kept: kept.measured, reverse=True)
