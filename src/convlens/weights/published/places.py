"""Where files of published weights lie on this machine, and whether they are the published ones."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import platformdirs

from convlens.foundation import atomic
from convlens.foundation.files import open_file, read_file


def weights_root() -> Path:
    """Return the folder that holds the downloaded files; it may not exist yet."""
    named = os.environ.get("CONVLENS_WEIGHTS")
    return Path(named) if named else platformdirs.user_cache_path("convlens") / "weights"


def downloaded(name: str) -> Iterator[Path]:
    """Give the files of this name on this machine: our own, then one that torchvision loaded."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    torch_home = Path(os.environ.get("TORCH_HOME") or caches / "torch")
    for folder in (weights_root(), torch_home / "hub" / "checkpoints"):
        if (folder / name).is_file():
            yield folder / name


def in_package(package: str, path: str) -> Path | None:
    """Return a file of an installed package, or None where it is not there."""
    try:
        place = Path(str(distribution(package).locate_file(path)))
    except PackageNotFoundError:
        return None
    return place if place.is_file() else None


def sha256_of(path: Path) -> str:
    """Return the sha256 of a regular file; raises `OSError`."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def record(path: Path) -> None:
    """Write a file's whole sha256 beside it, in the form that `sha256sum -c` reads."""
    atomic.write_text(_record_of(path), f"{sha256_of(path)}  {path.name}\n")


def recorded(path: Path) -> str:
    """Return the sha256 that was written beside a file; an empty text where there is none."""
    with suppress(OSError, UnicodeDecodeError):
        text = read_file(_record_of(path), 1000).decode()
        if digits := re.match(r"[0-9a-f]{64}\b", text):
            return digits[0]
    return ""


def _record_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
