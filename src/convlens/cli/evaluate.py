"""`convlens evaluate`: measure a run."""

from __future__ import annotations

from typing import Annotated

import typer

from convlens import workflow
from convlens.cli.options import Engine, Json, RunArgument, RunsRoot, new_command, print_json
from convlens.report.numbers import decimal

app = new_command()


@app.command(epilog="Example: convlens evaluate last")
def evaluate(
    run: RunArgument = "last",
    data: Annotated[
        str | None, typer.Option(help="Other data of the same classes: a known set or a path.")
    ] = None,
    split: Annotated[str, typer.Option(help="test, validation or train.")] = "test",
    weights: Annotated[
        str | None, typer.Option(help="Other weights for its network: .safetensors or .pt.")
    ] = None,
    engine: Engine = "torch",
    runs: RunsRoot = None,
    as_json: Json = False,
) -> None:
    """Measure a run's best weights on its own test set, or on other data.

    Do not choose between runs by these numbers: that is what the validation split is for.
    """
    result = workflow.evaluate(
        run, data=data, split=split, weights_file=weights, engine=engine, root=runs
    )
    if as_json:
        print_json({key: v for key, v in result.to_dict().items() if key != "mistakes"})
        return
    low, high = result.interval
    typer.echo(
        f"{split} accuracy {result.accuracy:.2%} (95% interval {low:.2%} to {high:.2%}), "
        f"loss {result.loss:.4f}, {result.images:,} images"
    )
    for row in result.per_class:
        typer.echo(
            f"  {row.name:>12}  precision {decimal(row.precision)}  recall {decimal(row.recall)}  "
            f"F1 {decimal(row.f1)}  {row.images} images"
        )
