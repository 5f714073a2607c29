"""How a training went, epoch by epoch: columns of numbers, CSV, a figure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.foundation import atomic
from convlens.foundation.errors import InputError, RunError, nearest
from convlens.foundation.notebook import Figure, drawn


class History(Mapping[str, NDArray[Any]]):
    """The epochs of a run, as columns.

    Parameters
    ----------
    events : sequence of dict
        Events of a run; of an epoch that was trained twice, the last counts.

    Examples
    --------
    >>> history = History([{"event": "epoch", "epoch": 1, "train_loss": 0.5, "best": True}])
    >>> history["train_loss"], list(history)
    (array([0.5]), ['epoch', 'train_loss', 'best'])
    """

    def __init__(self, events: Sequence[Mapping[str, Any]]) -> None:
        epochs = {e["epoch"]: e for e in events if e.get("event") == "epoch" and "epoch" in e}
        self.epochs: list[Mapping[str, Any]] = [epochs[number] for number in sorted(epochs)]
        names: dict[str, None] = {}
        for event in self.epochs:
            for key, value in event.items():
                if isinstance(value, bool | int | float) or value is None:
                    names[key] = None
        self.columns = tuple(names)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return one value per epoch, float64 or bool; NaN where there is none."""
        if name not in self.columns:
            raise InputError(
                f'there is no column "{name}"{nearest(name, self.columns)}',
                "one of " + ", ".join(self.columns),
            )
        values = [event.get(name) for event in self.epochs]
        if all(isinstance(value, bool) for value in values):
            return np.array(values, np.bool_)
        if all(isinstance(value, int) for value in values):
            return np.array(values, np.int64)
        return np.array([np.nan if value is None else value for value in values], np.float64)

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def to_csv(self, path: str | Path | None = None) -> str:
        """Return the columns as CSV, one line per epoch; write them into a file that is named."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        for event in self.epochs:
            values = (event.get(name) for name in self.columns)
            writer.writerow(["" if value is None else value for value in values])
        if path is not None:
            atomic.write_text(Path(path), text.getvalue())
        return text.getvalue()

    def plot(self) -> Figure:
        """Draw loss and accuracy by epoch; a notebook shows the figure, `str()` is its SVG."""
        if not self.epochs:
            raise RunError("no epoch is complete", "at least one", "wait for the first epoch")
        return drawn("convlens.report.run_figures:curves_svg", self.epochs)

    def __repr__(self) -> str:
        return f"History of {len(self.epochs)} epochs: {', '.join(self.columns)}"
