"""What all studies share: what is studied, how much is asked, and how a trial is done once.

A study is a function from a `Bench` to `Findings`. It asks the bench for one trial after the
other; the bench answers from the journal where the trial was done before.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from convlens.data import Dataset
from convlens.engines.device import describe
from convlens.foundation.errors import InputError, Interrupted
from convlens.foundation.machine import waited_seconds
from convlens.foundation.progress import stage
from convlens.network import Network
from convlens.studies.journal import Journal, Values
from convlens.studies.trial import Trial
from convlens.training.autotune import CROWDED
from convlens.training.compute_settings import ComputeSettings
from convlens.training.interrupt import Interrupt
from convlens.training.job import Job
from convlens.training.monitor import Diverged
from convlens.training.recipe import Recipe

PLACE_OF_SEED = ("seed", "epochs")
"""Recipe values that a trial names itself, so that more seeds or epochs are more trials."""


@dataclass(frozen=True)
class Options:
    """How much a study is to do; None leaves it to the study.

    Parameters
    ----------
    values : tuple of str
        What to try: batch sizes, widths, ...; empty for the study's own.
    epochs, seeds : int, optional
        Passes over the training images and repetitions of each training.
    seconds : float, optional
        Where trainings are compared after equal time: that time.
    budget : float, optional
        The most seconds that one training may take there.
    full : bool
        The thorough study, not the one of about two minutes.
    """

    values: tuple[str, ...] = ()
    epochs: int | None = None
    seeds: int | None = None
    seconds: float | None = None
    budget: float | None = None
    full: bool = False

    def numbers(self, default: Sequence[float], least: float = 0.0) -> list[float]:
        """Return the values as numbers above `least`.

        Raises
        ------
        InputError
            Where one is no such number.
        """
        if not self.values:
            return list(default)
        numbers = []
        for text in self.values:
            try:
                number = float(text)
            except ValueError:
                number = float("nan")
            if not least < number < 1e9:
                raise InputError(
                    f"`values` has {text!r}",
                    f"numbers above {least:g}, with commas between them",
                    "write `values=[1, 10, 100]`",
                )
            numbers.append(number)
        return list(dict.fromkeys(numbers))

    def whole_numbers(self, default: Sequence[int]) -> list[int]:
        """Return the values as whole numbers of at least 1."""
        numbers = self.numbers(default)
        for number in numbers:
            if number != int(number):
                raise InputError(
                    f"`values` has {number:g}", "whole numbers", "write `values=[1, 10, 100]`"
                )
        return [int(number) for number in numbers]


@dataclass(frozen=True, eq=False)
class Subject(Job):
    """What is studied: a training, of which a study changes one thing after the other."""

    reload: Callable[[Recipe], Dataset] = field(kw_only=True)
    """Return the data as another recipe divides and normalises it."""

    @cached_property
    def facts(self) -> Values:
        """All that decides a trial's result beside what the trial says itself."""
        recipe = self.recipe.model_dump(mode="json", exclude=set(PLACE_OF_SEED))
        return {
            "network": self.network.to_dict(),
            "data": {"name": self.dataset.name, "fingerprint": self.dataset.fingerprint},
            "recipe": {**recipe, **self.compute.as_recipe()},
            "machine": describe(self.device),
        }

    @cached_property
    def digest(self) -> str:
        """Stands for the facts in the journal."""
        text = json.dumps(self.facts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


ATTEMPTS = 3
"""Most times that one trial is measured where other work takes the cores."""
AGAIN_SECONDS = 60.0
"""A trial that has taken longer than this is not measured again."""


class Bench:
    """Where a study's trials are done, each once.

    Parameters
    ----------
    study : str
        Its name.
    subject : Subject
        What is studied.
    options : Options
        How much.
    journal : Journal
        Where results are kept.
    interrupt : Interrupt
        Looked at after every training step.
    on_progress : callable
        Receives a line a trial.
    """

    def __init__(
        self,
        study: str,
        subject: Subject,
        options: Options,
        journal: Journal,
        interrupt: Interrupt,
        on_progress: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.study, self.subject, self.options = study, subject, options
        self.journal, self.interrupt, self.on_progress = journal, interrupt, on_progress
        self.planned = self.done = self.remembered = self.crowded = 0
        self._started = time.monotonic()

    def plan(self, trials: int) -> None:
        """Say that so many more trials will follow."""
        self.planned += trials

    def trial(self, name: str, what: Values, measure: Callable[[], Values]) -> Values:
        """Return a trial's result, measured now if it never was.

        Parameters
        ----------
        name : str
            For the reader.
        what : dict
            What the trial is, beside the subject; plain values.
        measure : callable
            Does it. A loss that is not finite is a result too: `{"failed": reason}`.

        Raises
        ------
        Interrupted
            Where a signal came; the trials before are kept.
        """
        key = {"study": self.study, **what, "subject": self.subject.digest}
        number = f"trial {self.done + 1} of {max(self.planned, self.done + 1)}, {name}"
        result = self.journal.find(key)
        if result is None or result.get("crowded"):
            stage(number)
            result = self._measured(measure)
            self._refuse_interrupted()
            self.journal.add(key, result)
            result = self.journal.find(key)
            assert result is not None
            self.on_progress(f"{number}: {_summary(result)}{self._left()}")
        else:
            self.remembered += 1
            self.on_progress(f"{number}: {_summary(result)} (kept from before)")
        self.done += 1
        self.crowded += bool(result.get("crowded"))
        return result

    def _measured(self, measure: Callable[[], Values]) -> Values:
        """Measure, and again where other work took the cores meanwhile; keep the least disturbed.

        Where that was too much in every attempt, the result is marked `crowded` and has the
        `waited_share`: how long threads were ready and had no core, as a share of the time.
        """
        began = time.monotonic()
        attempts: list[tuple[float, Values]] = []
        while len(attempts) < ATTEMPTS:
            if attempts:
                self.on_progress("other work took the cores meanwhile: measured again")
            started, waited = time.perf_counter(), waited_seconds()
            try:
                result = dict(measure())
            except Diverged as error:
                result = {"failed": error.what}
            share = (waited_seconds() - waited) / (time.perf_counter() - started)
            # a process of its own knows its own waiting
            share = float(result.pop("waited_share", share))
            attempts.append((share, result))
            if share <= CROWDED or "failed" in result or self.interrupt():
                break
            if time.monotonic() - began > AGAIN_SECONDS:
                break
        share, result = min(attempts, key=lambda attempt: attempt[0])
        if share > CROWDED and "failed" not in result:
            result |= {"crowded": True, "waited_share": round(share, 3)}
        return result

    def training(
        self,
        name: str,
        what: Values,
        *,
        recipe: Recipe,
        network: Network | None = None,
        dataset: Dataset | None = None,
        compute: ComputeSettings | None = None,
    ) -> Values:
        """Train once to the recipe's end, if that was never done, and return what came out.

        The accuracy is of the last epoch: nothing is chosen, so nothing is flattered.
        """
        what = {**what, "epochs": recipe.epochs, "seed": recipe.seed}

        def measure() -> Values:
            trial = self.begin(recipe, network=network, dataset=dataset, compute=compute)
            trial.go_on()
            self._refuse_interrupted()
            return outcome(trial)

        return self.trial(f"{name}, seed {recipe.seed}", what, measure)

    def begin(
        self,
        recipe: Recipe,
        *,
        network: Network | None = None,
        dataset: Dataset | None = None,
        compute: ComputeSettings | None = None,
    ) -> Trial:
        """Return a training that has not taken a step; by default with the parts of the subject."""
        job = replace(
            self.subject,
            network=network or self.subject.network,
            dataset=dataset or self.subject.dataset,
            recipe=recipe.changed({"patience": 0}),  # a study compares equal epochs or times
            compute=compute or self.subject.compute,
        )
        return Trial(job, self.interrupt)

    def _refuse_interrupted(self) -> None:
        if self.interrupt.signal_number is not None:
            raise Interrupted(
                f"stopped after {self.done} trials, which are kept",
                "to go on later",
                "give the same command again",
                self.interrupt.signal_number,
            )

    def _left(self) -> str:
        """Say how long the rest will take if it goes on like this."""
        fresh = self.done + 1 - self.remembered
        left = self.planned - self.done - 1
        seconds = (time.monotonic() - self._started) / fresh * left
        if left < 1 or seconds < 10:
            return ""
        left_text = f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"
        return f" (about {left_text} left)"


def outcome(trial: Trial) -> Values:
    """Return what a completed training came to, as plain values."""
    last = trial.epochs[-1]
    images = sum(event["images_per_second"] * event["train_seconds"] for event in trial.epochs)
    return {
        "updates": trial.updates,
        "train_seconds": round(trial.seconds, 4),
        "seconds_an_epoch": round(trial.seconds / len(trial.epochs), 4),
        "images_per_second": round(images / trial.seconds, 1),
        "train_loss": last["train_loss"],
        "validation_loss": last["validation_loss"],
        "validation_accuracy": last["validation_accuracy"],
    }


def _summary(result: Values) -> str:
    if "failed" in result:
        return str(result["failed"])
    text = []
    if result.get("crowded"):
        text.append("beside other work, so its times do not count")
    if isinstance(result.get("validation_accuracy"), float):
        text.append(f"validation accuracy {result['validation_accuracy']:.2%}")
    if isinstance(result.get("train_seconds"), float):
        text.append(f"{result['train_seconds']:.1f} s of training")
    return ", ".join(text) or "done"
