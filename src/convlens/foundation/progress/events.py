"""How far a training or a download is, on stderr: a live bar on a terminal, else plain lines."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from convlens.foundation.progress import showing


class TrainingProgress:
    """Show the events of a training.

    Parameters
    ----------
    quiet : bool
        Show nothing at all.
    spelled : callable, optional
        Turns a note about settings into what the reader can type.
    """

    def __init__(
        self, *, quiet: bool = False, spelled: Callable[[str], str] = lambda note: note
    ) -> None:
        self.quiet = quiet
        self.spelled = spelled
        self.console = Console(stderr=True, highlight=False)
        self.live = not quiet and self.console.is_terminal and not self.console.is_dumb_terminal
        self.epochs = 1
        self.bar = Progress(
            TextColumn("{task.fields[epoch]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=self.console,
            transient=True,
            disable=not self.live,
        )
        self.task = self.bar.add_task("", total=None, epoch="", numbers="")
        self._alone = ExitStack()

    def __enter__(self) -> TrainingProgress:
        self._alone.enter_context(showing(False))  # one live bar at a time
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()
        self._alone.close()

    def __call__(self, event: dict[str, Any]) -> None:
        """Show one event."""
        if not self.quiet:
            getattr(self, f"_{event['event']}", lambda event: None)(event)

    def _note(self, event: dict[str, Any]) -> None:
        self._line(self.spelled(str(event["message"])))

    def _decoding(self, event: dict[str, Any]) -> None:
        numbers = (
            f"{event['done']:,} of {event['images']:,} images decoded, "
            f"{event['images_per_second']:,.0f} images/s"
        )
        if event["done"] == event["images"]:
            self._line(numbers)
            self.bar.reset(self.task, total=None, epoch="", numbers="")
        elif self.live:
            self.bar.update(
                self.task, total=event["images"], completed=event["done"], numbers=numbers
            )

    def _run(self, event: dict[str, Any]) -> None:
        compute = event["choice"]
        why = "; why: convlens doctor --choices" if compute.measured_ms else ""
        self._line(f"run {event['folder']}; {compute}{why}")

    def _start(self, event: dict[str, Any]) -> None:
        self.epochs = event["epochs"]
        self._line(
            f"{event['train_images']:,} images to train on, {event['validation_images']:,} to "
            f"validate on, {event['parameters']:,} parameters, "
            f"{self.epochs} epoch{'s' * (self.epochs != 1)}"
        )
        if event["event"] == "resume":
            self._line(f"resumed after epoch {event['epoch']}")

    _resume = _start

    def _step(self, event: dict[str, Any]) -> None:
        if not self.live:
            return
        done = (event["epoch"] - 1) * event["steps"] + event["step"]
        self.bar.update(
            self.task,
            total=self.epochs * event["steps"],
            completed=done,
            epoch=f"epoch {event['epoch']}/{self.epochs}",
            numbers=(
                f"loss {event['train_loss']:.4f}  accuracy {event['train_accuracy']:.4f}  "
                f"{event['images_per_second']:,.0f} images/s"
            ),
        )

    def _epoch(self, event: dict[str, Any]) -> None:
        mark = "  best so far" if event["best"] else ""
        plain = event.get("validation_cross_entropy", event["validation_loss"])
        smoothed = "" if plain == event["validation_loss"] else f" (unsmoothed {plain:.4f})"
        self._line(
            f"epoch {event['epoch']:>{len(str(self.epochs))}}/{self.epochs}  "
            f"loss {event['train_loss']:.4f}  accuracy {event['train_accuracy']:.4f}  "
            f"validation loss {event['validation_loss']:.4f}{smoothed}  "
            f"accuracy {event['validation_accuracy']:.4f}  "
            f"{event['images_per_second']:,.0f} images/s{mark}"
        )

    def _line(self, text: str) -> None:
        if self.live:
            self.console.print(text, markup=False, soft_wrap=True)
        else:
            _write_line(text)


class DownloadProgress:
    """Show how far each file of a download is.

    Parameters
    ----------
    quiet : bool
        Show nothing at all.

    Attributes
    ----------
    files : list of str
        The files of which something arrived.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.files: list[str] = []
        console = Console(stderr=True, highlight=False)
        self.live = not quiet and console.is_terminal and not console.is_dumb_terminal
        self.quiet = quiet
        self.tasks: dict[str, TaskID] = {}
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not self.live,
        )

    def __enter__(self) -> DownloadProgress:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def __call__(self, name: str, done: int, total: int | None) -> None:
        """Show that `done` bytes of a file are here, of `total`, if known."""
        if name not in self.files:
            self.files.append(name)
            self.tasks[name] = self.bar.add_task(name)
            if not self.live and not self.quiet:
                size = "" if total is None else f", {total:,} bytes"
                _write_line(f"downloading {name}{size}")
        self.bar.update(self.tasks[name], completed=done, total=total)


def _write_line(text: str) -> None:
    """Write a line to stderr; where that is full or closed, the work goes on without it."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
