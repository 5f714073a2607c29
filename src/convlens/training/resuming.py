"""What a run must have in common with the machine that resumes it, and what may differ.

The rule stands in `docs/decisions/0018-what-resuming-refuses.md`: refused is what would make it
another training, and said is what may change its last bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import torch

from convlens.engines.device import choose_device, describe, describe_engine, supports_bfloat16
from convlens.foundation.errors import RunError
from convlens.training.recipe import Recipe

NAMED = ("torch", "keras", "tensorflow", "jax", "device", "processor", "threads")
"""What the environment records that may change results in their last bits."""


def refuse_diverged(state: str, folder: object) -> None:
    """Raise `RunError` for a run that cannot be resumed because of how it ended."""
    if state == "diverged":
        raise RunError(
            f"{folder} diverged: going on from it would diverge again",
            "a run that was interrupted",
            "train anew with a lower learning rate",
        )


def refuse_other_precision(folder: object, recipe: Recipe, device_name: str) -> None:
    """Raise `RunError` where the run's number format is not to be had on the device asked for."""
    device = choose_device(device_name)
    if recipe.precision == "bfloat16" and not supports_bfloat16(device):
        raise RunError(
            f"{folder} was trained in bfloat16, which this {device.type} does not support",
            "the number format that the training began with",
            "resume it on a device that has it, or start a new run",
        )


def changes_since(environment: Mapping[str, Any], device: torch.device) -> list[str]:
    """Return what differs between the machine now and when the run began; it still goes on.

    Parameters
    ----------
    environment : mapping
        What the run's environment.json says; what it does not name is not compared.
    device : torch.device
        Where the run is resumed.

    Returns
    -------
    list of str
        One message for each difference.
    """
    now = {**describe(device), **describe_engine(str(environment.get("engine", "torch")))}
    before = {key: environment[key] for key in NAMED if key in environment}
    messages = [
        f"{key} was {value}, now {now[key]}: results may differ in the last bits"
        for key, value in before.items()
        if key in now and value != now[key]
    ]
    version_before, version_now = environment.get("convlens"), version("convlens")
    if version_before not in (None, version_now):
        messages.append(
            f"convlens was {version_before}, now {version_now}: the rest may be trained differently"
        )
    return messages
