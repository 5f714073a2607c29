"""What the page must know of a network and of a run, as plain JSON values."""

from __future__ import annotations

from typing import Any, cast

from convlens.foundation.atomic import finite
from convlens.foundation.errors import ConvlensError
from convlens.inside.reasons import possible_methods
from convlens.network import Network
from convlens.network.arithmetic import Window
from convlens.network.layers import AvgPool, Convolution, GroupNorm, Moving, Pointwise, Sliding
from convlens.network.plan import Plan, Step
from convlens.runs import Run
from convlens.serve import schemas
from convlens.training import recipe as recipes

MAX_EVENTS = 2_000
"""Epochs that one answer holds."""

_NEEDED = schemas.EpochEvent.__required_keys__
"""What an epoch has to say to be drawn."""


def layer_steps(plan: Plan) -> list[schemas.Step]:
    """Return the steps of a plan, with all that drawing a window needs.

    `source` names the layers whose outputs a layer reads, None being the image; `window` holds
    `[kernel, stride, before, after, dilation]` along rows and along columns, with "same" padding
    worked out.
    """
    return [_step(step, list(plan.sources(step.name))) for step in plan.steps]


def _step(step: Step, source: list[str | None]) -> schemas.Step:
    layer = step.layer
    vertical, horizontal = step.receptive_field
    described: schemas.Step = {
        "name": step.name,
        "kind": step.kind,
        "settings": layer.settings(),
        "depth": step.depth,
        "block": step.block,
        "branch": step.branch,
        "input": list(step.input),
        "output": list(step.output),
        "parameters": step.parameters,
        "multiply_adds": step.multiply_adds,
        "receptive_field": (vertical.size, horizontal.size),
        "jump": (vertical.jump, horizontal.jump),
        "offset": (vertical.offset, horizontal.offset),
        "dropped": step.dropped,
        "source": source,
        "parameters_of": {
            name: list(shape)
            for name, shape in (layer.weights(step.input) | layer.buffers(step.input)).items()
        },
    }
    if isinstance(layer, Sliding):
        down, across = layer.windows(step.input)
        described["window"] = (_slide(down), _slide(across))
    if isinstance(layer, Moving):
        described["origins"] = layer.origins(step.input)
    if isinstance(layer, AvgPool) and layer.count_padding:
        described["counted"] = layer.counted(step.input)
    if isinstance(layer, GroupNorm):
        described["groups"] = layer.groups
    if isinstance(layer, Convolution):
        described["groups"] = layer.sizes(step.input[0])[1]
    if isinstance(layer, Pointwise) and (constants := layer.constants()):
        described["constants"] = constants
    return described


def _slide(axis: Window) -> schemas.Slide:
    return axis.kernel, axis.stride, axis.before, axis.after, axis.dilation


def written(network: Network) -> schemas.WrittenNetwork:
    """Return a network as it is written."""
    return cast(schemas.WrittenNetwork, network.to_dict())


def shapes(network: Network, plan: Plan) -> schemas.Shapes:
    """Return a network and its plan."""
    return {
        "layers": layer_steps(plan),
        "parameters": plan.parameters,
        "multiply_adds": plan.multiply_adds,
        "network": written(network),
    }


def run_facts(run: Run, network: Network) -> schemas.RunFacts:
    """Return all that a run says about itself, but for its weights and its images.

    Raises
    ------
    RunError
        Where its files are damaged.
    """
    plan = network.plan()
    data = run.data
    return {
        "name": run.name,
        **shapes(network, plan),
        "classes": data["classes"],
        "preprocessing": data["preprocessing"],
        "data": {"name": data["name"]},
        "recipe": _recipe(run),
        "status": status(run),
        "tested": _tested(run),
        "has_samples": has_samples(run),
        "attributions": list(possible_methods(plan)),
    }


def summary(run: Run, network: Network, *, default: bool) -> schemas.ModelSummary:
    """Return a run as one line of the list of models."""
    facts = run.status
    return {
        "name": run.name,
        "network": network.name,
        "input": network.input,
        "classes": len(run.data["classes"]),
        "state": facts.get("state") or "unknown",
        "test_accuracy": finite(facts.get("test_accuracy")),
        "default": default,
    }


def status(run: Run) -> schemas.RunStatus:
    """Return what status.json says, without what is about this machine."""
    known = schemas.RunStatus.__annotations__
    facts = {key: finite(value) for key, value in run.status.items() if key in known}
    return cast(schemas.RunStatus, facts)


def _tested(run: Run) -> schemas.Tested | None:
    """Return what the test at the end of the training gave; None where there was none."""
    evaluation = run.evaluation
    if evaluation is None or evaluation.get("split") != "test":
        return None
    match evaluation.get("interval"):
        case [float(low), float(high)]:
            accuracy, images = float(evaluation["accuracy"]), int(evaluation["images"])
            return {"images": images, "accuracy": accuracy, "interval": (low, high)}
    return None


def has_samples(run: Run) -> bool:
    """Say whether the run knows where images of its own come from."""
    return bool(run.data.get("source"))


def _recipe(run: Run) -> dict[str, Any]:
    """Return the recipe; a model that was imported has none."""
    try:
        if not run.recipe:  # an empty file is not the default recipe: nothing was trained here
            return {}
        recipe = recipes.parse(run.recipe_text, "recipe.toml")
    except ConvlensError:
        return {}
    return recipe.model_dump(mode="json")


def epochs_after(run: Run, line: int) -> tuple[list[schemas.EpochEvent], int]:
    """Return the epoch events of metrics.jsonl from a line on, and the line to go on from.

    Parameters
    ----------
    run : Run
        Whose; it may be training.
    line : int
        Lines that were read before; all are returned where there are fewer by now.

    Raises
    ------
    RunError
        The file is not the one that the manifest lists.
    """
    epochs: list[schemas.EpochEvent] = []
    for number, event in run.numbered_events(line):
        line = number
        if event is not None and event["event"] == "epoch" and event.keys() >= _NEEDED:
            known = schemas.EpochEvent.__annotations__
            shown = {key: value for key, value in event.items() if key in known}
            epochs.append(cast(schemas.EpochEvent, shown))
            if len(epochs) == MAX_EVENTS:
                break
    return epochs, line
