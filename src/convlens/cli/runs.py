"""`convlens runs`: list the runs."""

from __future__ import annotations

from dataclasses import asdict

import typer

from convlens import runs as store
from convlens.cli.options import Json, RunsRoot, new_command, print_json

app = new_command()


@app.command(epilog="Example: convlens runs")
def runs(runs: RunsRoot = None, as_json: Json = False) -> None:
    """List the runs, oldest first; a damaged one is flagged and hides no other."""
    rows = store.listing(runs)
    if as_json:
        print_json({"runs": [{**asdict(row), "folder": str(row.folder)} for row in rows]})
        return
    if not rows:
        typer.echo("no runs yet; start with: convlens train")
    for row in rows:
        if row.problem:
            typer.echo(f"{row.name}  damaged: {row.problem}")
            continue
        accuracy = "" if row.test_accuracy is None else f"  test {row.test_accuracy:.2%}"
        seconds = "" if row.train_seconds is None else f"  {row.train_seconds:.1f} s"
        typer.echo(f"{row.name}  {row.state}  {row.network} on {row.data}{accuracy}{seconds}")
