"""`convlens zoo`: the named networks."""

from __future__ import annotations

import textwrap
from dataclasses import asdict

import typer

from convlens.cli.options import Json, new_command, print_json
from convlens.network import zoo as networks
from convlens.network.arithmetic import shape_text
from convlens.network.zoo import Facts

app = new_command()


@app.command(epilog="Example: convlens shapes lenet-5")
def zoo(as_json: Json = False) -> None:
    """List the named networks by group, their size and why each is there."""
    accuracies = _accuracies()
    listed = [networks.facts(name) for names in networks.groups().values() for name in names]
    if as_json:
        rows = [asdict(facts) | {"top1_percent": accuracies.get(facts.name)} for facts in listed]
        print_json({"networks": rows})
        return
    width = max(len(facts.name) for facts in listed)
    for group, title in networks.GROUPS.items():
        typer.echo(f"{title}:")
        for facts in (facts for facts in listed if facts.group == group):
            typer.echo("  " + _line(facts, width, accuracies.get(facts.name)))
            typer.echo(
                textwrap.fill(facts.about, 92, initial_indent="    ", subsequent_indent="    ")
            )


def _line(facts: Facts, width: int, accuracy: float | None) -> str:
    year = facts.year or ""
    text = (
        f"{facts.name:{width}}  {year:4}  {shape_text(facts.input):>9}  "
        f"{facts.parameters:>11,} parameters  {facts.multiply_adds:>14,} multiply-adds"
    )
    return text if accuracy is None else f"{text}  {accuracy:.1f}% top-1"


def _accuracies() -> dict[str, float]:
    """Return the best published accuracy on ImageNet of each network that has weights."""
    from convlens.weights.published import catalogue

    entries = sorted(catalogue().values(), key=lambda entry: entry.top1_percent)
    return {entry.network: entry.top1_percent for entry in entries}
