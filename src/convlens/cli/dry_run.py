"""`convlens train --dry-run`: the plan of a training as one JSON object."""

from __future__ import annotations

from typing import Any

from convlens.api.plan_training import TrainingPlan
from convlens.cli.shapes import table_json


def as_json(plan: TrainingPlan) -> dict[str, Any]:
    """Return the plan as one JSON object."""
    return {
        "dry_run": True,
        "network": table_json(plan.network.name, plan.network.plan()),
        "data": plan.dataset.to_json(),
        "recipe": plan.recipe.model_dump(mode="json"),
        "recipe_origins": plan.origins,
        "device": plan.device.type,
        "engine": plan.engine,
        "weights": plan.started_from,
        "computing": plan.compute.as_recipe(),
        "steps": plan.steps,
        "estimated_seconds": plan.seconds,
        "run": plan.folder,
        "notes": list(plan.notes),
    }
