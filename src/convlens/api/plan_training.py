"""What a training would do: everything settled as `train` settles it, nothing trained or written.

The time is estimated from the trial steps that choose how the network computes fastest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convlens.api.adapting import adapted_to_data, recipe_for
from convlens.data import Dataset
from convlens.data.arrays import InMemory
from convlens.engines import check_engine
from convlens.foundation.machine import parse_size
from convlens.foundation.progress import shown
from convlens.network import Network
from convlens.runs import runs_root
from convlens.training import recipe as recipes
from convlens.training.recipe import Recipe

if TYPE_CHECKING:
    import torch

    from convlens.training.choices import Choice


@dataclass(frozen=True)
class TrainingPlan:
    """A training that was settled and not begun; `steps` are of all epochs."""

    network: Network
    dataset: Dataset
    recipe: Recipe
    origins: dict[str, str]
    """Where each value of the recipe comes from: "default", a recipe, or who changed it."""
    device: torch.device
    choice: Choice
    engine: str
    folder: str
    notes: tuple[str, ...]
    steps: int

    @property
    def seconds(self) -> float | None:
        """Estimated seconds of the steps, where trial steps were measured."""
        computing = f"{self.choice.precision} {self.choice.memory_format}"
        ms = (self.choice.measured_ms or {}).get(computing)
        return None if ms is None else self.steps * ms / 1000

    def __str__(self) -> str:
        """Return the plan as lines to read."""
        parts = (len(self.dataset.part(name)) for name in ("train", "validation", "test"))
        train, validation, test = parts
        values = self.recipe.model_dump(exclude={"augmentation"})
        values |= {
            "augmentation": self.recipe.augmentation.model_dump(exclude_defaults=True) or "none"
        }
        estimate = "not estimated" if self.seconds is None else f"about {self.seconds:,.0f} s"
        return "\n".join(
            [
                f"network {self.network.name}",
                str(self.network.plan()),
                "",
                f"data {self.dataset.name}: {train:,} images to train on, {validation:,} to "
                f"validate on, {test:,} to test on, {len(self.dataset.classes)} classes",
                *self.notes,
                "",
                "recipe",
                *(f"  {key} = {values[key]}  ({origin})" for key, origin in self.origins.items()),
                "",
                f"{self.engine} on {self.device.type}: {self.choice}",
                f"{self.steps:,} steps, {estimate} of training steps, validation not counted",
                f"run {self.folder}",
                "a dry run: nothing was trained, and no run was written",
            ]
        )


@shown
def plan_training(
    network: str | Path | Network | None = None,
    data: str | Path | InMemory = "digits-5k",
    *,
    recipe: str | Path | Recipe | None = None,
    device: str = "auto",
    engine: str = "torch",
    out: str | Path | None = None,
    name: str | None = None,
    runs: str | Path | None = None,
    bad_images: str = "fail",
    input_shape: tuple[int, int, int] | None = None,
    fit: str | None = None,
    memory: str | None = None,
    on_event: Callable[[dict[str, Any]], None] = lambda event: None,
    progress: bool | None = None,
    changed_by: str = "this call",
    **settings: Any,
) -> TrainingPlan:
    """Settle a training as `convlens.train` does, and stop before anything is written.

    Parameters
    ----------
    network, data, recipe, device, engine, out, name, runs, bad_images, input_shape, fit, memory
        As `convlens.train` takes them; `on_event`, `progress` and `settings` too.
    changed_by : str
        What `TrainingPlan.origins` says of the values in `settings`.

    Returns
    -------
    TrainingPlan
        `print(plan)` shows all of it.

    Raises
    ------
    ConvlensError
        Whatever would stop the training before its first step.
    """
    check_engine(engine, trains=True)
    before = recipe_for(recipe, data)
    chosen = before.changed(settings)
    reading = {
        "bad_images": bad_images,
        "input_shape": input_shape,
        "fit": fit,
        "memory": None if memory is None else parse_size(memory, "--memory"),
        "on_event": on_event,
    }
    adapted, dataset, notes = adapted_to_data(network, data, chosen, **reading)
    from convlens.training import session
    from convlens.training.batches import epoch_sizes

    target, choice = session.prepare(adapted, dataset, chosen, device, engine)
    root = runs_root(None if runs is None else Path(runs))
    return TrainingPlan(
        adapted,
        dataset,
        chosen,
        _origins(before, chosen, _recipe_name(recipe, data), settings, changed_by),
        target,
        choice,
        engine,
        str(out or root / (name or f"<date>-<time>-{adapted.name}")),
        (*dataset.notes, *notes),
        chosen.epochs * len(epoch_sizes(len(dataset.train), chosen)),
    )


def _recipe_name(recipe: str | Path | Recipe | None, data: str | Path | InMemory) -> str:
    if isinstance(recipe, Recipe):
        return "that was passed"
    source = data.source if isinstance(data, Dataset) else data
    return str(recipe or recipes.suiting(source if isinstance(source, str | Path) else ""))


def _origins(
    before: Recipe, chosen: Recipe, name: str, settings: dict[str, Any], changed_by: str
) -> dict[str, str]:
    """Say where each value comes from."""
    fresh = Recipe()
    changed = {key.partition(".")[0] for key in settings}

    def origin(key: str) -> str:
        if key in changed:
            return changed_by
        return f"recipe {name}" if getattr(before, key) != getattr(fresh, key) else "default"

    return {key: origin(key) for key in type(chosen).model_fields}
