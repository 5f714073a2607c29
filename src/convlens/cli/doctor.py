"""`convlens doctor`: what this machine offers."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer

from convlens import __version__, data
from convlens.cli.options import Json, new_command, print_json
from convlens.data.folders import cache
from convlens.engines.device import choose_device, describe, limit_threads, supports_bfloat16
from convlens.foundation.machine import size_text
from convlens.report.text_table import Table
from convlens.training import kept_choices
from convlens.training.kept_choices import Kept

app = new_command()

PACKAGES = (
    *("numpy", "pillow", "safetensors", "scikit-learn", "matplotlib", "pydantic", "mlxtend"),
    *("keras", "tensorflow-cpu", "jax"),  # of the extra keras, or instead of TensorFlow
)


@app.command(epilog="Example: convlens doctor --choices")
def doctor(
    choices: Annotated[
        bool,
        typer.Option(
            "--choices", help="Show how networks compute fastest here, and what was measured."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show versions, devices, threads and the data sets found on this machine."""
    if choices:
        _show_choices(as_json=as_json)
        return
    limit_threads()
    device = choose_device("auto")
    facts = {
        "convlens": __version__,
        **describe(device),
        "bfloat16": supports_bfloat16(device),
        **{package: _version(package) for package in PACKAGES},
    }
    entries, taken = cache.size()
    facts["decoded folders"] = (
        f"{entries}, {size_text(taken)} of at most {size_text(cache.limit())}, in {cache.place()}"
        if cache.place() is not None
        else "not kept: CONVLENS_CACHE is off"
    )
    places = {name: data.describe(name)["found"] for name in data.names()}
    if as_json:
        print_json({**facts, "data": places})
        return
    for name, value in facts.items():
        typer.echo(f"{name:16} {value}")
    for name, place in places.items():
        typer.echo(f"data {name:18} {place or 'not found here'}")


def _show_choices(*, as_json: bool) -> None:
    """Print every kept choice: what it is for, and each candidate's milliseconds."""
    kept = kept_choices.all_kept()
    if as_json:
        print_json({"place": str(kept_choices.place()), "choices": [vars(one) for one in kept]})
        return
    if not kept:
        typer.echo(f"nothing has been measured yet; a training does it ({kept_choices.place()})")
    for one in kept:
        typer.echo(_choice_table(one))


def _choice_table(kept: Kept) -> Table:
    """Return a table of the candidates; a star marks those that were taken."""
    choice: Any = kept.choice
    taken = {
        f"{choice['precision']} {choice['memory_format']}",
        f"threads {choice['threads']}",
        f"evaluation {choice['evaluation_batch']}",
    }
    crowded = ", beside other programs, kept for an hour" if choice["crowded"] else ""
    rows = [
        (f"{name} *" if name in taken else name, f"{ms:.1f}")
        for name, ms in (choice["measured_ms"] or {}).items()
    ]
    title = f"{kept.network}, batch {kept.batch_size}, {kept.device}, {kept.measured}{crowded}"
    return Table(title, ("candidate (* taken)", "ms"), rows)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
