"""`convlens pixels`: the numbers that an image is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from convlens import runs
from convlens.cli.options import Json, RunsRoot, new_command, parse_span, print_json
from convlens.data import Preprocessing
from convlens.data.decode import shown
from convlens.foundation import atomic
from convlens.inside.pixels import crop, read_pixels, terminal_matrix

app = new_command()


@app.command(epilog="Example: convlens pixels my-seven.png --run last --rows 0:14 --columns 5:20")
def pixels(
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", help="An image file: PNG, JPEG and others.")
    ],
    run: Annotated[
        str | None, typer.Option(help="Prepare the image as this run does: its folder, or last.")
    ] = None,
    rows: Annotated[str | None, typer.Option(help="Rows to show, start:stop.")] = None,
    columns: Annotated[str | None, typer.Option(help="Columns to show, start:stop.")] = None,
    svg: Annotated[
        str | None, typer.Option(metavar="FILE", help="Draw the enlarged image into a file.")
    ] = None,
    zoom: Annotated[
        float | None,
        typer.Option(min=1, max=200, help="Size of a pixel in the drawing, in points."),
    ] = None,
    root: RunsRoot = None,
    as_json: Json = False,
) -> None:
    """Show the numbers of an image: one matrix for grey, three for colour."""
    spans = parse_span("--rows", rows), parse_span("--columns", columns)
    if run is None:
        values, notes = read_pixels(Path(image))
    else:
        data = runs.find(run, root).data
        values, notes = Preprocessing.from_dict(data.get("preprocessing")).prepare(Path(image))
    part = crop(values, *(span or slice(None) for span in spans))
    if svg is not None:
        from convlens.figures.pixels import pixels_svg

        name = shown(Path(image).name)
        rows_of, columns_of = (span or slice(None) for span in spans)
        drawing = pixels_svg(values, rows=rows_of, columns=columns_of, zoom=zoom, title=name)
        atomic.write_text(Path(svg), drawing)
    if as_json:
        print_json(
            {
                "image": image,
                "shape": list(values.shape),
                "rows": [part.rows.start, part.rows.stop],
                "columns": [part.columns.start, part.columns.stop],
                "pixels": part.pixels.tolist(),
                "notes": notes,
                "svg": svg,
            }
        )
        return
    for note in notes:
        typer.echo(note)
    console = Console()
    matrix = terminal_matrix(
        values,
        rows=spans[0],
        columns=spans[1],
        width=console.width,
        colour=console.is_terminal and not console.no_color,
    )
    typer.echo(matrix)
    if svg is not None:
        typer.echo(f"drawn: {svg}")
