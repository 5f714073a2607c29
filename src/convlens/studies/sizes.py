"""Variants of one network compared: parameters, multiply-adds, time, accuracy over seeds.

Width and depth differ in how a variant is made, and in nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from convlens.figures.charts import Chart, Line, charts_svg
from convlens.foundation.errors import NetworkError
from convlens.network import Network
from convlens.report import numbers
from convlens.report.page import Drawing
from convlens.report.text_table import Table
from convlens.studies.findings import (
    ALL_DIVERGED,
    Findings,
    counted,
    fastest,
    share_text,
    spread,
    worked,
)
from convlens.studies.journal import Values
from convlens.studies.study import Bench


def compare(
    bench: Bench,
    kind: str,
    values: Sequence[float],
    make: Callable[[Network, float], Network],
    *,
    title: str,
    method: str,
) -> Findings:
    """Train each variant with each seed and put them side by side.

    Parameters
    ----------
    bench : Bench
        Does the trainings.
    kind : str
        What is varied: "width" or "depth".
    values : sequence of float
        The variants.
    make : callable
        Returns the network for one of them.
    title, method : str
        Of the page.
    """
    options, subject = bench.options, bench.subject
    epochs = options.epochs or (subject.recipe.epochs if options.full else 3)
    repeats = range(options.seeds or (5 if options.full else 2))
    variants, left_out = [], []
    for value in values:
        try:
            network = make(subject.network, value)
            network.plan()
            variants.append((value, network))
        except NetworkError as error:
            left_out.append(f"{kind} {value:g}: {error.what}.")
    if not variants:
        raise NetworkError(
            f"no {kind} of {subject.network.name} can be computed: {left_out[0]}",
            "a network whose layers fit together",
            "choose another network or other `values`",
        )
    bench.plan(len(variants) * len(repeats))
    rows = [_row(bench, kind, value, network, epochs, repeats) for value, network in variants]
    return Findings(
        title,
        _sentence(kind, rows),
        (method, _how(bench, epochs, len(repeats)), *left_out),
        (_table(kind, rows, epochs, len(repeats)),),
        _figures(kind, rows),
        {"epochs": epochs, "variants": rows},
    )


def _row(
    bench: Bench, kind: str, value: float, network: Network, epochs: int, repeats: range
) -> Values:
    results = [
        bench.training(
            f"{kind} {value:g}",
            {kind: value, "variant": network.to_dict()},
            recipe=bench.subject.recipe.changed({"epochs": epochs, "seed": seed}),
            network=network,
        )
        for seed in repeats
    ]
    table = network.plan()
    accuracies = worked(results, "validation_accuracy")
    mean, deviation = spread(accuracies) if accuracies else (None, None)
    times = worked(results, "seconds_an_epoch")
    return {
        kind: value,
        "parameters": table.parameters,
        "multiply_adds": table.multiply_adds,
        "seconds_an_epoch": fastest(times),
        "validation_accuracies": accuracies,
        "validation_accuracy_mean": mean,
        "validation_accuracy_std": deviation,
        "failed": len(results) - len(accuracies),
    }


def _table(kind: str, rows: list[Values], epochs: int, repeats: int) -> Table:
    return Table(
        f"After {counted(epochs, 'epoch')}, {counted(repeats, 'seed')}",
        (kind, "parameters", "multiply-adds", "seconds per epoch", "validation accuracy"),
        tuple(
            (
                f"{row[kind]:g}",
                numbers.whole(row["parameters"]),
                numbers.whole(row["multiply_adds"]),
                numbers.decimal(row["seconds_an_epoch"], 2),
                share_text(row["validation_accuracies"])
                + (f", {row['failed']} diverged" if row["failed"] else ""),
            )
            for row in rows
        ),
    )


def _sentence(kind: str, rows: list[Values]) -> str:
    trained = [row for row in rows if row["validation_accuracies"]]
    if not trained:
        return ALL_DIVERGED
    best = max(trained, key=lambda row: row["validation_accuracy_mean"])
    text = (
        f"The highest validation accuracy has {kind} {best[kind]:g}: "
        f"{share_text(best['validation_accuracies'])} with {numbers.whole(best['parameters'])} "
        f"parameters and {numbers.duration(best['seconds_an_epoch'])} per epoch"
    )
    deviation = best["validation_accuracy_std"]
    near = [
        row
        for row in trained
        if row["seconds_an_epoch"] < best["seconds_an_epoch"]
        and deviation is not None
        and best["validation_accuracy_mean"] - row["validation_accuracy_mean"] <= deviation
    ]
    if not near:
        return text + "."
    cheapest = min(near, key=lambda row: row["seconds_an_epoch"])
    return (
        f"{text}; {kind} {cheapest[kind]:g} is within one standard deviation of it in "
        f"{cheapest['seconds_an_epoch'] / best['seconds_an_epoch']:.2f} of the time."
    )


def _how(bench: Bench, epochs: int, repeats: int) -> str:
    held_out = len(bench.subject.dataset.validation)
    return (
        f"Each variant trains for {counted(epochs, 'epoch')} with {counted(repeats, 'seed')} and "
        "the same recipe; ± is the standard deviation over the seeds. Accuracy is of the last "
        f"epoch on {held_out:,} validation images; the test set is not read. Time is the fastest "
        "training's."
    )


def _figures(kind: str, rows: list[Values]) -> tuple[Drawing, ...]:
    trained = [row for row in rows if row["validation_accuracies"]]
    if not trained:
        return ()
    means = [row["validation_accuracy_mean"] for row in trained]
    charts = []
    for axis, key in ((kind, kind), ("seconds per epoch", "seconds_an_epoch")):
        single = [(row[key], a) for row in trained for a in row["validation_accuracies"]]
        charts.append(
            Chart(
                "Validation accuracy",
                axis,
                "",
                [
                    Line("mean", [row[key] for row in trained], means),
                    Line("one seed", [x for x, _ in single], [y for _, y in single], "points", 4),
                ],
                percent=True,
            )
        )
    caption = f"Left: by {kind}. Right: by what an epoch of it costs on this machine."
    return (Drawing(kind, charts_svg(charts), caption),)
