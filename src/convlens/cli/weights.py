"""`convlens weights`: published weights, where they are and how to get them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from convlens.cli.options import Json, new_command, print_json
from convlens.foundation.machine import size_text
from convlens.weights.published import Published, catalogue, published

app = new_command(
    help="List published weights, and show one.",
    epilog="Example: convlens weights list",
    no_args_is_help=True,
)


@app.command("list", epilog="Example: convlens weights list")
def list_(as_json: Json = False) -> None:
    """List the published weights, and whether they are on this machine."""
    entries = list(catalogue().values())
    if as_json:
        print_json({"weights": [_facts(entry) for entry in entries]})
        return
    for entry in entries:
        typer.echo(
            f"{entry.name:20} {entry.title}\n{'':20} {size_text(entry.bytes)}, top-1 "
            f"{entry.top1_percent}% of ImageNet; licence: {entry.licence}\n{'':20} {_place(entry)}"
        )


@app.command(epilog="Example: convlens weights show efficientnet-lite0")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of convlens weights list.")],
    as_json: Json = False,
) -> None:
    """Show all that is known of published weights: source, sha256, licence, preprocessing."""
    entry = published(name)
    if as_json:
        print_json(_facts(entry) | {"modules": dict(entry.modules)})
        return
    for key, value in _facts(entry).items():
        typer.echo(f"{key.replace('_', ' '):14} {value}")


def _place(entry: Published) -> str:
    path = entry.find()
    return f"not here: {entry.how_to_get}" if path is None else f"in {path}"


def _facts(entry: Published) -> dict[str, Any]:
    """Return what there is to say, without the thousand classes and the names of the modules."""
    path = entry.find()
    facts = asdict(entry)
    del facts["modules"]
    facts["classes"] = len(entry.classes)
    return facts | {"found": None if path is None else str(path), "how_to_get": entry.how_to_get}
