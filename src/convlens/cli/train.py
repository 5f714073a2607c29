"""`convlens train`: from a layer list to a trained, measured, reported run."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer

import convlens
from convlens.api.plan_training import TrainingPlan, plan_training
from convlens.cli import flags
from convlens.cli.dry_run import as_json as plan_json
from convlens.cli.options import (
    BadImages,
    Device,
    Fit,
    InputShape,
    Json,
    Memory,
    RunsRoot,
    new_command,
    old_option,
    parse_shape,
    print_json,
    recipe_changes,
)
from convlens.engines import check_engine
from convlens.foundation.errors import InputError
from convlens.foundation.progress.events import TrainingProgress
from convlens.runs import Run

app = new_command()


@app.command(epilog="Example: convlens train tutorial-torch --data mnist --epochs 3")
def train(
    net: Annotated[
        str | None, typer.Argument(metavar="NET", help="A name from `convlens zoo`, or a file.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="A known data set or a path. [default: digits-5k]")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="A named recipe, or a .toml file.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a recipe value: key=value; repeatable."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images.")] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="Epochs without a lower validation loss before stopping; 0 never stops."),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per update.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Learning rate at its peak.")] = None,
    lr: Annotated[float | None, typer.Option("--lr", hidden=True)] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    device: Device = "auto",
    engine: Annotated[
        str | None, typer.Option(help="The engine that trains: torch or keras. [default: torch]")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Weights to start from: a .safetensors or .pt file.")
    ] = None,
    pretrained: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="NET|RUN",
            help="Begin with a published network or a run, or none. [default: EfficientNet-Lite0 "
            "for a folder of colour photos]",
        ),
    ] = None,
    freeze: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER", help="Keep the weights up to a layer: its name, all, or none."
        ),
    ] = None,
    bad_images: BadImages = "fail",
    input_shape: InputShape = None,
    fit: Fit = None,
    memory: Memory = None,
    out: Annotated[str | None, typer.Option(help="The exact folder of the new run.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the new run.")] = None,
    runs: RunsRoot = None,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Continue an interrupted run.")
    ] = None,
    from_previous: Annotated[
        bool, typer.Option("--from-previous", help="Resume from the checkpoint before the last.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen; train nothing, write nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a network, choose the epoch by validation, test once, write the report.

    With no arguments: the default network on 5,000 real handwritten digits.
    """
    check_engine(engine or "torch", trains=True)
    learning_rate = old_option("--lr", "--learning-rate", lr, learning_rate)
    with TrainingProgress(spelled=flags.speller("train")) as progress:
        if resume is not None:
            named = (net, data, recipe, set_, engine, weights, out, name, input_shape, fit, memory)
            changed = (pretrained, freeze, epochs, patience, batch_size, learning_rate, seed)
            if any((*named, *changed, dry_run)):
                raise InputError(
                    "--resume came with other settings",
                    "--resume RUN alone: it keeps its own network, data and recipe, and its engine",
                    "remove them, or start a new run",
                )
            run = convlens.resume(
                resume, runs=runs, device=device, from_previous=from_previous, on_event=progress
            )
        else:
            changes = recipe_changes(set_ or [])
            options: dict[str, Any] = {"epochs": epochs, "patience": patience, "seed": seed}
            options |= {"batch_size": batch_size, "learning_rate": learning_rate}
            options["freeze"] = freeze
            changes |= {key: value for key, value in options.items() if value is not None}
            verb = partial(plan_training, changed_by="command line") if dry_run else convlens.train
            done = verb(
                net,
                data or "digits-5k",
                recipe=recipe,
                device=device,
                engine=engine or "torch",
                out=out,
                name=name,
                runs=runs,
                weights=weights,
                pretrained=pretrained,
                bad_images=bad_images,
                input_shape=parse_shape(input_shape) if input_shape else None,
                fit=fit,
                memory=memory,
                on_event=progress,
                **changes,
            )
            if isinstance(done, TrainingPlan):
                _tell_plan(done, as_json=as_json)
                return
            run = done
    result = _result(run)
    if as_json:
        print_json(result)
    else:
        _print(run, result)


def _tell_plan(plan: TrainingPlan, *, as_json: bool) -> None:
    if as_json:
        print_json(flags.in_options(plan_json(plan), flags.of_command(["train"])))
    else:
        typer.echo(flags.speller("train")(str(plan)))


def _result(run: Run) -> dict[str, Any]:
    status = run.status
    keys = ("train_seconds", "validation_accuracy", "test_accuracy", "test_loss", "best_epoch")
    return {
        "run": str(run.folder),
        "epochs": status.get("epoch"),
        "stopped_early": status.get("epoch") != status.get("epochs"),
        **{key: status.get(key) for key in keys},
        "test_images": (run.evaluation or {}).get("images"),
        "parameters": status.get("parameters"),
        "report": str(run.folder / "report.html"),
    }


def _print(run: Run, result: dict[str, Any]) -> None:
    typer.echo(
        f"test accuracy {result['test_accuracy']:.2%} ({result['test_images']:,} images, read "
        f"once), loss {result['test_loss']:.4f}, with the weights of epoch "
        f"{result['best_epoch']}, chosen by validation"
    )
    typer.echo(f"training took {result['train_seconds']:.1f} s")
    typer.echo(f"report: {result['report']}")
