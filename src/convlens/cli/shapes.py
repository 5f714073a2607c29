"""`convlens shapes`: the table of a network, or the settings that would fit."""

from __future__ import annotations

from typing import Annotated

import typer

from convlens.cli.options import Json, new_command, parse_shape, print_json
from convlens.foundation.documents import parse_toml
from convlens.foundation.errors import InputError, NetworkError
from convlens.network import Network, zoo
from convlens.network.misfit import Limits
from convlens.network.plan import Plan

app = new_command()


@app.command(epilog="Example: convlens shapes resnet50 --input 3,64,64 --classes 10")
def shapes(
    net: Annotated[
        str | None, typer.Argument(metavar="NET", help="A name from `convlens zoo`, or a file.")
    ] = None,
    input_shape: Annotated[
        str | None, typer.Option("--input", help="Another input shape: channels,height,width.")
    ] = None,
    classes: Annotated[
        int | None, typer.Option(min=2, help="Another number of classes: its last layer changes.")
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(help="A layer, in place of NET, such as 'conv=8, kernel=3'; repeatable."),
    ] = None,
    floor: Annotated[
        bool, typer.Option("--floor", help="Round sizes down, as PyTorch and Keras do.")
    ] = False,
    max_layers: Annotated[int, typer.Option(min=1)] = Limits.layers,
    max_parameters: Annotated[int, typer.Option(min=1)] = Limits.parameters,
    max_side: Annotated[int, typer.Option(min=1)] = Limits.side,
    as_json: Json = False,
) -> None:
    """Show every layer's output shape, parameters, multiply-adds and receptive field.

    A size that does not come out whole is an error that names the settings that would fit.
    """
    limits = Limits(max_layers, max_parameters, max_side)
    shape = parse_shape(input_shape) if input_shape else None
    if (net is None) == (not layer):
        raise InputError(
            "a network is needed" if net is None else "NET and --layer are both given",
            "either NET or --layer",
            "write convlens shapes tutorial-torch, or --input 1,32,32 --layer 'conv=8, kernel=3'",
        )
    if net is not None:
        network = zoo.resolve(net, limits)
    else:
        layers = [_layer(text) for text in layer or []]
        network = Network(input=shape or (1, 28, 28), layers=layers)
    if floor:
        network = network.model_copy(update={"rounding": "floor"})
    if classes is not None:
        network = network.adapted(shape or network.input, classes)
    elif shape is not None:
        network = network.model_copy(update={"input": shape})
    table = network.plan(floor=floor or None, limits=limits)
    if as_json:
        print_json(table_json(network.name, table))
    else:
        typer.echo(str(table))


def _layer(text: str) -> dict[str, object]:
    try:
        layer = parse_toml(f"layer = {{ {text.strip().strip('{}')} }}")["layer"]
    except ValueError as error:
        raise NetworkError(
            f"--layer {text!r} is not a layer: {error}",
            "its kind and settings, as in a network file",
            "write --layer 'conv=8, kernel=3, padding=1'",
        ) from None
    return dict(layer)


def table_json(name: str, table: Plan) -> dict[str, object]:
    """Return the table as flat, stable JSON."""
    return {
        "network": name,
        "input": table.input,
        "layers": [
            {
                "name": step.name,
                "kind": step.kind,
                "input": step.input,
                "output": step.output,
                "parameters": step.parameters,
                "multiply_adds": step.multiply_adds,
                "activation_bytes": step.activation_bytes,
                "receptive_field": [axis.size for axis in step.receptive_field],
                "jump": [axis.jump for axis in step.receptive_field],
                "offset": [axis.offset for axis in step.receptive_field],
                "dropped": step.dropped,
            }
            for step in table.steps
        ],
        "output": table.output,
        "parameters": table.parameters,
        "multiply_adds": table.multiply_adds,
        "activation_bytes": table.activation_bytes,
    }
