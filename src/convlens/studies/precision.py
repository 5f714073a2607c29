"""Which precision and memory layout train fastest, and whether that costs accuracy."""

from __future__ import annotations

from dataclasses import replace

from convlens.engines.device import supports_bfloat16
from convlens.figures.bars import bars_svg
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
from convlens.training.compute_settings import Layout, Precision


def study(bench: Bench) -> Findings:
    """Train in every precision and layout that the device has."""
    options, subject = bench.options, bench.subject
    epochs = options.epochs or (subject.recipe.epochs if options.full else 3)
    repeats = range(options.seeds or (5 if options.full else 3))
    precisions: list[Precision] = ["float32"]
    if supports_bfloat16(subject.device):
        precisions.append("bfloat16")
    layouts: tuple[Layout, ...] = ("contiguous", "channels_last")
    bench.plan(len(precisions) * len(layouts) * len(repeats))
    rows = []
    for precision in precisions:
        for layout in layouts:
            compute = replace(subject.compute, precision=precision, memory_format=layout)
            results = [
                bench.training(
                    f"{precision} {layout}",
                    {"precision": precision, "memory_format": layout},
                    recipe=subject.recipe.changed({"epochs": epochs, "seed": seed}),
                    compute=compute,
                )
                for seed in repeats
            ]
            rows.append(_row(precision, layout, results))
    return _findings(bench, rows, epochs, len(repeats), "bfloat16" in precisions)


def _row(precision: str, layout: str, results: list[Values]) -> Values:
    times = worked(results, "seconds_an_epoch")
    return {
        "precision": precision,
        "memory_format": layout,
        "seconds_an_epoch": fastest(times),
        "seconds_an_epoch_of_each": times,
        "validation_accuracies": worked(results, "validation_accuracy"),
        "train_losses": worked(results, "train_loss"),
    }


def _findings(
    bench: Bench, rows: list[Values], epochs: int, repeats: int, has_bfloat16: bool
) -> Findings:
    plain = rows[0]["seconds_an_epoch"]
    table = Table(
        f"{counted(epochs, 'epoch')}, {counted(repeats, 'seed')}",
        ("precision, layout", "seconds per epoch", "times as fast", "validation accuracy"),
        tuple(
            (
                f"{row['precision']}, {row['memory_format']}",
                numbers.decimal(row["seconds_an_epoch"], 2),
                f"{plain / row['seconds_an_epoch']:.2f}",
                share_text(row["validation_accuracies"]),
            )
            for row in rows
            if row["seconds_an_epoch"] and plain
        ),
    )
    trained = [row for row in rows if row["seconds_an_epoch"]]
    sentence = ALL_DIVERGED
    figures: tuple[Drawing, ...] = ()
    if trained:
        best = min(trained, key=lambda row: row["seconds_an_epoch"])
        sentence = (
            f"{best['precision']} in the layout {best['memory_format']} is fastest here: "
            f"{numbers.duration(best['seconds_an_epoch'])} per epoch, at "
            f"{share_text(best['validation_accuracies'])} validation accuracy"
        )
        if best is not rows[0] and plain:
            change = spread(best["validation_accuracies"])[0]
            change -= spread(rows[0]["validation_accuracies"])[0]
            sentence += (
                f"; {plain / best['seconds_an_epoch']:.2f} times as fast as float32, contiguous, "
                f"with an accuracy {abs(100 * change):.2f} points "
                f"{'higher' if change > 0 else 'lower'}"
            )
        sentence += "."
        svg = bars_svg(
            [f"{row['precision']}, {row['memory_format']}" for row in trained],
            [row["seconds_an_epoch"] for row in trained],
            title="Seconds per epoch",
            unit="seconds",
            groups=[int(row["precision"] == "bfloat16") for row in trained],
            format_spec=".2f",
        )
        figures = (Drawing("precision", svg, "The fastest of the trainings of each kind."),)
    method = [
        "bfloat16 keeps 8 bits of a number's digits where float32 keeps 24, in the products of "
        "the forward and backward pass; weights and sums stay float32. The layout is the order "
        "of an image's numbers in memory: map after map (contiguous) or pixel after pixel "
        "(channels_last). Both change the speed, and rounding, and nothing else.",
        f"Accuracy is of the last epoch on {len(bench.subject.dataset.validation):,} validation "
        "images, ± the standard deviation over the seeds; time is the fastest training's.",
    ]
    if not has_bfloat16:
        method.append("This device does not multiply bfloat16 itself, so only float32 was tried.")
    return Findings(
        "Which precision and layout",
        sentence,
        tuple(method),
        (table,),
        figures,
        {"epochs": epochs, "variants": rows},
    )
