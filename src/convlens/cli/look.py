"""`convlens look`: one image's way through a network, from pixels to the answer."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convlens.cli.options import Json, RunsRoot, new_command, print_json, tell_default
from convlens.foundation.atomic import write_folder
from convlens.foundation.errors import InputError
from convlens.report.artists import Artists

if TYPE_CHECKING:
    from convlens.inside.feature_maps import FeatureMaps, FeatureVector
    from convlens.inside.look import Classifier, Look
    from convlens.runs import Run

app = new_command()


@app.command(epilog="Example: convlens look last my-seven.png --layer conv1 --cell 3,4")
def look(
    subject: Annotated[
        str, typer.Argument(metavar="RUN|NET", help="A run, last, or a network's name or file.")
    ],
    image: Annotated[
        str | None, typer.Argument(metavar="IMAGE", help="An image file: PNG, JPEG and others.")
    ] = None,
    layers: Annotated[
        list[str] | None, typer.Option("--layer", help="Only this layer; repeatable.")
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(
            help="Explain one output cell of --layer: y,x or map,y,x or a feature's number."
        ),
    ] = None,
    map_number: Annotated[
        int | None, typer.Option("--map", min=0, help="The map that --cell y,x is in.")
    ] = None,
    methods: Annotated[
        list[str] | None,
        typer.Option("--method", help="Only this attribution method, or none; repeatable."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--class", help="The class to explain. [default: the predicted one]"),
    ] = None,
    dead: Annotated[
        bool,
        typer.Option("--dead", help="Mark maps that are zero for all validation images."),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for page and figures. [default: look-IMAGE]")
    ] = None,
    runs: RunsRoot = None,
    as_json: Json = False,
) -> None:
    """Show what a network computes on an image: pixels, kernels, every map, and the reasons.

    Without a run, the last one is looked into, or EfficientNet-Lite0 where none is trained yet.
    With --cell, one sum is printed as a person would write it, and drawn.
    """
    # first of all, before anything heavy is loaded; one cell is one drawing
    with Artists(helped=cell is None) as artists:
        from convlens.api.look import find_dead, look
        from convlens.api.opening import open_subject, open_with_data

        source: Run | str = subject
        if image is None:
            source, image = tell_default(runs), subject
            subject = source if isinstance(source, str) else source.name
        never = None
        if dead:
            who, dataset = open_with_data(source, runs)
            never = find_dead(who, dataset)
        else:
            who = open_subject(source, runs, engine="auto")
        folder = out or Path(f"look-{_stem(image)}")
        if cell is not None:
            layer = _only(layers, who)
            result, text = _one_cell(who, image, layer, _cell(cell), map_number, folder)
        else:
            chosen: Any = [] if methods == ["none"] else methods
            looked = look(who, image, layers=layers, methods=chosen, target=target, dead=never)
            command = _command(subject, image, layers, methods, target, dead)
            result, text = _whole(looked, command, folder, artists)
    if as_json:
        print_json(result)
    else:
        typer.echo(text)


def _only(layers: list[str] | None, who: Classifier) -> str:
    if not layers or len(layers) != 1:
        raise InputError(
            "--cell came without one --layer",
            "the layer that the cell is in",
            "add --layer, for example --layer " + who.network.plan().steps[0].name,
        )
    return layers[0]


def _whole(
    looked: Look, command: str, folder: Path, artists: Artists
) -> tuple[dict[str, Any], str]:
    from convlens.inside.feature_maps import FeatureMaps
    from convlens.report.folder import write_page
    from convlens.report.look_page import make_page

    page = make_page(looked, command, artists)
    files = write_page(folder, {"index.html": page.html, **page.figures})
    rows = [_layer_json(layer) for layer in looked.layers]
    top = looked.top()
    result = {
        "image": looked.image,
        "class": top[0][0],
        "probability": top[0][1],
        "top": [{"class": name, "probability": share} for name, share in top],
        "notes": looked.notes,
        "layers": rows,
        "attributions": [a.method for a in looked.attributions],
        "page": files[0],
        "files": files[1:],
    }
    lines = [f"{looked.image}: " + ", ".join(f"{name} {share:.1%}" for name, share in top[:3])]
    lines += [f"  {note}" for note in looked.notes]
    if not looked.subject.trained:
        lines.append("  the network is not trained: its weights are the initial ones")
    for layer in looked.layers:
        if isinstance(layer, FeatureMaps) and layer.silent.any():
            line = f"  {layer.layer}: {int(layer.silent.sum())} of {len(layer.silent)} maps are "
            line += "silent on this image"
            if layer.dead is not None:
                line += f", {int(layer.dead.sum())} of them on every validation image (dead)"
            lines.append(line)
    lines.append(f"page: {files[0]} ({len(files) - 1} figures beside it)")
    return result, "\n".join(lines)


def _layer_json(layer: FeatureMaps | FeatureVector) -> dict[str, Any]:
    """Return a layer's facts; statistics are lists with one number per map."""
    row: dict[str, Any] = {
        "name": layer.layer,
        "kind": layer.kind,
        "output": list(layer.shape),
        "silent": layer.silent.nonzero()[0].tolist(),
        "dead": None if layer.dead is None else layer.dead.nonzero()[0].tolist(),
    }
    for statistic in ("minimum", "maximum", "mean", "zeros"):
        if len(layer.shape) == 3:
            row[statistic] = getattr(layer, statistic).tolist()
    return row


def _one_cell(
    who: Classifier,
    image: str,
    layer: str,
    cell: tuple[int, ...],
    map_number: int | None,
    folder: Path,
) -> tuple[dict[str, Any], str]:
    from convlens.figures.windows import window_svg
    from convlens.inside.explain import explain
    from convlens.inside.windows import window

    pixels, _ = who.preprocessing.prepare(image)
    normalised = who.preprocessing.normalise(pixels[None])[0]
    step = who.network.plan().step(layer)
    if len(cell) == 2 and len(step.output) == 3 and map_number is None:
        # y,x alone: the map that has the most to say there
        maps = who.model.activations(normalised[None], [layer])[layer][0]
        inside = cell[0] < maps.shape[1] and cell[1] < maps.shape[2]
        map_number = int(maps[:, cell[0], cell[1]].argmax()) if inside and min(cell) >= 0 else 0
    computation = window(
        who.model, normalised, layer, cell, filter=map_number if len(cell) == 2 else None
    )
    name = "-".join(["step", layer, *map(str, computation.cell)]) + ".svg"
    files = write_folder(folder, {name: window_svg(computation, pixels)})
    text = explain(computation)
    result = {
        "image": image,
        "layer": layer,
        "kind": computation.kind,
        "cell": list(computation.cell),
        "total": computation.total,
        "computed": computation.computed,
        "sees": [
            computation.receptive_field.first_row,
            computation.receptive_field.last_row,
            computation.receptive_field.first_column,
            computation.receptive_field.last_column,
        ],
        "text": text,
        "files": files,
    }
    return result, f"{text}\ndrawn: {files[0]}"


def _cell(text: str) -> tuple[int, ...]:
    """Read `y,x`, `map,y,x` or `n`."""
    try:
        cell = tuple(int(part) for part in text.split(","))
    except ValueError:
        cell = ()
    if not 1 <= len(cell) <= 3:
        raise InputError(
            f"--cell is {text!r}", "y,x or map,y,x, or one number of a feature", "write --cell 3,4"
        )
    return cell


def _stem(image: str) -> str:
    """Return a folder name that any system takes, from a file's name."""
    stem = "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(image).stem)
    return stem.strip("-")[:60] or "image"


def _command(
    subject: str,
    image: str,
    layers: list[str] | None,
    methods: list[str] | None,
    target: str | None,
    dead: bool,
) -> str:
    words = ["convlens", "look", subject, image]
    for option, values in (("--layer", layers), ("--method", methods)):
        for value in values or ():
            words += [option, value]
    words += (["--class", target] if target else []) + (["--dead"] if dead else [])
    return shlex.join(words)
