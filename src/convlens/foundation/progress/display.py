"""How progress is drawn: a bar on a terminal, one changing line in a notebook, else lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress

SILENT_SECONDS = 1.0
"""Work that takes less time than this shows nothing."""

_LINE_SECONDS = 5.0
"""Time between two plain lines at first. It doubles with each line, up to `_MOST_SECONDS`."""

_MOST_SECONDS = 60.0
_LIVE_SECONDS = 0.1


@dataclass
class Task:
    """One loop whose turns are counted."""

    what: str
    total: int | None
    done: int = 0

    def __str__(self) -> str:
        count = f"{self.done:,}" if self.total is None else f"{self.done:,} of {self.total:,}"
        return f"{count} {self.what}"


class Display:
    """Shows the loops that are running, one inside the other, as one line."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.text = ""
        self.started = time.monotonic()
        self._next = self.started + SILENT_SECONDS
        self._pause = _LINE_SECONDS
        self._bar: Progress | None = None
        self._row: Any = None
        self._width = 0
        self._form = "lines"
        if in_a_notebook():
            self._form = "notebook"
        elif sys.stderr and sys.stderr.isatty():
            self._form = "terminal"

    def begin(self, what: str, total: int | None) -> Task:
        """Start to count a loop, inside those that run already."""
        task = Task(what, total)
        self.tasks.append(task)
        self._show()
        return task

    def advance(self, task: Task, count: int = 1) -> None:
        """Count more turns of a loop."""
        task.done += count
        self._show()

    def end(self, task: Task) -> None:
        """Forget a loop that has ended, and those inside it."""
        if task in self.tasks:
            del self.tasks[self.tasks.index(task) :]

    def stage(self, text: str) -> None:
        """Name what is done now."""
        self.text = text
        self._show()

    def fraction(self) -> float | None:
        """Return how much of the outermost loop is done, its inner loops counted; 0 to 1.

        >>> display = Display()
        >>> outer, inner = display.begin("methods", 4), display.begin("images", 10)
        >>> outer.done, inner.done = 1, 5
        >>> display.fraction()
        0.375
        """
        done = 0.0
        for task in reversed(self.tasks):
            if not task.total:
                return None
            done = min(1.0, (task.done + done) / task.total)
        return done if self.tasks else None

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
        elif self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()

    def _show(self) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        # neither "0 of 5" nor "1 of 1" says anything
        counted = ", ".join(str(task) for task in self.tasks if task.done and task.total != 1)
        text = ": ".join(part for part in (self.text, counted) if part)
        if not text:
            return
        fraction = self.fraction()
        if self._form == "terminal":
            self._next = now + _LIVE_SECONDS
            self._draw(text, fraction)
            return
        if fraction:
            left = (now - self.started) * (1 - fraction) / fraction
            text += f", about {left:.0f} s left" if left >= 1 else ""
        if self._form == "notebook":
            self._next = now + 2 * _LIVE_SECONDS
            sys.stderr.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self._next = now + self._pause
            self._pause = min(2 * self._pause, _MOST_SECONDS)
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def _draw(self, text: str, fraction: float | None) -> None:
        if self._bar is None:
            # loaded only where work takes long enough to be worth it
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                BarColumn(bar_width=24),
                TextColumn("{task.description}", markup=False),
                TimeRemainingColumn(),
                TextColumn("left"),
                console=Console(stderr=True, highlight=False),
                transient=True,
                redirect_stdout=False,
            )
            self._row = self._bar.add_task(text, total=None)
            self._bar.start()
        self._bar.update(
            self._row,
            description=text,
            total=None if fraction is None else 1.0,
            completed=fraction or 0.0,
        )


class Teller(Display):
    """Tells a function how far the outermost loop is; nothing is drawn.

    Parameters
    ----------
    tell : callable
        Receives what is counted, how many are done, and how many there are.
    """

    def __init__(self, tell: Callable[[str, int, int | None], None]) -> None:
        super().__init__()
        self._tell = tell
        self._next = self.started

    def _show(self) -> None:
        if not self.tasks:
            return
        task, now = self.tasks[0], time.monotonic()
        if now >= self._next or task.done == task.total:
            self._next = now + _LIVE_SECONDS
            self._tell(task.what, task.done, task.total)


def in_a_notebook() -> bool:
    """Say whether this process is the kernel of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"
