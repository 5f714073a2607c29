"""A small subject for studies: two convolutions, a few embedded digits, a fraction of a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from convlens.studies.journal import Journal
from convlens.studies.study import Bench, Options, Subject
from convlens.training.interrupt import Interrupt
from convlens.training.recipe import Recipe
from convlens.training.settling import settle
from recorded_runs import NETWORK, digits

RECIPE = Recipe(
    **{"epochs": 2, "batch_size": 40, "precision": "float32", "memory_format": "contiguous"},
    **{"threads": 1, "evaluation_batch": 100},
)


def subject(recipe: Recipe = RECIPE, network: Any = NETWORK) -> Subject:
    job = settle(network, digits(), recipe, "cpu")
    return Subject(**vars(job), reload=lambda recipe: digits())


def bench(folder: Path, study: str = "test", **options: Any) -> Bench:
    """A bench whose progress lines are kept in `lines`."""
    lines: list[str] = []
    found = Bench(study, subject(), Options(**options), Journal(folder), Interrupt(), lines.append)
    found.lines = lines  # type: ignore[attr-defined]
    return found
