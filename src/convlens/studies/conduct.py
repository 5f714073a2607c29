"""One study from beginning to end: its subject, its trials, its folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from convlens.api.adapting import adapted_to_data, recipe_for
from convlens.api.report import command_line
from convlens.data import Dataset
from convlens.foundation import atomic
from convlens.foundation.errors import InputError, nearest
from convlens.network import Network
from convlens.report.folder import write_page
from convlens.runs import lock
from convlens.studies import STUDIES, page
from convlens.studies.findings import Findings
from convlens.studies.journal import Journal
from convlens.studies.study import Bench, Options, Subject
from convlens.training.interrupt import Interrupt
from convlens.training.recipe import Recipe
from convlens.training.settling import settle

SMALL_SET = 20_000
HELD_OUT = 0.25
"""Share of a small set's training images that is held out: enough for a validation accuracy to
have a meaning."""
_HINT = (
    "This is the quick study: few epochs and seeds, so that it ends within minutes. `full=True` "
    "takes more epochs, seeds and values; `epochs`, `seeds` and `values` choose in between. "
    "Trainings that were done are not done again."
)


@dataclass(frozen=True)
class Done:
    """A study that has ended."""

    name: str
    subject: Subject
    findings: Findings
    folder: Path
    files: tuple[str, ...]
    remembered: int
    """Trials that were done before."""
    hint: str
    """What to do for a longer study; empty where there is nothing to add."""


def run(
    name: str,
    *,
    network: str | Path | Network | None = None,
    data: str | Path = "digits-5k",
    recipe: str | Path | Recipe | None = None,
    changes: dict[str, Any] | None = None,
    device: str = "auto",
    options: Options | None = None,
    out: Path | None = None,
    on_progress: Callable[[str], None] = lambda line: None,
) -> Done:
    """Do a study, or go on with it, and write its folder.

    Parameters
    ----------
    name : str
        One of `STUDIES`.
    network, data, device
        As for `convlens.train`.
    recipe : str, Path or Recipe, optional
        By default "default", without augmentation, and for an ablation the one that suits the
        data.
    changes : dict, optional
        Values of the recipe to change.
    options : Options, optional
        How much to do.
    out : Path, optional
        The study's folder; by default `study-<name>-<network>-<data>`.
    on_progress : callable
        Receives a line a trial.

    Raises
    ------
    Interrupted
        After a signal; the same call goes on.
    ConvlensError
        What is wrong with the input, before anything is trained.
    """
    if name not in STUDIES:
        raise InputError(
            f'there is no study "{name}"{nearest(name, STUDIES)}',
            "one of " + ", ".join(STUDIES),
        )
    options = options or Options()
    subject = subject_of(name, network, data, recipe, changes or {}, device)
    folder = out or Path(f"study-{name}-{subject.network.name}-{subject.dataset.name}")
    study: Callable[[Bench], Findings] = import_module(
        f"convlens.studies.{name.replace('-', '_')}"
    ).study
    atomic.write_folder(folder, {})  # that it can be written is known before the first trial
    held = lock.acquire(folder)
    try:
        with Interrupt() as interrupt:
            bench = Bench(name, subject, options, Journal(folder), interrupt, on_progress)
            findings = with_warning(study(bench), bench)
        hint = "" if options.full or name == "ablation" else _HINT
        texts = page.files(name, subject, findings, command_line(), hint)
        written = write_page(folder, texts)
    finally:
        held.release()
    return Done(name, subject, findings, folder, tuple(written), bench.remembered, hint)


def with_warning(findings: Findings, bench: Bench) -> Findings:
    """Say in words and in numbers where times were measured beside other work."""
    counts = {"trials": bench.done, "trials_beside_other_work": bench.crowded}
    results = {**findings.results, **counts}
    if not bench.crowded:
        return replace(findings, results=results)
    warning = (
        f"Do not rely on the times: {bench.crowded} of {bench.done} trainings were measured while "
        "other work took the cores, also when they were measured again. Give the same command "
        "again on an idle machine: only those are repeated."
    )
    return replace(
        findings,
        sentence=f"{warning} {findings.sentence}",
        results={**results, "times_are_reliable": False},
    )


def subject_of(
    name: str,
    network: str | Path | Network | None,
    data: str | Path,
    recipe: str | Path | Recipe | None,
    changes: dict[str, Any],
    device: str,
) -> Subject:
    """Return the subject of a study: network, data and recipe that fit together, and the device."""
    if recipe is None and name != "ablation":
        recipe = "default"
    chosen = recipe_for(recipe, data).changed(changes)
    fitted, dataset, _ = adapted_to_data(network, str(data), chosen)
    small = len(dataset.train) + len(dataset.validation) < SMALL_SET
    if small and chosen.validation < HELD_OUT and "validation" not in changes:
        chosen = chosen.changed({"validation": HELD_OUT})
        fitted, dataset, _ = adapted_to_data(network, str(data), chosen)

    def reload(other: Recipe) -> Dataset:
        return adapted_to_data(fitted, str(data), other)[1]

    return Subject(**vars(settle(fitted, dataset, chosen, device)), reload=reload)
