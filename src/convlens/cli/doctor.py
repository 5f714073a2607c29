"""`convlens doctor`: what this machine offers."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer

from convlens import __version__, data
from convlens.cli.options import Json, new_command, print_json
from convlens.data.folders import cache
from convlens.engines.device import choose_device, describe, limit_threads, supports_bfloat16
from convlens.foundation.columns import in_columns
from convlens.foundation.machine import size_text
from convlens.report.text_table import Table
from convlens.training import autotune_cache
from convlens.training.autotune_cache import Measured

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
            "--compute-settings",
            "--choices",
            help="Show how networks compute fastest here, and what was measured.",
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
    rows = [(name, str(value)) for name, value in facts.items()]
    rows += [(f"data {name}", place or "not found here") for name, place in places.items()]
    typer.echo("\n".join(in_columns(rows)))


def _show_choices(*, as_json: bool) -> None:
    """Print all measured compute settings: what they are for, and each candidate's milliseconds."""
    kept = autotune_cache.all_kept()
    if as_json:
        print_json({"place": str(autotune_cache.place()), "choices": [vars(one) for one in kept]})
        return
    if not kept:
        typer.echo(f"nothing has been measured yet; a training does it ({autotune_cache.place()})")
    for one in kept:
        typer.echo(_candidates(one))


def _candidates(kept: Measured) -> Table:
    """Return a table of the candidates; a star marks those that were taken."""
    settings: Any = kept.choice
    taken = {
        f"{settings['precision']} {settings['memory_format']}",
        f"threads {settings['threads']}",
        f"evaluation {settings['evaluation_batch']}",
    }
    crowded = ", beside other programs, kept for an hour" if settings["crowded"] else ""
    rows = [
        (f"{name} *" if name in taken else name, f"{ms:.1f}")
        for name, ms in (settings["measured_ms"] or {}).items()
    ]
    title = f"{kept.network}, batch {kept.batch_size}, {kept.device}, {kept.measured}{crowded}"
    return Table(title, ("candidate (* taken)", "ms"), rows)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
