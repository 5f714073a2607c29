"""`convlens predict`: classify image files."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import convlens
from convlens import runs as store
from convlens.cli.options import Engine, Json, RunsRoot, new_command, print_json, tell_default
from convlens.data.images import looks_like_an_image
from convlens.foundation.errors import InputError, RunError

if TYPE_CHECKING:
    from convlens.runs import Run

app = new_command()


@app.command(epilog="Example: convlens predict last my-seven.png")
def predict(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="A run's folder or name, last, or a network."),
    ],
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="IMAGE...", help="Image files: PNG, JPEG and others."),
    ] = None,
    network: Annotated[
        str | None, typer.Option(help="A published network instead of a run; see convlens weights.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Number of classes to list.")] = 3,
    engine: Engine = "torch",
    runs: RunsRoot = None,
    as_json: Json = False,
) -> None:
    """Classify images of any size and mode, prepared exactly as the run's training images.

    Without a run, the last one answers, or EfficientNet-Lite0 where none is trained yet.
    """
    source: Run | str = run
    files = list(images or ())
    if network is not None or looks_like_an_image(run):
        _expect_the_run_first(run, files, runs)
        files, source = [run, *files], network or tell_default(runs)
    predictions = convlens.predict(source, files, top=top, engine=engine, runs=runs)
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


def _expect_the_run_first(image: str, others: list[str], root: str | None) -> None:
    """Refuse a run that stands behind its images, which would be looked for as an image."""
    for name in others:
        if looks_like_an_image(name) or Path(name).is_file():
            continue
        try:
            store.find(name, root)
        except RunError:
            continue
        raise InputError(
            f'"{name}" is a run and not an image',
            "the run before its images",
            f"write convlens predict {shlex.quote(name)} {shlex.quote(image)}",
        )
