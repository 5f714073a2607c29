"""`convlens weights`: published weights, where they are and how to get them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from convlens.cli.options import Json, new_command, print_json
from convlens.foundation.machine import size_text
from convlens.weights.published import Published, catalogue, published
from convlens.weights.published.naming import Blocks

app = new_command(
    help="List published weights, show one, and download one.",
    epilog="Example: convlens weights list",
    no_args_is_help=True,
)

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A name of convlens weights list, or a network's.")
]


@app.command("list", epilog="Example: convlens weights list")
def list_(as_json: Json = False) -> None:
    """List the published weights, and whether they are on this machine."""
    entries = list(catalogue().values())
    if as_json:
        print_json({"weights": [_facts(entry) for entry in entries]})
        return
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        here = "here" if entry.find() else f"not here: {entry.how_to_get}"
        typer.echo(
            f"{entry.name:{width}}  {entry.top1_percent:5.1f}% top-1  "
            f"{size_text(entry.size):>7}  {here}"
        )


@app.command(epilog="Example: convlens weights get resnet18")
def get(
    name: Name,
    force: Annotated[
        bool, typer.Option("--force", help="Download even where the file was found elsewhere.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Download published weights, checked against the published hash."""
    from convlens.foundation.progress.events import DownloadProgress
    from convlens.weights.published import download

    entry = published(name)
    with DownloadProgress(quiet=as_json) as progress:
        place = download.get(entry, force=force, report=progress)
    if as_json:
        print_json({"name": entry.name, "place": str(place), "files_received": progress.files})
        return
    received = "received" if progress.files else "nothing to download"
    typer.echo(f"{entry.name} is in {place}; {received}")


@app.command(epilog="Example: convlens weights show efficientnet-lite0")
def show(name: Name, as_json: Json = False) -> None:
    """Show all that is known of published weights: source, sha256, licence, preprocessing, names.

    The names are rules, ours and the file's: {n} is a number, and {n-1} one less.
    """
    entry = published(name)
    naming = entry.naming
    rules = [
        ("arrays", naming.arrays),
        ("layers", naming.layers),
        *(rule for blocks in naming.blocks for rule in _rules_of(blocks)),
        ("names of older files", naming.older),
    ]
    if as_json:
        print_json(_facts(entry) | {"naming": asdict(naming)})
        return
    for key, value in _facts(entry).items():
        if value not in (None, "", (), []):
            typer.echo(f"{key.replace('_', ' '):14} {value}")
    typer.echo("what the file calls them:")
    for title, pairs in rules:
        if pairs:
            typer.echo(f"  {title}")
        width = max(map(len, pairs), default=0)
        for ours, theirs in pairs.items():
            typer.echo(f"    {ours:{width}}  {theirs}")
    if naming.unused:
        typer.echo(f"  not used: what begins with {', '.join(naming.unused)}")


def _rules_of(blocks: Blocks) -> list[tuple[str, Mapping[str, str]]]:
    return [("blocks", blocks.names), ("and inside them", blocks.inside)]


def _facts(entry: Published) -> dict[str, Any]:
    """Return what there is to say, without the thousand classes."""
    path = entry.find()
    facts = asdict(entry)
    facts["classes"] = len(entry.classes)
    facts["sources"] = [f"{source}{entry.file}" for source in entry.sources]
    return facts | {"found": None if path is None else str(path), "how_to_get": entry.how_to_get}
