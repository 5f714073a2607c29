"""`convlens data`: the data sets that convlens knows, how to get one, and what is in one."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import typer

from convlens import data as datasets
from convlens.cli.options import (
    BadImages,
    Fit,
    InputShape,
    Json,
    Memory,
    new_command,
    parse_shape,
    print_json,
)
from convlens.cli.progress import TrainingProgress
from convlens.machine import parse_size
from convlens.table import shape_text

app = new_command(help="List, show and check data sets.", no_args_is_help=True)


@app.command("list", epilog="Example: convlens data list")
def list_(as_json: Json = False) -> None:
    """List the known data sets and where each was found on this machine."""
    rows = [{"name": name, **datasets.describe(name)} for name in datasets.names()]
    if as_json:
        print_json({"datasets": rows})
        return
    for row in rows:
        typer.echo(f"{row['name']:16} {row['title']}")
        typer.echo(
            f"{'':16} {row['train'] + row['test']:,} images {shape_text(row['shape'])}, "
            f"{len(row['classes'])} classes; licence: {row['licence']}"
        )
        where = f"in {row['found']}" if row["found"] else f"not here: {row['how_to_get']}"
        typer.echo(f"{'':16} {where}")


@app.command(epilog="Example: convlens data get fashion-mnist")
def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of convlens data list.")],
    force: Annotated[
        bool, typer.Option("--force", help="Download also where the set was found elsewhere.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Download a known data set, each file checked against its published hash."""
    from convlens.cli.progress import DownloadProgress
    from convlens.data import download

    with DownloadProgress(quiet=as_json) as progress:
        place = download.get(name, force=force, report=progress)
    if as_json:
        print_json({"name": name, "place": str(place), "files_received": progress.files})
        return
    received = f"{len(progress.files)} files received" if progress.files else "nothing to download"
    typer.echo(f"{name} is in {place}; {received}")


@app.command(epilog="Example: convlens data show digits-5k")
def show(
    source: Annotated[str, typer.Argument(metavar="NAME|PATH")],
    input_shape: InputShape = None,
    fit: Fit = None,
    memory: Memory = None,
    bad_images: BadImages = "fail",
    as_json: Json = False,
) -> None:
    """Load a data set as training would, and say what is in it."""
    shape = parse_shape(input_shape) if input_shape else None
    with TrainingProgress() as progress:
        dataset = datasets.load(
            source,
            input_shape=shape,
            bad_images=bad_images,
            fit=fit,
            memory=parse_size(memory, "--memory") if memory else None,
            on_event=progress,
        )
    counts = {
        split: np.bincount(getattr(dataset, split).labels, minlength=len(dataset.classes)).tolist()
        for split in ("train", "validation", "test")
    }
    if as_json:
        print_json({**dataset.to_json(), "images_per_class": counts})
        return
    preparing = dataset.preprocessing
    typer.echo(f"{dataset.name} from {dataset.source}")
    typer.echo(
        f"images {shape_text(preparing.input)}, mean {_rounded(preparing.mean)}, "
        f"std {_rounded(preparing.std)} of the training images"
    )
    typer.echo(f"{'class':>16}  {'train':>7} {'validation':>10} {'test':>7}")
    for number, name in enumerate(dataset.classes):
        row = [counts[split][number] for split in ("train", "validation", "test")]
        typer.echo(f"{name:>16}  {row[0]:>7,} {row[1]:>10,} {row[2]:>7,}")
    typer.echo(
        f"{'all':>16}  {len(dataset.train):>7,} {len(dataset.validation):>10,} "
        f"{len(dataset.test):>7,}"
    )
    for note in dataset.notes:
        typer.echo(note)


def _rounded(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)
