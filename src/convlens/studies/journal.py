"""A study's memory: a line for every trial that has ended, so that an interrupted one goes on.

A trial is found again by what it is, in full, and by nothing else: a study asked with other
settings uses those lines that are still true, and adds its own.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from convlens.foundation import atomic

FILE = "trials.jsonl"

Values = dict[str, Any]


class Journal:
    """The lines of `trials.jsonl` in a folder, made where it is missing.

    Parameters
    ----------
    folder : Path
        The study's folder.

    Raises
    ------
    RunError, StorageError
        Where the folder cannot be made or written to: found before the first trial.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     Journal(Path(place)).add({"batch": 10}, {"seconds": 17})
    ...     Journal(Path(place)).find({"batch": 10})
    {'seconds': 17}
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                size = file.tell()
                file.seek(max(0, size - 1))
                # a line that a crash has cut must not swallow the next one
                if size and file.read(1) != b"\n":
                    file.write(b"\n")
                file.seek(0)
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError as error:
            raise atomic.explain(error, folder) from error
        self._found: dict[str, Values] = {}
        for line in lines:
            with contextlib.suppress(ValueError, TypeError, KeyError):
                entry = json.loads(line)
                if isinstance(entry["result"], dict):
                    self._found[_key(entry["trial"])] = entry["result"]

    def find(self, trial: Values) -> Values | None:
        """Return the result of a trial that has ended, or None."""
        return self._found.get(_key(trial))

    def add(self, trial: Values, result: Values) -> None:
        """Keep a result; it is on the disk when this returns.

        Raises
        ------
        RunError, StorageError
            Where it cannot be written.
        """
        entry = {"trial": trial, "result": atomic.finite(result)}
        line = (json.dumps(entry, allow_nan=False) + "\n").encode()
        try:
            with self.path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise atomic.explain(error, self.path, len(line)) from error
        self._found[_key(trial)] = entry["result"]


def _key(trial: object) -> str:
    return json.dumps(trial, sort_keys=True)
