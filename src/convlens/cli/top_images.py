"""`convlens top-images`: top activating images of a layer, and feature visualizations."""

from __future__ import annotations

import shlex
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import convlens
from convlens.cli.options import Json, RunArgument, RunsRoot, new_command, print_json

if TYPE_CHECKING:
    from convlens.inside.top_images import ActivatedMap, TopImages

app = new_command()


@app.command(epilog="Example: convlens top-images last --layer conv2 --class 7")
def top_images(
    run: RunArgument = "last",
    data: Annotated[
        str | None,
        typer.Option(metavar="NAME|PATH", help="Other data of the same classes than the run's."),
    ] = None,
    layer: Annotated[
        str | None, typer.Option(help="A layer with maps. [default: the last convolution]")
    ] = None,
    maps: Annotated[
        list[int] | None,
        typer.Option("--map", help="Only this map; repeatable. [default: the 12 strongest]"),
    ] = None,
    top: Annotated[
        int, typer.Option(min=1, max=100, help="Number of patches per map, at most.")
    ] = 9,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class", help="Make an image that raises this class's score too; repeatable."
        ),
    ] = None,
    split: Annotated[
        str, typer.Option(help="The images to search: train, validation or test.")
    ] = "train",
    maximise: Annotated[
        bool,
        typer.Option("--maximise/--no-maximise", help="Make a feature visualization for each map."),
    ] = True,
    out: Annotated[
        Path | None, typer.Option(help="Folder for page and figures. [default: top-images-LAYER]")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the noise that gradient ascent starts from.")
    ] = 0,
    runs: RunsRoot = None,
    as_json: Json = False,
) -> None:
    """Show the top activating images of a layer's maps, and a feature visualization of each.

    The patches are parts of real images and show what a map responds to. The feature
    visualization is made by gradient ascent and shows what would raise the response further.
    """
    from convlens.report.folder import write_page
    from convlens.report.sentences import answers_to
    from convlens.report.top_images_page import make_page

    result = convlens.top_images(
        run,
        data,
        layer=layer,
        maps=maps or None,
        top=top,
        classes=classes or (),
        split=split,
        maximise=maximise,
        seed=seed,
        runs=runs,
    )
    options = [("--data", data)] if data else []
    options += [("--layer", layer)] if layer else []
    options += [("--map", str(number)) for number in maps or ()]
    options += [("--class", name) for name in classes or ()]
    options += [("--top", str(top))] * (top != 9) + [("--split", split)] * (split != "train")
    options += [("--seed", str(seed))] * (seed != 0)
    words = ["convlens", "top-images", run, *(word for pair in options for word in pair)]
    command = shlex.join(words + ["--no-maximise"] * (not maximise))
    page = make_page(result, command)
    files = write_page(
        out or Path(f"top-images-{result.step.name}"), {"index.html": page.html, **page.figures}
    )
    if as_json:
        print_json(_result(result, files))
        return
    typer.echo(
        f"{result.step.name} of {result.subject.name}: {result.choice()}, over {result.images:,} "
        f"images of {result.data} ({result.split})"
    )
    for one in result.maps:
        typer.echo(f"map {one.number}: {answers_to(one.classes)}" + _made(one))
        for line in _images(result, one):
            typer.echo(f"  {line}")
    for made in result.class_images:
        typer.echo(f"{made.place}: {made.activations[0]:.3g} -> {made.activations[-1]:.3g}")
    typer.echo(f"page: {files[0]} ({len(files) - 1} figures beside it)")


def _result(result: TopImages, files: list[str]) -> dict[str, Any]:
    return {
        "run": result.subject.name,
        "layer": result.step.name,
        "of_maps": result.step.output[0],
        "data": result.data,
        "split": result.split,
        "images": result.images,
        "maps": [
            {
                "map": one.number,
                "made": None if one.made is None else one.made.value,
                "patches": [
                    {
                        "image": image,
                        "file": None if result.files is None else result.files[image],
                        "class": name,
                        "value": value,
                        "cell": cell,
                    }
                    for image, name, value, cell in _patches(one)
                ],
            }
            for one in result.maps
        ],
        "classes": [
            {"place": made.place, "start": made.activations[0], "end": made.activations[-1]}
            for made in result.class_images
        ],
        "page": files[0],
        "files": files[1:],
    }


def _patches(one: ActivatedMap) -> list[tuple[int, str, float, list[int]]]:
    """Return each patch's image, true class, value and cell, as plain numbers."""
    patches = one.patches
    return list(
        zip(
            patches.images.tolist(),
            one.classes,
            patches.values.tolist(),
            patches.cells.tolist(),
            strict=True,
        )
    )


def _made(one: ActivatedMap) -> str:
    if one.made is None:
        return ""
    real = f", the strongest real one {one.patches.values[0]:.3g}" if one.classes else ""
    return f"; the made patch gives {one.made.value:.3g}{real}"


def _images(result: TopImages, one: ActivatedMap) -> list[str]:
    # joined by a no-break space while the lines are broken, so that no image is torn apart
    images = [
        f"{result.name_of(image)}\xa0({name})\xa0{value:.3g}"
        for image, name, value, _ in _patches(one)
    ]
    lines = textwrap.wrap(", ".join(images), 90, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\xa0", " ") for line in lines]
