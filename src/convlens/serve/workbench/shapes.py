"""The table of a network that is being edited, or where it does not fit and what would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from convlens.foundation.errors import NetworkError
from convlens.network.misfit import Misfit
from convlens.network.mistakes import NetworkMistakes, Path
from convlens.serve import schemas
from convlens.serve.http.limits import Limits
from convlens.serve.http.problems import Problem, wrong
from convlens.serve.models import describe
from convlens.serve.workbench.trainings import network_limits, read_network


def shapes_of(asked: Mapping[str, Any], limits: Limits) -> schemas.Shapes:
    """Return the plan of the network in a request.

    Raises
    ------
    Problem
        422 with the words of `convlens shapes`. Its `at` says where the layer stands that is at
        fault, `[3, "residual", 1]` being the second layer of the block that is the fourth one;
        `layer` is the first of these, `table` has the steps before it, and `mistakes` lists all
        mistakes of the network.
    """
    written = asked.get("network")
    rounding = asked.get("rounding")
    if rounding not in (None, "strict", "floor"):
        raise wrong("rounding", "the rounding is not known", "strict or floor")
    try:
        network = read_network(written, limits)
        if rounding:
            network = network.model_copy(update={"rounding": rounding})
        plan = network.plan(limits=network_limits(limits))
    except Misfit as error:
        # steps are read by name, which is not clear where two layers share one
        clear = error.mistake.kind != "names"
        steps = describe.layer_steps(error.plan) if clear else []
        raise _problem(error, _layer_at(error.mistake.at), steps) from None
    except NetworkMistakes as error:
        places = (_layer_at(mistake.at) for mistake in error.mistakes)
        raise _problem(error, next((at for at in places if at), []), []) from None
    except NetworkError as error:
        raise _problem(error, [], []) from None
    return describe.shapes(network, plan)


def _problem(error: NetworkError, at: schemas.Place, steps: list[schemas.Step]) -> Problem:
    # the message of a misfit ends with the table as text, which is sent as data
    message = error.mistake.message if isinstance(error, Misfit) else error.what
    about: schemas.ErrorDetails = {
        "layer": at[0] if at else None,
        "at": at,
        "table": steps,
        "field": "network",
    }
    if isinstance(error, NetworkMistakes):
        mistakes = [mistake.to_dict() for mistake in error.mistakes]
        about["mistakes"] = cast(list[schemas.Mistake], mistakes)
    return Problem(422, "bad_network", message, error.expected, error.fix, more=about)


def _layer_at(at: Path) -> schemas.Place:
    """Return a place as the page knows it: from the list of layers on, down to a layer."""
    inside = list(at[1:]) if at[:1] == ("layers",) else []
    while inside and not isinstance(inside[-1], int):
        inside.pop()
    return inside
