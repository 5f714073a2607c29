"""`convlens runs`: list the runs, delete and rename them, and show their metrics."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from convlens import runs as store
from convlens.cli.options import Json, RunArgument, RunsRoot, new_command, print_json
from convlens.foundation import atomic
from convlens.foundation.atomic import finite
from convlens.foundation.columns import in_columns
from convlens.foundation.errors import InputError

app = new_command(
    invoke_without_command=True,
    no_args_is_help=False,
    epilog="Example: convlens runs; convlens runs delete first-try --yes",
)


@app.callback()
def runs(context: typer.Context, runs: RunsRoot = None, as_json: Json = False) -> None:
    """List the runs, oldest first; a damaged one is flagged and hides no other."""
    if context.invoked_subcommand is not None:
        context.obj = runs, as_json
        return
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
        data = f" on {row.data}" if row.data else ""
        typer.echo(f"{row.name}  {row.state}  {row.network}{data}{accuracy}{seconds}")


Context = typer.Context


@app.command(epilog="Example: convlens runs delete first-try second-try --yes")
def delete(
    context: Context,
    names: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Runs: names, folders, or last.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    runs: RunsRoot = None,
    as_json: Json = False,
) -> None:
    """Delete runs with all that is in their folders; asks first, unless --yes is there.

    A run that is being trained is refused.
    """
    runs, as_json = runs or context.obj[0], as_json or context.obj[1]
    chosen = {str(run.folder): run for run in (store.find(name, runs) for name in names)}
    if not yes:
        if not sys.stdin.isatty():
            raise InputError(
                f"{', '.join(chosen)} would be deleted, and nobody can be asked here",
                "--yes where stdin is no terminal",
                "add --yes",
            )
        typer.confirm(f"delete {', '.join(chosen)}?", abort=True, err=True)
    for run in chosen.values():
        store.delete(run)
        if not as_json:
            typer.echo(f"deleted {run.folder}")
    if as_json:
        print_json({"deleted": list(chosen)})


@app.command(epilog="Example: convlens runs rename last my-best")
def rename(
    context: Context,
    run: RunArgument,
    name: Annotated[str, typer.Argument(metavar="NEW", help="The new name, which must be free.")],
    runs: RunsRoot = None,
    as_json: Json = False,
) -> None:
    """Give a run another name; a run that is being trained is refused."""
    runs, as_json = runs or context.obj[0], as_json or context.obj[1]
    old = store.find(run, runs)
    new = store.rename(old, name)
    if as_json:
        print_json({"old": str(old.folder), "run": str(new.folder)})
    else:
        typer.echo(f"{old.folder} is now {old.folder.with_name(new.folder.name)}")


@app.command(epilog="Example: convlens runs metrics last --csv > metrics.csv")
def metrics(
    context: Context,
    run: RunArgument = "last",
    as_csv: Annotated[bool, typer.Option("--csv", help="All columns, as CSV on stdout.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the CSV into a file instead.")
    ] = None,
    runs: RunsRoot = None,
    as_json: Json = False,
) -> None:
    """Show a run's losses and accuracies by epoch, also while it trains."""
    runs, as_json = runs or context.obj[0], as_json or context.obj[1]
    opened = store.find(run, runs)
    history = opened.history
    if out is not None:
        atomic.write_text(out, history.to_csv())
    if as_json:
        rows = [{name: event.get(name) for name in history.columns} for event in history.epochs]
        print_json({"run": str(opened.folder), "epochs": finite(rows)})
    elif out is not None:
        typer.echo(f"wrote {out}: {len(history.epochs)} epochs, {len(history)} columns")
    elif as_csv:
        typer.echo(history.to_csv(), nl=False)
    else:
        names = [n for n in history.columns if n.endswith(("loss", "accuracy", "entropy"))]
        lines = [["epoch", *names, ""]]
        for event in history.epochs:
            values = [event.get(name) for name in names]
            texts = ["" if value is None else f"{value:.4f}" for value in values]
            lines.append([str(event["epoch"]), *texts, "best" if event.get("best") else ""])
        typer.echo("\n".join(in_columns(lines, right=range(len(names) + 1))))
