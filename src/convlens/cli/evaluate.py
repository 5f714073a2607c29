"""`convlens evaluate`: measure a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from convlens.api.evaluate import evaluations
from convlens.cli.options import (
    Engine,
    Json,
    RunArgument,
    RunsRoot,
    comma_separated,
    new_command,
    print_json,
)
from convlens.foundation.columns import in_columns
from convlens.report.numbers import decimal

if TYPE_CHECKING:
    from convlens.evaluation import Evaluation

app = new_command()

WORST = 5
"""Mistakes that are printed, the worst first."""


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
    views: Annotated[
        str, typer.Option(help="Also average over views of each image: mirror, shift.")
    ] = "",
    runs: RunsRoot = None,
    as_json: Json = False,
) -> None:
    """Measure a run's best weights on its own test set, or on other data.

    With views (test-time augmentation) a second line tells what averaging over them gives.
    Do not choose between runs by these numbers: that is what the validation split is for.
    """
    names = comma_separated(views)
    result, *viewed = evaluations(
        run,
        [(), names] if names else [()],
        data=data,
        split=split,
        weights=weights,
        engine=engine,
        runs=runs,
    )
    if as_json:
        payload = _payload(result)
        for one in viewed:
            payload["views"] = {"names": names, **_payload(one)}
        print_json(payload)
        return
    typer.echo(f"{split} {_line(result)}, {result.images:,} images")
    for one in viewed:
        typer.echo(f"mean over views ({', '.join(names)}): {_line(one)}")
    table: list[tuple[str, ...]] = [("class", "precision", "recall", "F1", "images")]
    for row in result.per_class:
        shares = map(decimal, (row.precision, row.recall, row.f1))
        table.append((row.name, *shares, f"{row.images:,}"))
    typer.echo("\n".join(f"  {line}" for line in in_columns(table, right=range(1, 5))))
    for mistake in result.mistakes[:WORST]:
        true, called = result.classes[mistake.label], result.classes[mistake.predicted]
        typer.echo(
            f"  {mistake.name(split)}: {true} called {called}, with {mistake.probability:.1%}"
        )


def _payload(result: Evaluation) -> dict[str, Any]:
    return {key: value for key, value in result.to_dict().items() if key != "mistakes"}


def _line(result: Evaluation) -> str:
    low, high = result.interval
    return (
        f"accuracy {result.accuracy:.2%} (95% interval {low:.2%} to {high:.2%}), "
        f"loss {result.loss:.4f}"
    )
