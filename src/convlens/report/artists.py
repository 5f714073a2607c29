"""Figures drawn by two processes: this one, and a helper started before PyTorch is loaded.

A page holds twenty figures and drawing is all interpreter work, so a second core halves it. The
helper is forked while this process still has one thread, and loads matplotlib while this one
loads PyTorch. Where a process cannot be forked safely, all is drawn here.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from convlens.foundation.progress import counted


@dataclass(frozen=True)
class Sketch:
    """A figure to be drawn: by what function, and what it is given.

    The function is named, "module:function", because whoever hands a sketch over need not have
    loaded matplotlib.
    """

    name: str
    caption: str
    draw: str
    arguments: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)

    def svg(self) -> str:
        """Draw it."""
        module, _, function = self.draw.partition(":")
        drawn: str = getattr(import_module(module), function)(*self.arguments, **self.options)
        return drawn


class Artists:
    """The processes that draw figures: two where a fork is safe, else this one alone.

    Parameters
    ----------
    helped : bool
        Whether a helper is worth its start: for many figures.
    """

    def __init__(self, *, helped: bool = True) -> None:
        self._helped = helped
        self._helper: ProcessPoolExecutor | None = None
        self._begun: dict[str, Future[str]] = {}

    def __enter__(self) -> Artists:
        # macOS's own libraries do not survive a fork, and no process survives one with threads
        safe = threading.active_count() == 1 and "numpy" not in sys.modules
        if self._helped and safe and sys.platform == "linux":
            context = multiprocessing.get_context("fork")
            self._helper = ProcessPoolExecutor(1, mp_context=context)
            self._helper.submit(import_module, "convlens.figures.attribution")
        return self

    def __exit__(self, *_: object) -> None:
        if self._helper is not None:
            self._helper.shutdown(cancel_futures=True)

    def begin(self, sketches: Sequence[Sketch]) -> None:
        """Let the helper begin on some of the sketches that `draw` will be asked for."""
        if self._helper is None:
            return
        with contextlib.suppress(BrokenExecutor):  # it has died: `draw` draws them
            for sketch in sketches:
                self._begun[sketch.name] = self._helper.submit(Sketch.svg, sketch)

    def draw(self, sketches: Sequence[Sketch]) -> dict[str, str]:
        """Return each sketch's SVG by its name.

        The helper takes them from the front, this process from the back.
        """
        self.begin([sketch for sketch in sketches if sketch.name not in self._begun])
        futures = [self._begun.get(sketch.name) for sketch in sketches]
        pairs = list(zip(sketches, futures, strict=True))
        svgs = {sketch.name: "" for sketch in sketches}
        begun: list[tuple[Sketch, Future[str]]] = []
        with counted("figures drawn", len(pairs)) as advance:
            for sketch, future in pairs[::-1]:
                if future is None or future.cancel():
                    svgs[sketch.name] = sketch.svg()
                    advance(1)
                else:
                    begun.append((sketch, future))
            for sketch, future in begun[::-1]:
                svgs[sketch.name] = _result(sketch, future)
                advance(1)
        return svgs


def _result(sketch: Sketch, future: Future[str]) -> str:
    try:
        return future.result()
    except BrokenExecutor:  # the helper was killed, perhaps for memory
        return sketch.svg()
