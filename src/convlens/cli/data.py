"""`convlens data`: the data sets that convlens knows, how to get one, and what is in one."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from convlens import data as datasets
from convlens.cli import flags
from convlens.cli.options import (
    BadImages,
    Fit,
    InputShape,
    Json,
    Memory,
    new_command,
    parse_shape,
    print_json,
    recipe_changes,
)
from convlens.foundation.columns import in_columns
from convlens.foundation.machine import parse_size
from convlens.foundation.progress.events import TrainingProgress
from convlens.network.arithmetic import shape_text

if TYPE_CHECKING:
    from convlens.data import Dataset
    from convlens.training.recipe import Recipe

PREVIEWED = 8
"""Classes of which one image is drawn before and after augmentation."""

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
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name from `convlens data list`.")],
    force: Annotated[
        bool, typer.Option("--force", help="Download even where the set is on this machine.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Download a known data set, each file checked against its published hash."""
    from convlens.data import download
    from convlens.foundation.progress.events import DownloadProgress

    with DownloadProgress(quiet=as_json) as progress:
        place = download.get(name, force=force, report=progress)
    if as_json:
        print_json({"name": name, "place": str(place), "files_received": progress.files})
        return
    received = f"{len(progress.files)} files received" if progress.files else "nothing to download"
    typer.echo(f"{name} is in {place}; {received}")


@app.command(epilog="Example: convlens data show digits-5k --augment --recipe digits --out looks")
def show(
    source: Annotated[str, typer.Argument(metavar="NAME|PATH")],
    input_shape: InputShape = None,
    fit: Fit = None,
    memory: Memory = None,
    bad_images: BadImages = "fail",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for a page of figures. [default with --augment: data-NAME]"),
    ] = None,
    augment: Annotated[
        bool, typer.Option("--augment", help="Draw training images before and after augmentation.")
    ] = False,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="The recipe that divides and augments. [default: what suits the data]",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe; repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Load a data set as training would, and say what is in it; draw it with --out.

    The page has samples, counts, mean images, pixel values and file sizes.
    """
    from convlens.training import recipe as recipes

    shape = parse_shape(input_shape) if input_shape else None
    recipe_name = recipe or recipes.suiting(source)
    chosen = recipes.load(recipe_name).changed(recipe_changes(set_ or []))
    spelled = flags.speller("data", "show")
    with TrainingProgress(spelled=spelled) as progress:
        dataset = datasets.load(
            source,
            input_shape=shape,
            validation=chosen.validation,
            validation_method=chosen.validation_method,
            split_seed=chosen.split_seed,
            normalise=chosen.normalise,
            bad_images=bad_images,
            fit=fit,
            memory=parse_size(memory, "`memory`") if memory else None,
            on_event=progress,
        )
    if shape is not None:
        dataset.require_input(shape)
    counts = {
        split: np.bincount(getattr(dataset, split).labels, minlength=len(dataset.classes)).tolist()
        for split in ("train", "validation", "test")
    }
    files = []
    if out is not None or augment:
        folder = out or Path(f"data-{Path(dataset.name).name}")
        words = ["--recipe", recipe] if recipe else []
        words += [word for pair in set_ or [] for word in ("--set", pair)]
        files = _draw(dataset, folder, chosen if augment else None, words)
    if as_json:
        drawn = {"page": files[0], "files": files[1:]} if files else {}
        facts = {**dataset.to_json(), "recipe": recipe_name}
        print_json({**facts, "images_per_class": counts, **drawn})
        return
    preparing = dataset.preprocessing
    typer.echo(f"{dataset.name} from {dataset.source}")
    typer.echo(
        f"images {shape_text(preparing.input)}, mean {_rounded(preparing.mean)}, "
        f"std {_rounded(preparing.std)} of the training images"
    )
    table = [("class", *counts)]
    for number, name in enumerate(dataset.classes):
        table.append((name, *(f"{of_split[number]:,}" for of_split in counts.values())))
    table.append(("all", *(f"{sum(of_split):,}" for of_split in counts.values())))
    typer.echo("\n".join(in_columns(table, right=range(len(table[0])))))
    typer.echo(f"divided as convlens train does with the recipe {recipe_name}")
    for note in dataset.notes:
        typer.echo(spelled(note))
    if files:
        typer.echo(f"page: {files[0]} ({len(files) - 1} figures beside it)")


def _draw(dataset: Dataset, out: Path, recipe: Recipe | None, chosen: list[str]) -> list[str]:
    """Write the page of a data set; with a recipe, its augmentation too.

    `chosen` are the words of the command line that chose the recipe.
    """
    from convlens.report.data_page import make_page
    from convlens.report.folder import write_page

    words = ["convlens", "data", "show", dataset.source, "--out", str(out)]
    shown, settings = None, []
    if recipe is not None:
        from convlens.training.augment.preview import preview

        first = [np.flatnonzero(dataset.train.labels == i)[0] for i in range(len(dataset.classes))]
        index = np.array(first[:PREVIEWED], np.int64)
        settings = [
            f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in recipe.augmentation.model_dump(exclude_defaults=True).items()
        ]
        shown = preview(
            dataset.train, dataset.preprocessing, index, recipe.augmentation, seed=recipe.seed
        )
        words.append("--augment")
    words += chosen
    page = make_page(dataset, shlex.join(words), shown, settings)
    return write_page(out, {"index.html": page.html, **page.figures})


@app.command(epilog="Example: convlens data check photos")
def check(
    source: Annotated[str, typer.Argument(metavar="NAME|PATH")],
    input_shape: Annotated[
        str | None, typer.Option("--input", help="Bring the images to channels,height,width first.")
    ] = None,
    near: Annotated[
        bool | None,
        typer.Option(
            "--near/--no-near",
            help="Search for near-duplicates. [default: in sets of up to 100,000 images]",
            show_default=False,
        ),
    ] = None,
    examples: Annotated[
        int, typer.Option(min=0, help="Number of names to print per finding, at most.")
    ] = 5,
    as_json: Json = False,
) -> None:
    """Find what would harm a training: bad files, duplicates, leaks between splits, odd classes.

    Exits with 2 where anything would harm training, with 0 where all is well or only worth a look.
    """
    from convlens.data.check import check as check_data

    shape = parse_shape(input_shape) if input_shape else None
    checked = check_data(source, input_shape=shape, near=near)
    # a finding may advise how to check, or how to train
    options = [*flags.of_command(["data", "check"]), *flags.of_command(["train"])]
    if as_json:
        print_json(flags.in_options(checked.to_json(), options))
    else:
        counts = ", ".join(f"{count:,} {split}" for split, count in checked.images.items())
        typer.echo(
            f"{checked.source}: {len(checked.classes)} classes" + f", {counts}" * bool(counts)
        )
        for finding in checked.findings:
            typer.echo(f"{finding.severity}: {finding.what}")
            for example in finding.examples[:examples]:
                typer.echo(f"    {example}")
            if examples and len(finding.examples) > examples:
                typer.echo(f"    and {len(finding.examples) - examples} more (see --json)")
            if finding.fix:
                typer.echo(f"  to do: {flags.as_options(finding.fix, options)}")
        for text in checked.skipped:
            typer.echo(f"not looked for: {flags.as_options(text, options)}")
        if not checked.findings:
            typer.echo("nothing found that would harm a training")
    if checked.harmful:
        raise typer.Exit(2)


def _rounded(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)
