"""Fill one run folder, under a lock, every file whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from convlens.foundation import atomic
from convlens.foundation.errors import RunError
from convlens.runs import checkpoint, kernel_snapshots, lock, manifest
from convlens.runs.json_file import MAX_BYTES, MAX_METRICS_BYTES, object_of, parse_object
from convlens.runs.layout import METRICS, STATUS, check_name, runs_root
from convlens.weights import save_tensors
from convlens.weights.tensor_file import Array


def create(
    network_name: str,
    *,
    root: str | Path | None = None,
    name: str | None = None,
    folder: Path | None = None,
) -> RunWriter:
    """Make a new run folder and take its lock.

    Parameters
    ----------
    network_name : str
        Part of the name that a run gets when none is given: `<date>-<time>-<network>`.
    root : path, optional
        Folder of the runs; see `runs_root`.
    name : str, optional
        Name under the root; must be free.
    folder : Path, optional
        The exact folder instead; must be free or empty.

    Raises
    ------
    RunError
        The name is unsafe or taken, or the place cannot be written: found before training.
    """
    numbered = folder is None and name is None
    if folder is None:
        base = runs_root(None if root is None else Path(root))
        stamp = f"{datetime.now():%Y%m%d-%H%M%S}-{network_name}"
        folder = base / check_name(stamp if name is None else name)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder = _claim(folder, numbered=numbered)
    except OSError as error:
        raise atomic.explain(error, folder) from error
    except ValueError:  # a NUL in the path
        raise RunError(
            f"{str(folder)!r} cannot name a folder", "a path", "choose another `out`"
        ) from None
    now = _now()
    writer = RunWriter(folder)
    try:
        writer.status(state="running", name=folder.name, created=now, pid=os.getpid())
    except BaseException:
        writer.close()
        raise
    return writer


def _claim(folder: Path, *, numbered: bool) -> Path:
    """Make the folder; of several processes that ask for one name, each gets its own."""
    for number in range(1, 10_000):
        candidate = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        try:
            candidate.mkdir()
        except FileExistsError:
            if candidate.is_dir() and not any(candidate.iterdir()):
                # it is empty: made for this run, or by a process that has not locked it yet
                if not numbered:
                    return candidate
            elif not numbered:
                raise RunError(
                    f"{candidate} exists and is not an empty folder",
                    "a new folder",
                    "choose another one, or resume the run that is there",
                ) from None
        else:
            return candidate
    raise RunError(f"{folder} and 9,999 like it exist", "a free name", "choose another `name`")


def open_existing(folder: str | Path) -> RunWriter:
    """Take the lock of a run that exists, to resume it or to write its report.

    Raises
    ------
    RunError
        There is no such run, or another process writes it.
    """
    folder = Path(folder)
    if not (folder / STATUS).is_file():
        raise RunError(f"{folder} is not a run", f"a folder with {STATUS}")
    return RunWriter(folder)


class RunWriter:
    """The one process that writes a run; a context manager that ends with the lock released."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = lock.acquire(folder)
        # a line that a crash left unfinished must not swallow the next one
        self._torn = _ends_torn(folder / METRICS)
        self._damaged_checkpoint = False

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the lock."""
        self._lock.release()

    def write_json(self, name: str, content: Any) -> None:
        """Write one JSON file; numbers that are not finite become null."""
        self._unlist(name)
        atomic.write_json(self.folder / check_name(name), atomic.finite(content))

    def write_text(self, name: str, text: str) -> None:
        """Write one text file."""
        self._unlist(name)
        atomic.write_text(self.folder / check_name(name), text)

    def write_tensors(
        self, name: str, tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None
    ) -> None:
        """Write named arrays as safetensors with their own digest."""
        self._unlist(name)
        save_tensors(self.folder / check_name(name), tensors, metadata)

    def append(self, event: Mapping[str, Any]) -> None:
        """Add one event to metrics.jsonl: one strict JSON line in one write, readable at once."""
        self._unlist(METRICS)
        stamped = {"time": _now(), **event}
        line = json.dumps(atomic.finite(stamped), allow_nan=False) + "\n"
        if self._torn:
            line, self._torn = "\n" + line, False
        path = self.folder / METRICS
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                os.write(descriptor, line.encode())
            finally:
                os.close(descriptor)
        except OSError as error:
            raise atomic.explain(error, path, len(line)) from error

    def drop_events_after(self, epoch: int) -> None:
        """Take the events out of metrics.jsonl that a training will write again.

        A run that was killed has events of epochs after its checkpoint. They and all that follows
        go when it continues from there, so that each epoch is there once.

        Parameters
        ----------
        epoch : int
            Epochs that the checkpoint has completed.
        """
        path = self.folder / METRICS
        if not path.exists():
            return
        content = manifest.read_checked(self.folder, METRICS, MAX_METRICS_BYTES)
        kept = 0
        for line in content.splitlines(keepends=True):
            if _comes_after(line, epoch):
                break
            kept += len(line)
        if kept < len(content):
            self._unlist(METRICS)
            atomic.write_bytes(path, content[:kept])
            self._torn = _ends_torn(path)

    def status(self, **changes: Any) -> None:
        """Merge changes into status.json."""
        path = self.folder / STATUS
        current: dict[str, Any] = {}
        if path.exists():
            current = object_of(path, manifest.read_checked(self.folder, STATUS, MAX_BYTES))
        self._unlist(STATUS)
        merged = {**current, **changes, "updated": _now()}
        atomic.write_json(path, atomic.finite(merged))

    def save_checkpoint(self, tensors: Mapping[str, Array], state: Mapping[str, Any]) -> None:
        """Write a checkpoint, keeping the one before it."""
        self._unlist(checkpoint.CURRENT, checkpoint.PREVIOUS)
        checkpoint.save(self.folder, tensors, state, rotate=not self._damaged_checkpoint)
        self._damaged_checkpoint = False

    def load_checkpoint(self, *, previous: bool = False) -> tuple[dict[str, Array], dict[str, Any]]:
        """Read the checkpoint, or the one before it; see `checkpoint.load`."""
        loaded = checkpoint.load(self.folder, previous=previous)
        # resumed from the one before because the last is damaged: do not keep the damaged one
        self._damaged_checkpoint = previous
        return loaded

    def write_kernels(self, epoch: int, kernels: Mapping[str, Array]) -> None:
        """Write one kernel snapshot; see `kernel_snapshots.save`."""
        self._unlist(kernel_snapshots.name(epoch))
        kernel_snapshots.save(self.folder, epoch, kernels)

    def seal(self) -> None:
        """Write MANIFEST.json with the sha256 of every file that has no entry yet."""
        try:
            entries = manifest.read(self.folder) or {}
            manifest.write(self.folder, manifest.complete(self.folder, entries))
        except OSError as error:
            raise atomic.explain(error, self.folder) from error

    def list_files(self, *names: str) -> None:
        """Put files that will not change any more into the manifest, before the run is sealed."""
        try:
            entries = manifest.read(self.folder) or {}
            added = {name: manifest.describe(self.folder / name) for name in names}
            manifest.write(self.folder, {**entries, **added})
        except OSError as error:
            raise atomic.explain(error, self.folder) from error

    def _unlist(self, *names: str) -> None:
        """Take files out of the manifest before they change."""
        entries = manifest.read(self.folder)
        if entries and any(name in entries for name in names):
            manifest.write(self.folder, {n: e for n, e in entries.items() if n not in names})


def _comes_after(line: bytes, epoch: int) -> bool:
    """Tell whether a line of metrics.jsonl is an event from after so many epochs."""
    try:
        event = parse_object(line.decode())
    except ValueError:
        return False  # damaged: the reader counts it
    kind, number = event.get("event"), event.get("epoch")
    return kind == "test" or (kind == "epoch" and isinstance(number, int) and number > epoch)


def _ends_torn(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:
        return False


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
