"""Lessons: short scripts that run something and say what came out.

`LESSONS` lists them without importing anything heavy; `run` imports the one that is asked for.
A lesson's module has one public function, `run(seed, *, quick=False) -> Lesson`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from convlens.foundation.errors import InputError, nearest
from convlens.foundation.progress import shown, stage

if TYPE_CHECKING:
    from convlens.lessons.lesson import Lesson


__all__ = ["LESSONS", "run"]


@dataclass(frozen=True)
class Entry:
    """What is known of a lesson before it runs."""

    about: str
    seconds: int
    """CPU time measured on a busy two-core machine with one thread, imports included, rounded up.

    An idle machine takes less.
    """


LESSONS = {
    "xor": Entry("A linear network cannot do XOR; with one ReLU layer it can.", 20),
    "one-by-one": Entry("A 1x1 convolution changes the number of channels, and saves work.", 6),
    "padding": Entry("Which paddings keep the size, and what zeros at the border do.", 9),
    "one-filter-one-map": Entry("One filter over three channels gives one map, not three.", 7),
    "pooling": Entry("Max and average pooling on strokes and on noise.", 5),
    "softmax-nll": Entry("Softmax into NLL without the log trains on the wrong loss.", 35),
    "epoch-loss": Entry("The last batch's loss is not the epoch's.", 18),
    "batch-dimension": Entry("The leading dimension is the batch; groups are something else.", 5),
    "validation-split": Entry("Holding out the last tenth is no cross-validation.", 18),
}


@shown
def run(
    name: str,
    out: Path | None = None,
    seed: int = 0,
    *,
    quick: bool = False,
    progress: bool | None = None,
) -> Lesson:
    """Run a lesson and, where a folder is given, write its page and figures there.

    Parameters
    ----------
    name : str
        One of `LESSONS`.
    out : Path, optional
        Folder for `<name>.html` and `<name>-<figure>.svg`.
    seed : int
        Seed of weights, orders of the images and noise; repeated trainings take the seeds after it.
    quick : bool
        Fewer images, epochs and seeds: to see that it works, not to quote.
    progress : bool, optional
        Show on stderr how far it is; by default on a terminal and in a notebook.

    Returns
    -------
    Lesson
        Its text, its tables, its figures as SVG and its numbers.

    Raises
    ------
    InputError
        Where there is no such lesson; names the nearest one.
    """
    if name not in LESSONS:
        raise InputError(
            f'there is no lesson "{name}"{nearest(name, LESSONS)}',
            "one of " + ", ".join(LESSONS),
        )
    stage(name)
    module = import_module(f"convlens.lessons.{name.replace('-', '_')}")
    lesson: Lesson = module.run(seed, quick=quick)
    if out is not None:
        from convlens.lessons import page

        command = f"convlens lesson {name} --seed {seed}" + (" --quick" if quick else "")
        page.write(name, lesson, command, out)
    return lesson
