"""`convlens watch`: follow a training that another process does, until it ends."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from convlens import runs as store
from convlens.cli.options import Json, RunArgument, RunsRoot, new_command, print_json
from convlens.foundation.progress import showing
from convlens.foundation.progress.events import TrainingProgress
from convlens.runs import Run

app = new_command()

BLOCKS = "▁▂▃▄▅▆▇█"
CURVES = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")


@app.command(epilog="Example: convlens watch last")
def watch(
    run: RunArgument = "last",
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two updates.")] = 1.0,
    runs: RunsRoot = None,
    as_json: Json = False,
) -> None:
    """Follow a training in another process: curves on a terminal, elsewhere a line per epoch.

    Ends with the training. Exits with 1 where it failed, diverged or stopped without a word.
    """
    opened = store.find(run, runs)
    console = Console(stderr=True, highlight=False)
    live = console.is_terminal and not console.is_dumb_terminal
    opened, state = _follow_live(opened, every, console) if live else _follow(opened, every)
    history = opened.history
    if as_json:
        keys = ("epoch", "best_epoch", "validation_accuracy", "test_accuracy", "message")
        facts = {key: opened.status.get(key) for key in keys}
        print_json({"run": str(opened.folder), "state": state, **facts})
    else:
        if not live and "validation_accuracy" in history:
            typer.echo(f"validation accuracy {curve(history['validation_accuracy'].tolist())}")
        test = opened.status.get("test_accuracy")
        tested = "" if test is None else f", test accuracy {test:.2%}"
        typer.echo(f"{opened.name}: {state} after {len(history.epochs)} epochs{tested}")
    if state in ("failed", "diverged", "stopped"):
        raise typer.Exit(1)


def _follow(opened: Run, every: float) -> tuple[Run, str]:
    """Write a line for each epoch until the training ends; return the run and its state then."""
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
                return opened, state
            time.sleep(every)


def _follow_live(opened: Run, every: float, console: Console) -> tuple[Run, str]:
    """Draw the curves again each time the run is read; the last drawing stays."""
    with showing(False), Live(console=console, auto_refresh=False) as drawing:
        while True:
            opened = Run.open(opened.folder)
            state = str(opened.status.get("state"))
            width = max(10, min(60, console.width - 40))
            drawing.update(Text(curves(opened, width)), refresh=True)
            if state != "running":
                return opened, state
            time.sleep(every)


def curves(run: Run, width: int = 60) -> str:
    """Return how far a training is, and its losses and accuracies as one line each."""
    history = run.history
    starts = [event for event in run.events() if event["event"] in ("start", "resume")]
    if not history.epochs:
        return f"{run.name}: no epoch is complete yet"
    planned = f" of {starts[-1]['epochs']}" if starts else ""
    last = history.epochs[-1]
    lines = [
        f"{run.name}: epoch {last['epoch']}{planned}, {last['images_per_second']:,.0f} images/s"
    ]
    for name in CURVES:
        if name in history:
            label = name.replace("_", " ")
            lines.append(f"{label:20} {curve(history[name].tolist(), width)}")
    return "\n".join(lines)


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
