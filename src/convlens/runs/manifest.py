"""MANIFEST.json: the sha256 and the size of every file of a run.

An entry leaves the manifest *before* its file changes and returns when the run is sealed. So a
crash in between cannot leave a manifest that accuses a good file, and sealing again after a
report was added never blesses a weights file that was damaged meanwhile.
"""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from typing import TypedDict

from convlens import atomic
from convlens.errors import RunError
from convlens.runs.json_file import read_object
from convlens.runs.layout import LOCK, MANIFEST


class Entry(TypedDict):
    """What the manifest says about one file."""

    sha256: str
    bytes: int


def read(folder: Path) -> dict[str, Entry] | None:
    """Return the manifest's entries by relative name, or None for a run that was never sealed.

    Raises
    ------
    RunError
        The manifest is damaged or names a file outside the folder.
    """
    path = folder / MANIFEST
    if not path.exists():
        return None
    files = read_object(path).get("files")
    if not isinstance(files, dict) or not all(map(_is_entry, files, files.values())):
        raise RunError(f"{path} is damaged", "a sha256 and a size for each file", "train again")
    return files


def write(folder: Path, entries: dict[str, Entry]) -> None:
    """Replace the manifest."""
    atomic.write_json(folder / MANIFEST, {"files": dict(sorted(entries.items()))})


def complete(folder: Path, entries: dict[str, Entry]) -> dict[str, Entry]:
    """Return `entries` and one more for every file of `folder` that has none yet."""
    names = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not atomic.is_temporary(path)
    }
    return entries | {
        name: describe(folder / name) for name in names - entries.keys() - {LOCK, MANIFEST}
    }


def differing(folder: Path, entries: dict[str, Entry]) -> list[str]:
    """Return the names, sorted, whose file is missing or not what its entry says."""
    return [name for name, entry in sorted(entries.items()) if not matches(folder / name, entry)]


def matches(path: Path, entry: Entry) -> bool:
    """Tell whether `path` is what `entry` says; the size is compared first, being free."""
    try:
        return (
            path.is_file()
            and path.stat().st_size == entry["bytes"]
            and describe(path)["sha256"] == entry["sha256"]
        )
    except OSError:
        return False


def describe(path: Path) -> Entry:
    """Hash one file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"sha256": digest, "bytes": file.tell()}


def _is_entry(name: str, entry: object) -> bool:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        return False
    match entry:
        case {"sha256": str(), "bytes": int()}:
            return True
    return False
