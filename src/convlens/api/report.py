"""Write a run's report into its folder."""

from __future__ import annotations

import sys
from pathlib import Path

from convlens import runs as store
from convlens.evaluation import Evaluation
from convlens.foundation.errors import RunError
from convlens.network import Network
from convlens.runs import Run, RunWriter
from convlens.training import recipe as recipes


def write_report(run: Run, writer: RunWriter | None = None) -> Path:
    """Write `report.html` and `curves.svg` into the run's folder and seal its manifest."""
    from convlens.report.html import ReportInput, render
    from convlens.report.run_figures import curves_svg

    if run.status.get("state") == "imported":
        raise RunError(
            f"{run.folder} was imported: there is no training to report on",
            "a run that convlens trained",
            "look at an image with it instead",
        )
    if writer is None:
        with store.open_existing(run.folder) as own:
            return write_report(run, own)
    plan = Network.from_toml(run.network_text).plan()
    epochs = [event for event in run.events() if event.get("event") == "epoch"]
    report = ReportInput(
        name=run.name,
        status=run.status,
        network_rows=[
            {
                "name": step.name,
                "name_in_block": step.name_in_block,
                "kind": step.kind,
                "depth": step.depth,
                "output": step.output,
                "parameters": step.parameters,
                "multiply_adds": step.multiply_adds,
                "receptive_field": tuple(axis.size for axis in step.receptive_field),
            }
            for step in plan.steps
        ],
        network_totals={
            "parameters": plan.parameters,
            "multiply_adds": plan.multiply_adds,
            "activation_bytes": plan.activation_bytes,
        },
        network_text=run.network_text,
        recipe=recipes.parse(run.recipe_text, "recipe.toml").model_dump(),
        data=run.data,
        environment=run.environment,
        epochs=epochs,
        evaluation=None if run.evaluation is None else Evaluation.from_dict(run.evaluation),
        command=str(run.environment.get("command", "")),
    )
    writer.write_text("report.html", render(report))
    if epochs:
        writer.write_text("curves.svg", curves_svg(epochs))
    writer.seal()
    return Path(run.folder) / "report.html"


def command_line() -> str:
    """Return how this run was started, for the report's "run it again"."""
    import shlex

    program = Path(sys.argv[0]).name
    if program in ("convlens", "__main__.py"):
        return shlex.join(["convlens", *sys.argv[1:]])
    return f"python {program}"
