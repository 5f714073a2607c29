"""`convlens zoo`: the named networks."""

from __future__ import annotations

import textwrap

import typer

from convlens import zoo as networks
from convlens.cli.options import Json, new_command, print_json
from convlens.table import shape_text

app = new_command()


@app.command(epilog="Example: convlens shapes lenet-5")
def zoo(as_json: Json = False) -> None:
    """List the named networks, their size and why each is there."""
    rows = []
    for name in networks.names():
        network = networks.load(name)
        table = network.table()
        rows.append(
            {
                "name": name,
                "input": network.input,
                "classes": network.classes,
                "parameters": table.parameters,
                "multiply_adds": table.multiply_adds,
                "about": network.about,
            }
        )
    if as_json:
        print_json({"networks": rows})
        return
    for row in rows:
        typer.echo(
            f"{row['name']:18} {shape_text(row['input']):>8}  {row['parameters']:>8,} parameters  "
            f"{row['multiply_adds']:>11,} multiply-adds"
        )
        typer.echo(textwrap.fill(row["about"], 92, initial_indent="  ", subsequent_indent="  "))
