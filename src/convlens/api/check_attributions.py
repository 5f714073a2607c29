"""Measure which attribution methods to believe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from convlens.api.opening import Source, open_with_data
from convlens.data.arrays import InMemory
from convlens.foundation.progress import shown, stage
from convlens.foundation.spelling import renamed

if TYPE_CHECKING:
    from convlens.inside.reasons import Method
    from convlens.inside.verdict import AttributionChecks


@renamed(reference="run", root="runs")
@shown
def check_attributions(
    run: Source = "last",
    data: str | Path | InMemory | None = None,
    *,
    images: int = 20,
    methods: Sequence[Method] | None = None,
    seeds: int = 2,
    runs: str | Path | None = None,
    on_progress: Callable[[str], None] = stage,
    progress: bool | None = None,
) -> AttributionChecks:
    """Measure which attribution methods to believe on a run: see `inside.verdict.judge`.

    Parameters
    ----------
    run, runs, data
        The run, and its images: see `open_with_data`. They are of the validation split, because
        the test set is not for choosing, not even between methods.
    images, methods, seeds, on_progress
        See `convlens.inside.verdict.judge`.
    progress : bool, optional
        Show on stderr how far it is; by default on a terminal and in a notebook.

    Returns
    -------
    AttributionChecks
        `convlens.report.attribution_checks_page` makes a page of it.

    Raises
    ------
    InputError
        Where there are fewer than 2 images, or a method does not exist or cannot be used.
    RunError
        Where there is no such run, or it has no weights.
    DataError
        Where the data cannot be read, or has other classes than the run.
    """
    subject, dataset = open_with_data(run, runs, data)
    from convlens.inside import verdict

    return verdict.judge(
        subject,
        dataset.validation,
        images=images,
        methods=methods,
        seeds=seeds,
        on_progress=on_progress,
    )
