"""`convlens export`: take a model away, as a file or as plain code."""

from __future__ import annotations

from typing import Annotated

import typer

import convlens
from convlens.cli.options import Json, RunsRoot, new_command, print_json

app = new_command()


@app.command(epilog="Example: convlens export last --to torch-code")
def export(
    reference: Annotated[
        str, typer.Argument(metavar="RUN|NET", help="A run, last, or a network of the zoo.")
    ] = "last",
    to: Annotated[
        str, typer.Option("--to", help="onnx, torch, keras, torch-code or keras-code.")
    ] = "onnx",
    out: Annotated[
        str | None,
        typer.Option(
            help="The file to write; for torch, the folder. [default: named for the model]"
        ),
    ] = None,
    model_only: Annotated[
        bool, typer.Option("--model-only", help="Only the model's code, without data and training.")
    ] = False,
    all_layers: Annotated[
        bool, typer.Option("--all-layers", help="ONNX: give the output of every layer too.")
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(help="For a network's code: the data to train on. [default: digits-5k]"),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="For a network's code: the recipe, its name or file.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="ONNX: largest difference of a logit to accept.")
    ] = 1e-4,
    allow_non_finite: Annotated[
        bool, typer.Option("--allow-non-finite", help="Accept weights with NaN or infinity.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that exists.")
    ] = False,
    runs: RunsRoot = None,
    as_json: Json = False,
) -> None:
    """Write a model for use without convlens.

    onnx, torch and keras carry the weights; torch-code and keras-code are scripts that train anew
    as the run did.
    """
    done = convlens.export(
        reference,
        to,
        out=out,
        runs=runs,
        model_only=model_only,
        all_layers=all_layers,
        data=data,
        recipe=recipe,
        allow_non_finite=allow_non_finite,
        tolerance=tolerance,
        overwrite=overwrite,
    )
    if as_json:
        files = [str(file) for file in done.files]
        print_json({"to": to, "files": files, "difference": done.difference})
        return
    for file in done.files:
        typer.echo(f"wrote {file}")
    if done.difference is not None:
        typer.echo(
            f"the logits of {done.images} images differ by at most {done.difference:.1e} "
            "from the engine's"
        )
