"""`convlens compare-engines`: the differences between the engines' numbers."""

from __future__ import annotations

from dataclasses import asdict
from importlib.util import find_spec
from typing import Annotated

import typer

from convlens.cli.options import Json, new_command, print_json
from convlens.engines.agreement import IMAGES, Agreement, agreements
from convlens.foundation.progress import track
from convlens.network import zoo

app = new_command()


@app.command(epilog="Example: convlens compare-engines tutorial-keras")
def compare_engines(
    net: Annotated[
        str | None,
        typer.Argument(metavar="NET", help="A network's name or file. [default: all of the zoo]"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the weights and the images.")] = 0,
    as_json: Json = False,
) -> None:
    """Compare every engine's logits and activations with the reference in float64.

    Keras is compared where it is installed, on the backend that KERAS_BACKEND names.
    """
    networks = [zoo.load(name) for name in zoo.names()] if net is None else [zoo.resolve(net)]
    engines = ["torch", *(["keras"] if find_spec("keras") else [])]
    rows = [
        row
        for network in track(networks, "networks compared")
        for row in agreements(network, engines, seed)
    ]
    names = {"torch": "torch", "keras": "keras"}
    if "keras" in engines:
        from convlens.engines import keras_backend

        names["keras"] = f"keras on {keras_backend.describe()['keras_backend']}"
    if as_json:
        listed = [{**asdict(row), "engine": names[row.engine]} for row in rows]
        print_json({"images": IMAGES, "seed": seed, "agreements": listed})
        return
    for line in table(rows, names):
        typer.echo(line)


def table(rows: list[Agreement], names: dict[str, str]) -> list[str]:
    """Return the lines of a Markdown table."""
    lines = [
        "| network | engine | logits | worst activation | its layer |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.network} | {names[row.engine]} | {row.logits:.1e} | {row.activation:.1e} "
        f"| {row.layer} |"
        for row in rows
    ]
    return lines
