"""`convlens zoo`: the named networks."""

from __future__ import annotations

import textwrap

import typer

from convlens.cli.options import Json, new_command, print_json
from convlens.network import zoo as networks
from convlens.network.arithmetic import shape_text

app = new_command()


@app.command(epilog="Example: convlens shapes lenet-5")
def zoo(as_json: Json = False) -> None:
    """List the named networks, their size and why each is there."""
    rows = [(network, network.plan()) for network in map(networks.load, networks.names())]
    if as_json:
        listed = [
            {
                "name": network.name,
                "input": network.input,
                "classes": network.classes,
                "parameters": table.parameters,
                "multiply_adds": table.multiply_adds,
                "about": network.about,
            }
            for network, table in rows
        ]
        print_json({"networks": listed})
        return
    for network, table in rows:
        typer.echo(
            f"{network.name:18} {shape_text(network.input):>8}  {table.parameters:>8,} parameters  "
            f"{table.multiply_adds:>11,} multiply-adds"
        )
        typer.echo(textwrap.fill(network.about, 92, initial_indent="  ", subsequent_indent="  "))
