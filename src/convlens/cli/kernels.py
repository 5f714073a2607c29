"""`convlens kernels`: what fixed kernels do to an image, and which kernels a run has learned."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from convlens import runs
from convlens.cli.options import Json, RunsRoot, new_command, print_json
from convlens.foundation import atomic
from convlens.foundation.errors import InputError, RunError, nearest
from convlens.inside.image_filters import GALLERY, Kernel, apply_kernel, find_kernel
from convlens.inside.learned_kernels import KernelLayer, kernel_layers, learned_kernels
from convlens.inside.pixels import read_pixels
from convlens.network import Network
from convlens.runs import Run

app = new_command()


@app.command(
    epilog="Example: convlens kernels photo.jpg --kernel sobel-vertical --svg edges.svg; "
    "convlens kernels --run last --layer conv1 --out figures"
)
def kernels(
    image: Annotated[
        str | None, typer.Argument(metavar="[IMAGE]", help="An image file: PNG, JPEG and others.")
    ] = None,
    kernel: Annotated[
        list[str] | None,
        typer.Option(help="A kernel of the gallery; repeatable. [default: all]"),
    ] = None,
    padding: Annotated[
        str, typer.Option(help="valid: whole windows only; same: pad with zeros to keep the size.")
    ] = "valid",
    size: Annotated[
        int,
        typer.Option(
            min=8, max=4096, help="Shrink larger images to this many pixels per side first."
        ),
    ] = 512,
    run: Annotated[
        str | None, typer.Option(help="Show this run's learned kernels: its folder, or last.")
    ] = None,
    layer: Annotated[
        str | None, typer.Option(help="A convolution of the run. [default: the first]")
    ] = None,
    filter_number: Annotated[
        int | None,
        typer.Option("--filter", help="Show one filter of the layer, with all its channels."),
    ] = None,
    svg: Annotated[
        str | None, typer.Option(metavar="FILE", help="Draw everything into one file.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Folder for one file per fixed kernel, or for a run's figures. "
            "[default with --run: kernels-RUN]",
        ),
    ] = None,
    root: RunsRoot = None,
    as_json: Json = False,
) -> None:
    """Print kernels and draw what they do.

    With an image: the gallery of fixed kernels applied to it. With --run: a layer's learned
    kernels, and where the run recorded them (train --set record_kernels=1) also before and
    after training and as an animation. With neither: the gallery itself.
    """
    if image is not None and run is not None:
        raise InputError(
            "an image and --run are both given",
            "an image for the fixed kernels, or --run for the learned ones",
            "leave one out; `convlens pixels IMAGE --run RUN` shows an image as a run gets it",
        )
    if run is not None:
        result = _learned(runs.find(run, root), layer, filter_number, svg, out)
    else:
        if padding not in ("valid", "same"):
            raise InputError(
                f"--padding is {padding!r}{nearest(padding, ('valid', 'same'))}",
                "valid or same",
                "use --padding same to keep the size",
            )
        chosen = [find_kernel(name) for name in kernel] if kernel else list(GALLERY.values())
        result = _fixed(image, chosen, padding, size, svg, out)
    if as_json:
        print_json(result)
    else:
        _print(result)


def _fixed(
    image: str | None,
    chosen: list[Kernel],
    padding: Any,
    size: int,
    svg: str | None,
    out: str | None,
) -> dict[str, Any]:
    """Apply fixed kernels, and draw them where that is asked for."""
    rows: list[dict[str, Any]] = [
        {"name": k.name, "about": k.about, "kernel": k.array.tolist(), "signed": k.signed}
        for k in chosen
    ]
    result: dict[str, Any] = {"image": image, "kernels": rows, "notes": [], "files": []}
    if image is None:
        if svg or out:
            raise InputError(
                "there is no image to draw", "an image file", "write convlens kernels IMAGE --svg F"
            )
        return result
    pixels, result["notes"] = read_pixels(Path(image), longest=size)
    for row, k in zip(rows, chosen, strict=True):
        sums = apply_kernel(pixels, k, padding)
        row |= {"output": list(sums.shape), "minimum": sums.min(), "maximum": sums.max()}
    if svg or out:
        from convlens.figures.filtered_images import gallery_svg

        files = {f"{k.name}.svg": [k] for k in chosen} if out else {}
        drawn = {
            str(_inside(out, name)): gallery_svg(pixels, one, padding=padding)
            for name, one in files.items()
        }
        if svg:
            drawn[svg] = gallery_svg(pixels, chosen, padding=padding)
        result["files"] = _write({name: text.encode() for name, text in drawn.items()})
    return result


def _learned(
    run: Run, name: str | None, only: int | None, svg: str | None, out: str | None
) -> dict[str, Any]:
    """Draw the kernels that a run has learned, and how it learned them."""
    from convlens.figures.animation import kernels_animation
    from convlens.figures.kernel_plots import before_after_svg, learned_kernels_svg

    layer = _layer(Network.from_toml(run.network_text), name, run)
    array = learned_kernels(run.weights("best"), layer.name)
    best = run.status.get("best_epoch")
    figure = learned_kernels_svg(
        array, layer, only=only, title=f"best by validation, epoch {best}" if best else ""
    )
    files = {svg: figure.encode()} if svg else {}
    snapshots = [
        (epoch, learned_kernels(arrays, layer.name))
        for epoch, arrays in run.kernel_snapshots()
        if f"{layer.name}.weight" in arrays
    ]
    if out is not None or svg is None:
        folder = out or f"kernels-{run.folder.resolve().name}"
        part = "" if only is None else f"-filter-{only}"
        files[_inside(folder, f"{layer.name}{part}.svg")] = figure.encode()
        if len(snapshots) > 1:
            (first, before), (last, after) = snapshots[0], snapshots[-1]
            pair = before_after_svg(before, after, layer, epochs=(first, last))
            files[_inside(folder, f"{layer.name}-before-after.svg")] = pair.encode()
            moving = kernels_animation(snapshots, layer)
            files[_inside(folder, f"{layer.name}-training.png")] = moving
    epochs = [epoch for epoch, _ in snapshots]
    note = "no kernels were recorded: train with --set record_kernels=1 to see them change"
    return {
        "run": str(run.folder),
        "layer": layer.name,
        "shape": list(array.shape),
        "minimum": float(array.min()),
        "maximum": float(array.max()),
        "recorded_epochs": epochs,
        "notes": [] if epochs else [note],
        "files": _write(files),
    }


def _layer(network: Network, name: str | None, run: Run) -> KernelLayer:
    layers = {layer.name: layer for layer in kernel_layers(network.plan())}
    if not layers:
        raise RunError(f"{run.folder} has no convolution", "a run of a CNN")
    if name is not None and name not in layers:
        raise InputError(
            f'there is no convolution "{name}" in this run{nearest(name, layers)}',
            "one of " + ", ".join(layers),
            "take a name of a conv or depthwise layer from `convlens shapes`",
        )
    return layers[name] if name else next(iter(layers.values()))


def _inside(folder: str | None, name: str) -> str:
    return str(Path(folder or ".") / name)


def _write(files: dict[str, bytes]) -> list[str]:
    for name, content in files.items():
        path = Path(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise atomic.explain(error, path) from error
        atomic.write_bytes(path, content)
    return list(files)


def _print(result: dict[str, Any]) -> None:
    for note in result["notes"]:
        typer.echo(note)
    if "layer" in result:
        filters, channels, height, width = result["shape"]
        typer.echo(
            f"{result['layer']}: {filters} filters of {channels}x{height}x{width}, "
            f"weights from {result['minimum']:.3g} to {result['maximum']:.3g}"
        )
    for row in result.get("kernels", []):
        typer.echo(f"\n{row['name']}\n{row['about']}\n{GALLERY[row['name']]}")
        if "output" in row:
            shape = "x".join(map(str, row["output"]))
            span = f"from {row['minimum']:.6g} to {row['maximum']:.6g}"
            typer.echo(f"gives {shape}, sums {span}")
    for file in result["files"]:
        typer.echo(f"drawn: {file}")
