"""What a training would do: everything settled as `train` settles it, nothing trained or written.

`train` begins with this. The time is estimated from the trial steps that settle how the network
computes fastest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from convlens import weights as weight_files
from convlens.api.adapting import adapted_to_data, recipe_for
from convlens.api.pretrained import begins_with, weights_for
from convlens.data.arrays import InMemory
from convlens.engines import check_engine
from convlens.foundation.errors import InputError
from convlens.foundation.machine import parse_size
from convlens.foundation.progress import shown
from convlens.network import Network
from convlens.runs import runs_root
from convlens.training.job import Job
from convlens.training.recipe import Recipe, suiting


@dataclass(frozen=True, eq=False)
class TrainingPlan(Job):
    """A training that was settled and not begun.

    Beside what is said here it has the parts of the training: `network`, `dataset`, `recipe`,
    `device`, `engine`, `weights` to start from, and `compute`, how it computes.
    """

    origins: dict[str, str] = field(kw_only=True)
    """Where each value of the recipe comes from: "default", a recipe, or who changed it."""
    folder: str = field(kw_only=True)
    """Where the run would be written."""
    notes: tuple[str, ...] = field(kw_only=True)
    """What was adapted, and what is worth knowing about the data."""

    @property
    def steps(self) -> int:
        """Steps of all epochs."""
        from convlens.training.batches import epoch_sizes

        return self.recipe.epochs * len(epoch_sizes(len(self.dataset.train), self.recipe))

    @property
    def seconds(self) -> float | None:
        """Estimated seconds of the steps, where trial steps were measured."""
        computing = f"{self.compute.precision} {self.compute.memory_format}"
        ms = (self.compute.measured_ms or {}).get(computing)
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
                f"{self.engine} on {self.device.type}: {self.compute}",
                f"weights {self.started_from or f'drawn by seed {self.recipe.seed}'}",
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
    weights: str | Path | None = None,
    pretrained: str | Path | None = None,
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
    network, data, recipe, device, engine, out, name, runs, weights, pretrained
        As `convlens.train` takes them.
    bad_images, input_shape, fit, memory, on_event, progress, settings
        As `convlens.train` takes them.
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
    if weights is not None and pretrained is not None:
        raise InputError(
            "both weights and a trained network to begin with were given",
            "one of them",
        )
    subject = None if weights else begins_with(data, network, recipe, pretrained, engine)
    if subject is not None:
        network = network or subject.network
        recipe = recipe or "photos"
    asked = recipe_for(recipe, data)
    settled_recipe = asked.changed(settings)
    adapted, dataset, notes = adapted_to_data(
        network,
        data,
        settled_recipe,
        None if subject is None else subject.preprocessing,
        bad_images=bad_images,
        input_shape=input_shape,
        fit=fit,
        memory=None if memory is None else parse_size(memory, "`memory`"),
        on_event=on_event,
    )
    images, batch_size = len(dataset.train), settled_recipe.batch_size
    if subject is not None and images < batch_size and "batch_size" not in settings:
        settled_recipe = settled_recipe.changed({"batch_size": max(2, images // 2)})
        notes.append(
            f"batches of {settled_recipe.batch_size}, since there are {images} images to train on"
        )
    start, started_from = None, None
    if weights is not None:
        started_from = str(weights)
        start = weight_files.read_weights(Path(weights), adapted.plan().weight_shapes())
        weight_files.check_finite(start, str(weights))
    elif subject is not None:
        started_from = subject.name
        start, note = weights_for(adapted, subject, settled_recipe.seed)
        notes.append(note)
    from convlens.interchange.onnx.inference import passes
    from convlens.training.settling import settle

    job = settle(adapted, dataset, settled_recipe, device, engine, start, passes())
    root = runs_root(None if runs is None else Path(runs))
    return TrainingPlan(
        **{**vars(job), "started_from": started_from},
        origins=_origins(asked, settled_recipe, _recipe_name(recipe, data), settings, changed_by),
        folder=str(out or root / (name or f"<date>-<time>-{adapted.name}")),
        notes=(*dataset.notes, *notes),
    )


def _recipe_name(recipe: str | Path | Recipe | None, data: str | Path | InMemory) -> str:
    return "that was passed" if isinstance(recipe, Recipe) else str(recipe or suiting(data))


def _origins(
    asked: Recipe, settled: Recipe, name: str, settings: dict[str, Any], changed_by: str
) -> dict[str, str]:
    """Say where each value of a recipe comes from; `asked` is what it was before `settings`."""
    defaults = Recipe()
    changed = {key.partition(".")[0] for key in settings}

    def origin(key: str) -> str:
        if key in changed:
            return changed_by
        return f"recipe {name}" if getattr(asked, key) != getattr(defaults, key) else "default"

    return {key: origin(key) for key in type(settled).model_fields}
