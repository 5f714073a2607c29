"""Open a run: everything it says about itself, read without executing anything.

Every file is compared with the manifest when it is read, and every JSON file with its schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from convlens.foundation.documents import parse_toml
from convlens.foundation.errors import RunError
from convlens.foundation.notebook import ShownInNotebooks
from convlens.runs import kernel_snapshots, lock, manifest, schemas
from convlens.runs.history import History
from convlens.runs.json_file import MAX_BYTES, MAX_METRICS_BYTES, object_of, parse_object, text_of
from convlens.runs.layout import (
    DATA,
    ENVIRONMENT,
    EVALUATION,
    METRICS,
    NETWORK,
    RECIPE,
    STATUS,
    WEIGHTS,
)
from convlens.weights import load_tensors, read_weights
from convlens.weights.tensor_file import Array


class Run(ShownInNotebooks):
    """A run folder, read on demand.

    Attributes
    ----------
    folder : Path
        Where it lies.
    damaged_lines : int
        Lines of metrics.jsonl that `events` could not read (a torn last line is not counted:
        the writer may be in the middle of it).
    """

    _notebook_view: ClassVar[str] = "run"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damaged_lines = 0

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """Open a folder; raises `RunError` where it is no run or its status is damaged."""
        run = cls(Path(folder))
        if not (run.folder / STATUS).is_file():
            raise RunError(f"{folder} is not a run", f"a folder with {STATUS}")
        _ = run.status
        return run

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.folder.resolve().name

    @cached_property
    def status(self) -> dict[str, Any]:
        """What status.json says; a run whose process died without a word is "stopped"."""
        status = self._read_object(STATUS, schemas.StatusFile)
        if status.get("state") == "running" and not lock.is_held(self.folder):
            status["state"] = "stopped"
        return status

    @cached_property
    def data(self) -> dict[str, Any]:
        """What data.json says."""
        return self._read_object(DATA, schemas.DataFile)

    @cached_property
    def environment(self) -> dict[str, Any]:
        """What environment.json says."""
        return self._read_object(ENVIRONMENT, schemas.EnvironmentFile)

    @cached_property
    def evaluation(self) -> dict[str, Any] | None:
        """What evaluation.json says, or None before the test."""
        if self._is_absent(EVALUATION):
            return None
        return self._read_object(EVALUATION, schemas.EvaluationFile)

    @property
    def network_text(self) -> str:
        """The network, TOML."""
        return self._read_text(NETWORK, MAX_BYTES)

    @property
    def recipe_text(self) -> str:
        """The recipe, TOML."""
        return self._read_text(RECIPE, MAX_BYTES)

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe's keys and values as they are written."""
        try:
            return parse_toml(self.recipe_text)
        except ValueError as error:
            raise RunError(
                f"{self.folder / RECIPE} is damaged: {error}",
                "keys and values in TOML",
                "restore the file, or train again",
            ) from None

    def events(self) -> list[dict[str, Any]]:
        """Return the events of metrics.jsonl so far; can be read while the run trains."""
        events = [event for _, event in self.numbered_events()]
        whole = [event for event in events if event is not None]
        self.damaged_lines = len(events) - len(whole)
        return whole

    def numbered_events(self, after: int = 0) -> list[tuple[int, dict[str, Any] | None]]:
        """Return the lines of metrics.jsonl from after a line on, with their numbers.

        Parameters
        ----------
        after : int
            Lines to leave out at the start. Where there are fewer by now, a training that was
            resumed took some back, and all lines are returned.

        Returns
        -------
        list of (int, dict or None)
            The number of each line, from 1, and its event; None where the line is damaged. What
            follows the last newline is torn, or nothing, and not a line yet.
        """
        if self._is_absent(METRICS):
            return []
        content = manifest.read_checked(self.folder, METRICS, MAX_METRICS_BYTES)
        lines = content.split(b"\n")[:-1]
        first = after if after <= len(lines) else 0
        return [
            (number, _event(line)) for number, line in enumerate(lines[first:], start=first + 1)
        ]

    @property
    def history(self) -> History:
        """The epochs so far as columns: `run.history["validation_accuracy"]`, `.plot()`."""
        return History(self.events())

    def weights(
        self,
        kind: Literal["best", "last"] = "best",
        expected: Mapping[str, tuple[int, ...]] | None = None,
    ) -> dict[str, Array]:
        """Return the weights of the best epoch by validation, or of the last.

        Parameters
        ----------
        kind : {"best", "last"}
            Which.
        expected : mapping of str to shape, optional
            Names and shapes to insist on.

        Raises
        ------
        RunError
            They were not saved yet, or the file is not the one that the manifest lists.
        WeightsError
            The file is damaged or does not fit.
        """
        name = WEIGHTS[kind]
        path = self.folder / name
        if not path.is_file():
            raise RunError(
                f"{self.folder} has no {name}",
                "a run that completed an epoch",
                "resume it, until an epoch is complete",
            )
        manifest.check(self.folder, name)
        return load_tensors(path)[0] if expected is None else read_weights(path, expected)

    def kernel_snapshots(self) -> list[tuple[int, dict[str, Array]]]:
        """Return the convolutions' weights that training recorded, as `(epoch, arrays)` by epoch.

        Epoch 0 is before the first step. The list is empty where the recipe's
        `record_kernels` was 0.

        Raises
        ------
        WeightsError
            A snapshot is damaged.
        """
        return kernel_snapshots.load(self.folder)

    def verify(self) -> list[str]:
        """Return the files that are missing or differ from the manifest; empty when all is well."""
        entries = manifest.read(self.folder)
        return [] if entries is None else manifest.differing(self.folder, entries)

    def _read_text(self, name: str, most: int) -> str:
        return text_of(self.folder / name, manifest.read_checked(self.folder, name, most))

    def _read_object(self, name: str, model: type[schemas.RunFile]) -> dict[str, Any]:
        path = self.folder / name
        content = manifest.read_checked(self.folder, name, MAX_BYTES)
        return schemas.check(model, object_of(path, content), path)

    def _is_absent(self, name: str) -> bool:
        """Tell whether a file was not written yet; one that the manifest lists must be there."""
        return not (self.folder / name).exists() and name not in (manifest.read(self.folder) or {})


def _event(line: bytes) -> dict[str, Any] | None:
    """Parse a line of metrics.jsonl; None where it is damaged."""
    try:
        event = parse_object(line.decode())
    except ValueError:
        return None
    return event if schemas.is_event(event) else None
