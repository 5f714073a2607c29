"""What a notebook shows of a network, a run, an evaluation, a look and a prediction.

Each view is a small piece of HTML that needs nothing from elsewhere and no script. It takes the
colours of the notebook, light or dark; figures are drawn on white and stand on a white card.
Whatever comes from a file is escaped by jinja2.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from jinja2 import Environment
from markupsafe import Markup
from PIL import Image

from convlens.evaluation import Evaluation
from convlens.inside.feature_maps import FeatureMaps
from convlens.inside.look import Look
from convlens.network import Network
from convlens.network.plan import Plan
from convlens.report import numbers
from convlens.report.page import page_environment
from convlens.runs import Run

MOST_ROWS = 60
"""Most layers that a network's table shows."""
MOST_CLASSES = 40
"""Most classes whose confusion matrix is drawn."""
MOST_MISTAKES = 10
"""Most mistakes that an evaluation shows."""


def view(template: str, value: Any) -> str:
    """Return one object as HTML for a notebook.

    Parameters
    ----------
    template : str
        Name of a template of this package, such as "run".
    value : object
        What it shows.

    Examples
    --------
    >>> network = Network(input=[1, 8, 8], layers=[{"conv": 2, "kernel": 3}])
    >>> "conv1" in view("network", network)
    True
    """
    more = _MORE.get(template, lambda value: {})(value)
    return _environment().get_template(f"{template}.html.j2").render(value=value, **more)


@cache
def _environment() -> Environment:
    environment = page_environment("convlens.report.notebook")
    writers = (numbers.whole, numbers.percent, numbers.decimal, numbers.duration, numbers.shape)
    environment.filters |= {write.__name__: write for write in (*writers, numbers.text)}
    return environment


def _network(value: Network | Plan) -> dict[str, Any]:
    plan = value.plan() if isinstance(value, Network) else value
    return {"plan": plan, "steps": plan.steps[:MOST_ROWS]}


def _run(run: Run) -> dict[str, Any]:
    from convlens.report.run_figures import curves_svg

    epochs = run.history.epochs
    return {
        "status": run.status,
        "epochs": len(epochs),
        "curves": Markup(curves_svg(epochs)) if epochs else None,  # noqa: S704 - ours
    }


def _evaluation(evaluation: Evaluation) -> dict[str, Any]:
    from convlens.report.run_figures import confusion_svg

    drawn = len(evaluation.classes) <= MOST_CLASSES
    return {
        "confusion": Markup(confusion_svg(evaluation)) if drawn else None,  # noqa: S704 - ours
        "mistakes": evaluation.mistakes[:MOST_MISTAKES],
        "wrong": evaluation.images - round(evaluation.accuracy * evaluation.images),
    }


def _look(look: Look) -> dict[str, Any]:
    from convlens.figures.feature_maps import feature_maps_svg

    stacks = (layer for layer in look.layers if isinstance(layer, FeatureMaps))
    first = next((layer for layer in stacks if max(layer.shape[1:]) > 1), None)
    maps = None if first is None else Markup(feature_maps_svg(first, most=12))  # noqa: S704 - ours
    return {"picture": _png(look.pixels), "top": look.top(), "maps": maps, "first": first}


def _png(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> str:
    """Return an image (C, H, W) as a PNG in base64, one pixel per pixel."""
    file = io.BytesIO()
    picture = pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)
    Image.fromarray(np.ascontiguousarray(picture)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")


_MORE: dict[str, Callable[[Any], dict[str, Any]]] = {
    "network": _network,
    "run": _run,
    "evaluation": _evaluation,
    "look": _look,
}
"""What a template needs beside the object itself."""
