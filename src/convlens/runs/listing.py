"""Find runs by name, by folder, the last one, or all; a damaged run does not hide others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convlens.foundation.errors import RunError, nearest
from convlens.runs.layout import STATUS, check_name, runs_root
from convlens.runs.reader import Run


@dataclass(frozen=True)
class RunSummary:
    """One line of `convlens runs`; `problem` says what is damaged, or is empty."""

    name: str
    folder: Path
    state: str = "damaged"
    network: str = ""
    data: str = ""
    created: str = ""
    epochs: int | None = None
    validation_accuracy: float | None = None
    test_accuracy: float | None = None
    train_seconds: float | None = None
    parameters: int | None = None
    problem: str = ""


def listing(root: str | Path | None = None) -> list[RunSummary]:
    """Return the runs of a folder, oldest first; the damaged ones are flagged."""
    base = runs_root(None if root is None else Path(root))
    try:
        if not base.exists():
            return []
        folders = [path for path in base.iterdir() if path.is_dir() and path.name[0] != "."]
    except OSError as error:
        raise RunError(f"{base} cannot be read: {error.strerror}", "a folder of runs") from None
    return sorted(map(_summary, folders), key=lambda row: (row.created, row.name))


def last(root: str | Path | None = None) -> Run | None:
    """Open the run that was begun last; None where there is none."""
    rows = [row for row in listing(root) if not row.problem]
    return Run.open(rows[-1].folder) if rows else None


def find(reference: Run | str | Path, root: str | Path | None = None) -> Run:
    """Open a run by "last", by its name under the root, or by its folder; an open one stays so.

    Raises
    ------
    RunError
        There is none; gives the nearest name.
    """
    if isinstance(reference, Run):
        return reference
    reference = str(reference)
    base = runs_root(None if root is None else Path(root))
    if reference == "last":
        if (run := last(root)) is None:
            raise RunError(f"there are no runs in {base}", "at least one", "train a network first")
        return run
    try:
        if (Path(reference) / STATUS).is_file():
            return Run.open(reference)
        # a folder that only happens to lie here under the name of a run is not meant
        if Path(reference).is_dir() and not (base / reference / STATUS).is_file():
            raise RunError(f"{reference} is not a run", f"a folder with {STATUS}")
    except (OSError, ValueError):  # a NUL, or a name longer than the system allows
        pass
    name = check_name(reference)
    if (base / name).is_dir():
        return Run.open(base / name)
    names = [row.name for row in listing(root) if not row.problem]
    raise RunError(
        f'there is no run "{name}" in {base}{nearest(name, names)}',
        "last, a run's folder, or a run's name" + (": " + ", ".join(names[-12:]) if names else ""),
        "" if names else "train a network first",
    )


def _summary(folder: Path) -> RunSummary:
    try:
        run = Run.open(folder)
        status = run.status
    except (RunError, OSError) as error:
        what = error.what if isinstance(error, RunError) else str(error)
        return RunSummary(folder.name, folder, problem=what)

    def number(key: str, kind: Any) -> Any:
        value = status.get(key)
        return value if isinstance(value, kind) and not isinstance(value, bool) else None

    return RunSummary(
        name=folder.name,
        folder=folder,
        state=str(status.get("state", "unknown")),
        network=str(status.get("network", "")),
        data=str(status.get("data", "")),
        created=str(status.get("created", "")),
        epochs=number("epochs", int),
        validation_accuracy=number("validation_accuracy", int | float),
        test_accuracy=number("test_accuracy", int | float),
        train_seconds=number("train_seconds", int | float),
        parameters=number("parameters", int),
    )
