"""`convlens import`: bring a model in as a run."""

from __future__ import annotations

from typing import Annotated

import typer

from convlens.api.import_model import import_model
from convlens.cli.options import Json, RunsRoot, new_command, parse_shape, print_json
from convlens.foundation.errors import InputError

app = new_command()


@app.command("import", epilog="Example: convlens import model.onnx")
def import_(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help=".onnx, .keras, .weights.h5, .safetensors, .pt or .pth."
        ),
    ],
    out: Annotated[str | None, typer.Option(help="The exact folder of the new run.")] = None,
    network: Annotated[
        str | None,
        typer.Option(metavar="NET", help="The network that bare weights belong to."),
    ] = None,
    input_: Annotated[
        str | None,
        typer.Option(
            "--input", metavar="C,H,W", help="The input shape, where the file leaves it open."
        ),
    ] = None,
    classes: Annotated[
        str | None, typer.Option(metavar="FILE", help="Class names: one per line, or a JSON list.")
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option(help="Mean of pixels scaled to 0..1: one value, or one per channel."),
    ] = None,
    std: Annotated[str | None, typer.Option(help="Standard deviation, in the same form.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the new run.")] = None,
    runs: RunsRoot = None,
    as_json: Json = False,
) -> None:
    """Bring in a network that convlens did not train; nothing in the file is executed.

    What comes out is a run that look, predict, evaluate, kernels and export accept.
    """
    run, imported = import_model(
        file,
        out=out,
        runs=runs,
        name=name,
        network=network,
        input_shape=None if input_ is None else parse_shape(input_),
        classes=classes,
        mean=_numbers("--mean", mean),
        std=_numbers("--std", std),
    )
    table = imported.network.plan()
    if as_json:
        print_json(
            {
                "run": str(run.folder),
                "network": imported.network.name,
                "parameters": table.parameters,
                "classes": run.data["classes"],
                "notes": list(imported.notes),
                "mapping": imported.renamed(),
            }
        )
        return
    typer.echo(f"{run.folder}: {len(table.steps)} layers, {table.parameters:,} parameters")
    for mine, other in imported.renamed().items():
        typer.echo(f"  {mine} <- {other}")
    for note in imported.notes:
        typer.echo(f"  {note}")


def _numbers(option: str, text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"{option} is {text!r}", "numbers with commas between them", f"write {option} 0.5"
        ) from None
