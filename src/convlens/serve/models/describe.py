"""What the page must know of a network and of a run, as plain JSON values."""

from __future__ import annotations

from typing import Any

from convlens.foundation.atomic import finite
from convlens.foundation.errors import ConvlensError
from convlens.inside.reasons import possible_methods
from convlens.network import Network
from convlens.network.layers import BatchNorm, Conv, Depthwise, LeakyReLU, Sliding
from convlens.network.plan import Plan, Step
from convlens.runs import Run
from convlens.training import recipe as recipes

MAX_EVENTS = 2_000
"""Epochs that one answer holds."""


def layer_rows(network: Network, table: Plan | None = None) -> list[dict[str, Any]]:
    """Return the table of a network, a row a layer, with all that drawing a window needs.

    `source` names the layers whose outputs a layer reads, None being the image; `window` holds
    `[kernel, stride, before, after, dilation]` along rows and along columns, with "same" padding
    worked out.
    """
    table = table or network.plan()
    return [_step(step, list(table.sources(step.name))) for step in table.steps]


def _step(step: Step, source: list[str | None]) -> dict[str, Any]:
    layer = step.layer
    told: dict[str, Any] = {
        "name": step.name,
        "kind": step.kind,
        "settings": layer.settings(),
        "depth": step.depth,
        "input": list(step.input),
        "output": list(step.output),
        "parameters": step.parameters,
        "multiply_adds": step.multiply_adds,
        "receptive_field": [axis.size for axis in step.receptive_field],
        "jump": [axis.jump for axis in step.receptive_field],
        "offset": [axis.offset for axis in step.receptive_field],
        "dropped": list(step.dropped),
        "source": source,
        "parameters_of": {
            name: list(shape)
            for name, shape in (layer.weights(step.input) | layer.buffers(step.input)).items()
        },
    }
    if isinstance(layer, Sliding):
        told["window"] = [
            [axis.kernel, axis.stride, axis.before, axis.after, axis.dilation]
            for axis in layer.windows(step.input)
        ]
    if isinstance(layer, Conv):
        told["groups"] = layer.groups
    elif isinstance(layer, Depthwise):
        told["groups"] = step.input[0]
    elif isinstance(layer, LeakyReLU):
        told["constants"] = {"slope": layer.slope}
    elif isinstance(layer, BatchNorm):
        told["constants"] = {"epsilon": layer.epsilon}
    return told


def shapes(network: Network, table: Plan) -> dict[str, Any]:
    """Return a network and its table."""
    return {
        "layers": layer_rows(network, table),
        "parameters": table.parameters,
        "multiply_adds": table.multiply_adds,
        "network": network.to_dict(),
    }


def run_facts(run: Run, network: Network) -> dict[str, Any]:
    """Return all that a run says about itself, but for its weights and its images.

    Raises
    ------
    RunError
        Where its files are damaged.
    """
    table = network.plan()
    data = run.data
    told: dict[str, Any] = {
        "name": run.name,
        "network": network.to_dict(),
        "layers": layer_rows(network),
        "classes": [str(name) for name in data.get("classes", [])],
        "preprocessing": data.get("preprocessing"),
        "data": {"name": str(data.get("name", ""))},
        "recipe": _recipe(run),
        "status": status(run),
        "parameters": table.parameters,
        "multiply_adds": table.multiply_adds,
        "has_samples": has_samples(run),
        "attributions": list(possible_methods(network.plan())),
    }
    return dict(finite(told))


def summary(run: Run, network: Network, *, default: bool) -> dict[str, Any]:
    """Return a run as one line of the list of models."""
    facts = run.status
    return {
        "name": run.name,
        "network": network.name,
        "input": list(network.input),
        "classes": len(run.data.get("classes", [])),
        "state": str(facts.get("state", "unknown")),
        "test_accuracy": finite(facts.get("test_accuracy")),
        "default": default,
    }


def status(run: Run) -> dict[str, Any]:
    """Return what status.json says, without what is about this machine."""
    return {key: finite(value) for key, value in run.status.items() if key != "pid"}


def has_samples(run: Run) -> bool:
    """Say whether the run knows where images of its own come from."""
    return bool(run.data.get("source"))


def _recipe(run: Run) -> dict[str, Any]:
    """Return the recipe; a model that was imported has none."""
    try:
        return recipes.parse(run.recipe_text, "recipe.toml").model_dump(mode="json")
    except ConvlensError:
        return {}


def epochs_after(run: Run, line: int) -> tuple[list[dict[str, Any]], int]:
    """Return the epoch events of metrics.jsonl from a line on, and the line to go on from.

    Parameters
    ----------
    run : Run
        Whose; it may be training.
    line : int
        Lines that were read before.

    Raises
    ------
    RunError
        The file is not the one that the manifest lists.
    """
    epochs: list[dict[str, Any]] = []
    for number, event in run.numbered_events(line):
        line = number
        if event is not None and event["event"] == "epoch":
            epochs.append(event)
            if len(epochs) == MAX_EVENTS:
                break
    return epochs, line
