"""`convlens report`: write a run's HTML report again."""

from __future__ import annotations

import typer

from convlens.api.opening import open_run
from convlens.api.report import write_report
from convlens.cli.options import Json, RunArgument, RunsRoot, new_command, print_json

app = new_command()


@app.command(epilog="Example: convlens report last")
def report(run: RunArgument = "last", runs: RunsRoot = None, as_json: Json = False) -> None:
    """Write report.html into the run's folder from what the folder holds."""
    path = write_report(open_run(run, runs))
    if as_json:
        print_json({"report": str(path)})
    else:
        typer.echo(f"report: {path}")
