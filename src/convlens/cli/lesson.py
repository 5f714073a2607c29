"""`convlens lesson`: short lessons that run something and say what came out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from convlens import lessons
from convlens.cli.options import Json, new_command, print_json

app = new_command()


@app.command(epilog="Example: convlens lesson xor --out lessons")
def lesson(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="A lesson's name; without it, all are listed."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the page and the figures.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of everything random.")] = 0,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick/--full",
            help="Quick takes fewer images, epochs and seeds: to try it out. [default: full]",
            show_default=False,
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Run a lesson: it computes, prints and draws something true about CNNs."""
    if name is None:
        _list(as_json)
        return
    started = time.perf_counter()
    finished = lessons.run(name, out, seed, quick=quick)
    if as_json:
        print_json(
            {
                "lesson": name,
                "title": finished.title,
                "seed": seed,
                "quick": quick,
                "seconds": round(time.perf_counter() - started, 2),
                "page": None if out is None else str(out / f"{name}.html"),
                **finished.numbers,
            }
        )
        return
    typer.echo(finished.text())
    place = f"the figures: --out DIR writes them with a page to read ({len(finished.figures)})"
    typer.echo("\n" + (place if out is None else f"written: {out / f'{name}.html'}"))


def _list(as_json: bool) -> None:
    if as_json:
        rows = [
            {"name": name, "about": entry.about, "seconds": entry.seconds}
            for name, entry in lessons.LESSONS.items()
        ]
        print_json({"lessons": rows})
        return
    for name, entry in lessons.LESSONS.items():
        typer.echo(f"{name:20} {entry.about}  (about {entry.seconds} s)")
