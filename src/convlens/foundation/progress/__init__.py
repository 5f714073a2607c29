"""Progress of long work, shown on stderr.

Code that takes long reports with `track` or `stage`, without knowing whether anything is shown.
Progress is shown inside `showing`, which the command line always enters, and calls from Python
where stderr is a terminal or in a notebook. Work of less than a second shows nothing. `events`
shows trainings and downloads, which have more to report.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from convlens.foundation.progress.display import Display, Teller, in_a_notebook

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")

_DISPLAY: ContextVar[Display | None] = ContextVar("convlens_progress", default=None)


def wanted(show: bool | None) -> bool:
    """Say whether to show progress: as asked, else on a terminal and in a notebook."""
    if show is None:
        return bool(sys.stderr and sys.stderr.isatty()) or in_a_notebook()
    return show


@contextmanager
def showing(show: bool | None = None) -> Iterator[None]:
    """Show the progress of what is done inside, unless something outside shows it already.

    Parameters
    ----------
    show : bool, optional
        True shows it anywhere, in plain lines where stderr is no terminal; False silences it;
        None shows it on a terminal and in a notebook.
    """
    if show is not False and (_DISPLAY.get() is not None or not wanted(show)):
        yield
        return
    display = Display() if show is not False else None
    before = _DISPLAY.set(display)
    try:
        yield
    finally:
        _DISPLAY.reset(before)
        if display is not None:
            display.close()


@contextmanager
def reported_to(tell: Callable[[str, int, int | None], None]) -> Iterator[None]:
    """Tell a function how far the work inside is, instead of showing it.

    Parameters
    ----------
    tell : callable
        Receives what is counted, how many of them are done, and how many there are, of the
        outermost loop; at most ten times a second.

    Examples
    --------
    >>> with reported_to(lambda *progress: print(*progress)):
    ...     total = sum(track([1, 2, 3], "numbers added"))
    numbers added 0 3
    numbers added 3 3
    """
    display = Teller(tell)
    before = _DISPLAY.set(display)
    try:
        yield
    finally:
        _DISPLAY.reset(before)


def shown(function: Callable[P, R]) -> Callable[P, R]:
    """Show the progress of a function, as its keyword `progress` says; see `showing`."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        asked = kwargs.get("progress")
        with showing(asked if isinstance(asked, bool) else None):
            return function(*args, **kwargs)

    return call


def track(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield the items, and show how many of them are done.

    Parameters
    ----------
    items : iterable
        What the work goes through.
    what : str
        What is counted, in the plural and with what is done: "images compared".
    total : int, optional
        How many there are, where the iterable cannot say.

    Examples
    --------
    >>> sum(track([1, 2, 3], "numbers added"))
    6
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with counted(what, total) as advance:
        for item in items:
            yield item
            advance(1)


@contextmanager
def counted(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield a function to be called with the number of items done since; see `track`.

    Examples
    --------
    >>> with counted("images decoded", 10) as advance:
    ...     advance(4)
    """
    display = _DISPLAY.get()
    if display is None:
        yield lambda count: None
        return
    task = display.begin(what, total)
    try:
        yield lambda count: display.advance(task, count)
    finally:
        display.end(task)


def stage(text: str) -> None:
    """Show what is done now, where it cannot be counted."""
    display = _DISPLAY.get()
    if display is not None:
        display.stage(text)
