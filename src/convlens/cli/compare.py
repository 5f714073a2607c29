"""`convlens compare`: what differed between runs, and what came out."""

from __future__ import annotations

from typing import Annotated

import typer

from convlens.api.opening import open_run
from convlens.cli.options import Json, RunsRoot, new_command, print_json
from convlens.foundation.errors import InputError
from convlens.report.compare import compare_table

app = new_command()


@app.command(epilog="Example: convlens compare first-run second-run")
def compare(
    references: Annotated[
        list[str], typer.Argument(metavar="RUN RUN...", help="Two or more runs.")
    ],
    runs: RunsRoot = None,
    as_json: Json = False,
) -> None:
    """Show accuracy, loss, time and size of runs, beside the settings in which they differ."""
    if len(references) < 2:
        raise InputError("one run is given", "two or more", "write convlens compare RUN RUN")
    opened = [open_run(reference, runs) for reference in references]
    comparison = compare_table(
        [
            {
                "name": run.name,
                "status": run.status,
                "recipe": run.recipe,
                "data": run.data,
            }
            for run in opened
        ]
    )
    if as_json:
        print_json(
            {
                "names": comparison.names,
                "rows": comparison.rows,
                "warnings": comparison.warnings,
            }
        )
    else:
        typer.echo(str(comparison))
