"""What a training would do: everything settled as `train` settles it, nothing trained or written.

The time is estimated from the trial steps that choose how the network computes fastest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convlens import workflow
from convlens.cli.shapes import table_json
from convlens.data import Dataset
from convlens.network import Network
from convlens.runs import runs_root
from convlens.training import recipe as recipes
from convlens.training.recipe import Recipe

if TYPE_CHECKING:
    import torch

    from convlens.training.choices import Choice


@dataclass(frozen=True)
class Plan:
    """A training that was settled and not begun; `steps` are of all epochs."""

    network: Network
    dataset: Dataset
    recipe: Recipe
    origins: dict[str, str]
    """Where each value of the recipe comes from: "default", a recipe, or "command line"."""
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


def settle(
    network: str | None,
    data: str,
    recipe: str | None,
    device: str,
    engine: str,
    folder: str,
    reading: dict[str, Any],
    settings: dict[str, Any],
) -> Plan:
    """Settle a training as `convlens.train` does, and stop before anything is written.

    Raises
    ------
    ConvlensError
        Whatever would stop the training before its first step.
    """
    chosen = workflow.recipe_for(recipe, data).changed(settings)
    fitted, dataset, notes = workflow.fitted(network, data, chosen, **reading)
    from convlens.training import session
    from convlens.training.batches import epoch_sizes

    target, choice = session.prepare(fitted, dataset, chosen, device, engine)
    return Plan(
        fitted,
        dataset,
        chosen,
        _origins(chosen, recipe or recipes.suiting(data), settings),
        target,
        choice,
        engine,
        folder or str(runs_root() / f"<date>-<time>-{fitted.name}"),
        (*dataset.notes, *notes),
        chosen.epochs * len(epoch_sizes(len(dataset.train), chosen)),
    )


def as_json(plan: Plan) -> dict[str, Any]:
    """Return the plan as one JSON object."""
    return {
        "dry_run": True,
        "network": table_json(plan.network.name, plan.network.table()),
        "data": plan.dataset.to_json(),
        "recipe": plan.recipe.model_dump(mode="json"),
        "recipe_origins": plan.origins,
        "device": plan.device.type,
        "engine": plan.engine,
        "computing": plan.choice.settled(),
        "steps": plan.steps,
        "estimated_seconds": plan.seconds,
        "run": plan.folder,
        "notes": list(plan.notes),
    }


def text(plan: Plan) -> str:
    """Return the plan as lines to read."""
    parts = (len(plan.dataset.part(name)) for name in ("train", "validation", "test"))
    train, validation, test = parts
    values = plan.recipe.model_dump(exclude={"augmentation"})
    values |= {"augmentation": plan.recipe.augmentation.model_dump(exclude_defaults=True) or "none"}
    estimate = "not estimated" if plan.seconds is None else f"about {plan.seconds:,.0f} s"
    return "\n".join(
        [
            f"network {plan.network.name}",
            str(plan.network.table()),
            "",
            f"data {plan.dataset.name}: {train:,} images to train on, {validation:,} to validate "
            f"on, {test:,} to test on, {len(plan.dataset.classes)} classes",
            *plan.notes,
            "",
            "recipe",
            *(f"  {key} = {values[key]}  ({origin})" for key, origin in plan.origins.items()),
            "",
            f"{plan.engine} on {plan.device.type}: {plan.choice}",
            f"{plan.steps:,} steps, {estimate} of training steps, validation not counted",
            f"run {plan.folder}",
            "a dry run: nothing was trained, and no run was written",
        ]
    )


def _origins(chosen: Recipe, name: str, settings: dict[str, Any]) -> dict[str, str]:
    """Say where each value comes from."""
    before, fresh = recipes.load(name), Recipe()
    changed = {key.partition(".")[0] for key in settings}

    def origin(key: str) -> str:
        if key in changed:
            return "command line"
        return f"recipe {name}" if getattr(before, key) != getattr(fresh, key) else "default"

    return {key: origin(key) for key in type(chosen).model_fields}
