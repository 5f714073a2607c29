"""MANIFEST.json: the sha256 and the size of every file of a run, and their use at every reading.

An entry leaves the manifest *before* its file changes and returns when the run is sealed. So a
crash in between cannot leave a manifest that accuses a good file, and sealing again after a
report was added never blesses a weights file that was damaged meanwhile. A file without an entry
is being written, or was when the process died: it is read as it is. See
`docs/decisions/0017-every-file-of-a-run-is-checked-when-read.md`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import TypedDict

from convlens.foundation import atomic
from convlens.foundation.errors import RunError
from convlens.foundation.files import open_file, read_file
from convlens.runs.json_file import MAX_BYTES, cannot_read, parse_object
from convlens.runs.layout import LOCK, MANIFEST

_TURNS = 5
"""How often a file is read again that changed together with its entry."""


class ManifestEntry(TypedDict):
    """What the manifest says about one file."""

    sha256: str
    bytes: int


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise ValueError("the name of a file inside the folder")
    return name


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    files: dict[Annotated[str, AfterValidator(_inside)], ManifestEntry]
    sha256: str | None = Field(default=None)
    """Digest of the entries; runs of earlier versions have none."""


def read(folder: Path) -> dict[str, ManifestEntry] | None:
    """Return the manifest's entries by relative name, or None for a run that was never sealed.

    Raises
    ------
    RunError
        The manifest is damaged or names a file outside the folder.
    """
    path = folder / MANIFEST
    if not path.exists():
        return None
    try:
        document = _Document.model_validate(parse_object(read_file(path, MAX_BYTES).decode()))
    except OSError as error:
        raise cannot_read(path, error) from None
    except (ValidationError, ValueError):
        raise _damaged(path) from None
    if document.sha256 is not None and document.sha256 != _digest(document.files):
        raise _damaged(path)
    return document.files


def write(folder: Path, entries: dict[str, ManifestEntry]) -> None:
    """Replace the manifest."""
    files = dict(sorted(entries.items()))
    atomic.write_json(folder / MANIFEST, {"files": files, "sha256": _digest(files)})


def complete(folder: Path, entries: dict[str, ManifestEntry]) -> dict[str, ManifestEntry]:
    """Return `entries` and one more for every file of `folder` that has none yet."""
    names = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not atomic.is_temporary(path)
    }
    return entries | {
        name: describe(folder / name) for name in names - entries.keys() - {LOCK, MANIFEST}
    }


def read_checked(folder: Path, name: str, most: int) -> bytes:
    """Read one file of a run that must be what the manifest says, if that says anything of it.

    Parameters
    ----------
    folder : Path
        The run.
    name : str
        The file's relative name.
    most : int
        Its largest size in bytes.

    Raises
    ------
    RunError
        The file is missing, too large, unreadable, or differs from its entry.
    """
    path = folder / name
    for _ in range(_TURNS):
        entry = (read(folder) or {}).get(name)
        try:
            content = read_file(path, most)
        except OSError as error:
            raise cannot_read(path, error) from None
        if entry is None or _is(content, entry):
            return content
        if (read(folder) or {}).get(name) == entry:  # no writer was at it between the two readings
            break
    raise _differs(path)


def check(folder: Path, name: str) -> None:
    """Compare one file, of any size, with its entry, if it has one; raises `RunError`."""
    for _ in range(_TURNS):
        entry = (read(folder) or {}).get(name)
        if entry is None or matches(folder / name, entry):
            return
        if (read(folder) or {}).get(name) == entry:
            break
    raise _differs(folder / name)


def differing(folder: Path, entries: dict[str, ManifestEntry]) -> list[str]:
    """Return the names, sorted, whose file is missing or not what its entry says."""
    return [name for name, entry in sorted(entries.items()) if not matches(folder / name, entry)]


def matches(path: Path, entry: ManifestEntry) -> bool:
    """Tell whether `path` is what `entry` says; the size is compared first, being free."""
    try:
        return (
            path.is_file()
            and path.stat().st_size == entry["bytes"]
            and describe(path)["sha256"] == entry["sha256"]
        )
    except OSError:
        return False


def describe(path: Path) -> ManifestEntry:
    """Hash one file."""
    with open_file(path) as file:
        digest, size = hashlib.sha256(), 0
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
    return {"sha256": digest.hexdigest(), "bytes": size}


def _is(content: bytes, entry: ManifestEntry) -> bool:
    return len(content) == entry["bytes"] and hashlib.sha256(content).hexdigest() == entry["sha256"]


def _digest(files: dict[str, ManifestEntry]) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def _damaged(path: Path) -> RunError:
    return RunError(
        f"{path} is damaged",
        "a sha256 and a size for each file",
        "restore the file from a copy; without it, the run's files are read unchecked",
    )


def _differs(path: Path) -> RunError:
    return RunError(
        f"{path} is corrupt: its sha256 is not the one in {MANIFEST}",
        "the file as it was written",
        "restore it from a copy, or train again",
    )
