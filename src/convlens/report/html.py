"""One run as one HTML file: no script, no other host, nothing to install to read it.

Everything in a run folder is untrusted text. jinja2 escapes it all; the only markup let
through unescaped is the SVG that `figures` draws, which escapes its own text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from convlens.evaluation import Evaluation
from convlens.report import numbers
from convlens.report.page import page_environment
from convlens.report.run_figures import confusion_svg, curves_svg, reliability_svg
from convlens.report.sentences import preparation, split_words

CONFUSED = 8
"""How many of the most frequent mistakes are put into words."""


@dataclass(frozen=True)
class ReportInput:
    """What a report is made of, as the run folder has it.

    Parameters
    ----------
    name : str
        What the run is called.
    status : dict
        `status.json`: `state` ("finished", "interrupted", "diverged", "failed", "running"),
        `epoch`, `best_epoch`, `train_seconds`, `message`, ...
    network_rows : list of dict
        One per layer: `name`, `name_in_block`, `kind`, `depth`, `output`, `parameters`,
        `multiply_adds`, `receptive_field`.
    network_totals : dict
        `parameters`, `multiply_adds`, `activation_bytes`.
    network_text : str
        `network.toml`.
    recipe, data, environment : dict
        As stored.
    epochs : list of dict
        The `epoch` events of `metrics.jsonl`.
    evaluation : Evaluation or None
        On the test set; None where the run did not get that far.
    command : str
        What to type to run it again.
    """

    name: str
    status: dict[str, Any]
    network_rows: list[dict[str, Any]]
    network_totals: dict[str, Any]
    network_text: str
    recipe: dict[str, Any]
    data: dict[str, Any]
    environment: dict[str, Any]
    epochs: list[dict[str, Any]]
    evaluation: Evaluation | None
    command: str


HEADLINES = {
    "interrupted": "This run was interrupted.",
    "diverged": "This run diverged: its loss stopped being a finite number.",
    "failed": "This run failed.",
    "running": "This run is not finished.",
}


def render(run: ReportInput) -> str:
    """Return the report as one self-contained HTML document."""
    evaluation = run.evaluation
    return (
        _environment()
        .get_template("template.html.j2")
        .render(
            run=run,
            status=run.status,
            evaluation=evaluation,
            headline=_headline(run),
            curves=_curves(run),
            augmented=_augmented(run.recipe),
            confusion=evaluation and Markup(confusion_svg(evaluation)),  # noqa: S704
            confused=list(_most_confused(evaluation)) if evaluation else [],
            reliability=evaluation and Markup(reliability_svg(evaluation)),  # noqa: S704
            leaning=_leaning(evaluation) if evaluation else "",
            recipe_facts=list(_facts(run.recipe)),
            environment_facts=list(_facts(run.environment)),
        )
    )


def _environment() -> Environment:
    environment = page_environment()
    counts = (numbers.whole, numbers.short, numbers.percent, numbers.decimal)
    others = (numbers.text, numbers.shape, numbers.size, numbers.duration, numbers.moment)
    environment.filters |= {write.__name__: write for write in (*counts, *others)}
    environment.filters |= {"preparation": preparation, "split_words": split_words}
    environment.filters["unbroken"] = numbers.unbroken
    return environment


def _facts(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield readable names and values; a table inside a table is opened."""
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from ((f"{_words(key)}: {name}", shown) for name, shown in _facts(value))
        else:
            yield _words(key), numbers.text(value)


def _augmented(recipe: Mapping[str, Any]) -> bool:
    """Say whether a recipe changes its training images at random."""
    settings = recipe.get("augmentation")
    # "padding" only says how a crop is filled
    return isinstance(settings, Mapping) and any(v for k, v in settings.items() if k != "padding")


def _words(key: object) -> str:
    return str(key).replace("_", " ")


def _headline(run: ReportInput) -> str:
    """Return what a reader must know before any number, or an empty string."""
    state = run.status.get("state")
    if state == "finished":
        return "" if run.evaluation else "This run has not been measured on its test set."
    return HEADLINES.get(str(state), "It is not known how this run ended.")


def _curves(run: ReportInput) -> dict[str, Markup]:
    if not run.epochs:
        return {}
    stacked = curves_svg(run.epochs, stacked=True)
    # both are in the page; a media query shows the one that fits
    return {"wide": Markup(curves_svg(run.epochs)), "narrow": Markup(stacked)}  # noqa: S704


def _most_confused(evaluation: Evaluation) -> Iterator[tuple[str, str, int, int]]:
    """Yield (true class, predicted class, times, images of the true class), most times first."""
    cells = [
        (count, row, column)
        for row, counts in enumerate(evaluation.confusion)
        for column, count in enumerate(counts)
        if count and row != column
    ]
    names = evaluation.classes
    for count, row, column in sorted(cells, key=lambda cell: -cell[0])[:CONFUSED]:
        yield names[row], names[column], count, sum(evaluation.confusion[row])


def _leaning(evaluation: Evaluation) -> str:
    """Say on which side the probabilities err, all images together."""
    bins = evaluation.calibration.bins
    confidence = sum(b.images * (b.confidence or 0.0) for b in bins) / evaluation.images
    gap = confidence - evaluation.accuracy
    if abs(gap) < 0.005:
        return "Taken together it is as sure as it is right."
    side = "surer than it is right" if gap > 0 else "right more often than it is sure"
    return (
        f"Taken together it is {side}: it gives {numbers.percent(confidence, 1)} "
        f"on average and is right in {numbers.percent(evaluation.accuracy, 1)}."
    )
