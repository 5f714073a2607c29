"""`convlens watch`: follow a training that another process does, until it ends."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from convlens import runs as store
from convlens.cli.options import Json, RunArgument, RunsRoot, new_command, print_json
from convlens.progress.events import TrainingProgress
from convlens.runs import Run

app = new_command()

BLOCKS = "▁▂▃▄▅▆▇█"


@app.command(epilog="Example: convlens watch last")
def watch(
    run: RunArgument = "last",
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 1.0,
    runs: RunsRoot = None,
    as_json: Json = False,
) -> None:
    """Show a line for each epoch of a training elsewhere; ends with it.

    Exits with 1 where the training failed, diverged or stopped without a word.
    """
    opened = store.find(run, runs)
    with TrainingProgress() as progress:
        shown = 0
        while True:
            opened = Run.open(opened.folder)
            state = str(opened.status.get("state"))
            events = opened.events()
            for event in events[shown:]:
                progress(event)
            shown = len(events)
            if state != "running":
                break
            time.sleep(every)
    history = opened.history
    if as_json:
        keys = ("epoch", "best_epoch", "validation_accuracy", "test_accuracy", "message")
        facts = {key: opened.status.get(key) for key in keys}
        print_json({"run": str(opened.folder), "state": state, **facts})
    else:
        if "validation_accuracy" in history:
            typer.echo(f"validation accuracy {curve(history['validation_accuracy'].tolist())}")
        test = opened.status.get("test_accuracy")
        told = "" if test is None else f", test accuracy {test:.2%}"
        typer.echo(f"{opened.name}: {state} after {len(history.epochs)} epochs{told}")
    if state in ("failed", "diverged", "stopped"):
        raise typer.Exit(1)


def curve(values: list[float], width: int = 60) -> str:
    """Draw numbers as one line of blocks, from the lowest to the highest.

    >>> curve([0.1, 0.5, 0.9])
    '0.1000 ▁▅█ 0.9000'
    """
    finite = [value for value in values if value == value]  # NaN is not equal to itself
    if not finite:
        return ""
    step = max(1, -(-len(finite) // width))
    shown = finite[::step]
    low, high = min(finite), max(finite)
    span = (high - low) or 1.0
    blocks = "".join(BLOCKS[round((value - low) / span * (len(BLOCKS) - 1))] for value in shown)
    return f"{finite[0]:.4f} {blocks} {finite[-1]:.4f}"
