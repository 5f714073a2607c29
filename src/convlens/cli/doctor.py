"""`convlens doctor`: what this machine offers."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import typer

from convlens import __version__, data
from convlens.cli.options import Json, new_command, print_json
from convlens.data.folders import cache
from convlens.engines.device import choose_device, describe, limit_threads, supports_bfloat16
from convlens.machine import size_text

app = new_command()

PACKAGES = (
    *("numpy", "pillow", "safetensors", "scikit-learn", "matplotlib", "pydantic", "mlxtend"),
    *("keras", "tensorflow-cpu", "jax"),  # of the extra keras, or instead of TensorFlow
)


@app.command(epilog="Example: convlens doctor")
def doctor(as_json: Json = False) -> None:
    """Show versions, devices, threads and the data sets found on this machine."""
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


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
