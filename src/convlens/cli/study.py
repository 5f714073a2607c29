"""`convlens study`: what a setting costs and gives on this machine, measured and drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from convlens.cli import flags
from convlens.cli.options import (
    Device,
    Json,
    comma_separated,
    new_command,
    print_json,
    recipe_changes,
)
from convlens.foundation.errors import InputError

app = new_command()


@app.command(epilog="Example: convlens study batch-size --data mnist --network tutorial-torch")
def study(
    name: Annotated[
        str | None,
        typer.Argument(metavar="STUDY", help="A study's name; without it, all are listed."),
    ] = None,
    network: Annotated[
        str | None, typer.Option(metavar="NET", help="A name from `convlens zoo`, or a file.")
    ] = None,
    data: Annotated[str, typer.Option(help="A known data set or a path.")] = "digits-5k",
    recipe: Annotated[
        str | None,
        typer.Option(
            help="A named recipe or a .toml file. [default: default; ablation: suits the data]"
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a recipe value: key=value; repeatable."),
    ] = None,
    values: Annotated[
        str | None,
        typer.Option(
            help="What to try, with commas: batch sizes, widths, depths, threads, ingredients; "
            "the two ends of the learning rates."
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of each training.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Repetitions of each training.")] = None,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, help="batch-size: compare after this much training time."),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(min=0.1, help="batch-size: the most seconds that one training may take."),
    ] = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full/--quick",
            help="Full is thorough, quick takes about two minutes. [default: quick]",
            show_default=False,
        ),
    ] = False,
    device: Device = "auto",
    out: Annotated[
        Path | None,
        typer.Option(help="The study's folder. [default: study-STUDY-NET-DATA]"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure what a setting costs and gives: many small trainings, a report, all numbers.

    A study that was interrupted goes on when the same command is given again.
    """
    from convlens import studies

    if name is None:
        _list(studies.STUDIES, as_json)
        return
    from convlens.studies.study import Options

    chosen = tuple(comma_separated(values or ""))
    if values is not None and not chosen:
        raise InputError("--values is empty", "values with commas between", "write --values 1,10")
    done = studies.run(
        name,
        network=network,
        data=data,
        recipe=recipe,
        changes=recipe_changes(set_ or []),
        device=device,
        options=Options(chosen, epochs, seeds, seconds, budget, full),
        out=out,
        on_progress=lambda line: typer.echo(line, err=True),
    )
    if as_json:
        print_json(
            {
                "study": name,
                "network": done.subject.network.name,
                "data": done.subject.dataset.name,
                "sentence": done.findings.sentence,
                "report": done.files[0],
                "files": list(done.files[1:]),
                **json.loads(json.dumps(done.findings.results)),
            }
        )
        return
    for table in done.findings.tables:
        typer.echo(f"{table}\n")
    typer.echo(done.findings.sentence)
    if done.hint:
        typer.echo(flags.speller("study")(done.hint))
    typer.echo(f"report: {done.files[0]}")


def _list(known: dict[str, str], as_json: bool) -> None:
    if as_json:
        print_json({"studies": [{"name": name, "about": known[name]} for name in known]})
        return
    for name, about in known.items():
        typer.echo(f"{name:15}{about}")
