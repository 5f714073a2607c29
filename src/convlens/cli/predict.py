"""`convlens predict`: classify image files."""

from __future__ import annotations

from typing import Annotated

import typer

import convlens
from convlens.cli.options import Engine, Json, RunArgument, RunsRoot, new_command, print_json

app = new_command()


@app.command(epilog="Example: convlens predict last my-seven.png")
def predict(
    run: RunArgument,
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="PNG, JPEG and others.")],
    top: Annotated[int, typer.Option(min=1, help="How many classes to list.")] = 3,
    engine: Engine = "torch",
    runs: RunsRoot = None,
    as_json: Json = False,
) -> None:
    """Classify images of any size and mode, prepared exactly as the run's training images."""
    predictions = convlens.predict(run, images, top=top, engine=engine, runs=runs)
    if as_json:
        rows = [
            {
                "image": p.image,
                "class": p.label,
                "probability": p.probability,
                "top": [{"class": name, "probability": share} for name, share in p.top],
                "notes": p.notes,
            }
            for p in predictions
        ]
        print_json({"predictions": rows})
        return
    for p in predictions:
        typer.echo(f"{p.image}: " + ", ".join(f"{name} {share:.1%}" for name, share in p.top))
        for note in p.notes:
            typer.echo(f"  {note}")
