"""What the size of a mini-batch costs and gives: updates, seconds, and accuracy.

The tutorial saw an epoch of 50,000 images take 166 s at batch 1 and 17 s at batch 10; this
measures the same on the user's machine, and what both come to after equal epochs and equal time.
"""

from __future__ import annotations

import math
from typing import Any

from convlens.figures.charts import Chart, Line, charts_svg
from convlens.foundation.decimals import decimal_text
from convlens.foundation.machine import available_memory
from convlens.report import numbers
from convlens.report.page import Drawing
from convlens.report.text_table import Table
from convlens.studies.findings import Findings, counted, share_text, spread, worked
from convlens.studies.journal import Values
from convlens.studies.study import Bench
from convlens.studies.trial import ENDLESS
from convlens.training.autotune import autotune
from convlens.training.batches import batch_sizes
from convlens.training.memory import is_out_of_memory
from convlens.training.recipe import Recipe

CROWDED_OUT = "withheld: measured beside other work"
SIZES = (1, 10, 32, 100, 320, 1000, 3200, 10_000)
TUTORIAL = {1: 166.0, 10: 17.0}
"""Seconds per epoch of 50,000 images, by batch size, as the tutorial states them."""
QUICK = {"epochs": 3, "seconds": 4.0, "most": 12.0}
FULL = {"epochs": 10, "seconds": 60.0, "most": math.inf}
"""Epochs and seconds after which accuracies are compared; the most seconds one training gets."""


def study(bench: Bench) -> Findings:
    """Train with each batch size at a constant rate, and look after equal epochs and equal time."""
    options, subject = bench.options, bench.subject
    limits = FULL if options.full else QUICK
    epochs = options.epochs or int(limits["epochs"])
    seconds = options.seconds or float(limits["seconds"])
    most = max(options.budget or float(limits["most"]), seconds)
    repeats = range(options.seeds or (3 if options.full else 1))
    images = len(subject.dataset.train)
    asked = options.whole_numbers([size for size in SIZES if size <= images])
    sizes = [size for size in asked if size <= images]
    bench.plan(len(sizes) * len(repeats))
    rows = []
    for size in sizes:
        results = [_trial(bench, size, seed, epochs, seconds, most) for seed in repeats]
        rows.append(_row(bench, size, results, images))
    base = subject.recipe.batch_size
    equal = _updates(images, base)
    for row in rows:
        if row["failed"] is None:
            row["seconds_for_equal_updates"] = row["seconds_an_update"] * equal
    return _findings(bench, rows, epochs, seconds, most, equal, len(repeats))


def rate(recipe: Recipe, size: int) -> float:
    """Return the learning rate for a batch size, from the recipe's own of both.

    With Adam it grows with the square root of the batch (Malladi et al. 2022, arXiv:2205.10287),
    with SGD with the batch itself (Goyal et al. 2017, arXiv:1706.02677).

    >>> rate(Recipe(batch_size=100, learning_rate=0.01), 1)
    0.001
    """
    growth = size / recipe.batch_size
    if recipe.optimizer != "sgd":
        growth = math.sqrt(growth)
    return min(float(f"{recipe.learning_rate * growth:.6g}"), 100.0)


def _updates(images: int, size: int) -> int:
    return len(batch_sizes(images, size))


def _trial(bench: Bench, size: int, seed: int, epochs: int, seconds: float, most: float) -> Values:
    recipe = bench.subject.recipe.changed(
        {
            "batch_size": size,
            "learning_rate": rate(bench.subject.recipe, size),
            "schedule": "constant",  # a falling rate would need to know its end
            "epochs": ENDLESS,
            "epoch_share": 1.0,
            "seed": seed,
        }
    )
    what: Values = {"batch": size, "seed": seed, "epochs": epochs, "seconds": seconds}
    what["most"] = None if math.isinf(most) else most

    def measure() -> Values:
        needed = 3 * size * bench.subject.network.plan().activation_bytes
        if needed > available_memory():
            return {"failed": f"a batch needs about {needed / 1e9:.1f} GB of memory"}
        computing = autotune(bench.subject.network, recipe, bench.subject.device)
        trial = bench.begin(recipe, compute=computing)
        result: Values = {}
        try:
            # equal time first, then equal epochs, or the other way round: whichever is sooner
            trial.go_on(epochs=epochs, seconds=min(seconds, most))
            if trial.training.progress.epoch >= epochs:
                result["after_epochs"] = _look(trial)
                trial.go_on(seconds=seconds)
                result["after_seconds"] = _look(trial)
            else:
                result["after_seconds"] = _look(trial)
                trial.go_on(epochs=epochs, seconds=most)
                done = trial.training.progress.epoch >= epochs
                result["after_epochs"] = _look(trial) if done else None
        except ValueError as error:  # batch norm on one value per channel
            return {"failed": str(error)}
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return {"failed": "the device has too little memory for this batch"}
        whole = [event["train_seconds"] for event in trial.epochs]
        return {
            **result,
            "learning_rate": recipe.learning_rate,
            "computed": computing.as_recipe(),
            "updates": trial.updates,
            "train_seconds": round(trial.seconds, 4),
            "seconds_an_update": trial.seconds / trial.updates,
            "seconds_an_epoch": sum(whole) / len(whole) if whole else None,
            "curve": [
                [round(sum(whole[: n + 1]), 4), event["validation_accuracy"]]
                for n, event in enumerate(trial.epochs)
            ],
        }

    return bench.trial(f"batch {size}, seed {seed}", what, measure)


def _look(trial: Any) -> Values:
    loss, accuracy = trial.validate()
    return {
        "epochs": round(trial.updates / trial.training.steps_per_epoch, 3),
        "updates": trial.updates,
        "seconds": round(trial.seconds, 3),
        "validation_loss": loss,
        "validation_accuracy": accuracy,
    }


def _row(bench: Bench, size: int, results: list[Values], images: int) -> Values:
    updates = _updates(images, size)
    failed = next((r["failed"] for r in results if "failed" in r), None)
    if failed is None and any(r.get("crowded") for r in results):
        failed = CROWDED_OUT
    row: Values = {"batch": size, "updates_an_epoch": updates, "failed": failed}
    if failed is not None:
        return row
    whole = worked(results, "seconds_an_epoch")
    row["seconds_an_update"] = spread(worked(results, "seconds_an_update"))[0]
    # an epoch that did not end in its time is counted up from its part
    row["sampled"] = None if whole else min(1.0, results[0]["updates"] / updates)
    row["seconds_an_epoch"] = spread(whole)[0] if whole else row["seconds_an_update"] * updates
    row["learning_rate"], row["computed"] = results[0]["learning_rate"], results[0]["computed"]
    for key in ("after_epochs", "after_seconds"):
        compared = [r[key] for r in results if r.get(key)]
        row[key] = [look["validation_accuracy"] for look in compared] if compared else []
    row["curves"] = [r["curve"] for r in results]
    return row


def _findings(
    bench: Bench,
    rows: list[Values],
    epochs: int,
    seconds: float,
    most: float,
    equal: int,
    repeats: int,
) -> Findings:
    subject = bench.subject
    images = len(subject.dataset.train)
    good = [row for row in rows if row["failed"] is None]
    cost = Table(
        f"One epoch of {images:,} images, and the time for {equal:,} updates (an epoch at batch "
        f"{subject.recipe.batch_size})",
        (
            "batch",
            "updates per epoch",
            "seconds per epoch",
            "images/s",
            "seconds for equal updates",
        ),
        tuple(_cost(row, images) for row in rows),
    )
    result = Table(
        f"Validation accuracy ({counted(repeats, 'seed')})",
        ("batch", "learning rate", f"after {counted(epochs, 'epoch')}", f"after {seconds:g} s"),
        tuple(
            (
                f"{row['batch']:,}",
                decimal_text(row["learning_rate"], 2),
                share_text(row["after_epochs"]),
                share_text(row["after_seconds"]),
            )
            for row in good
        ),
    )
    tables = [cost, result] if good else [cost]
    compared = [row for row in good if row["batch"] in TUTORIAL]
    if len(compared) == len(TUTORIAL):
        tables.append(_beside_tutorial(compared, images))
    return Findings(
        "What a mini-batch costs and gives",
        _sentence(good, seconds),
        _method(bench, most, repeats),
        tuple(tables),
        _figures(good, epochs, seconds),
        {"images": images, "epochs": epochs, "seconds": seconds, "batches": rows},
    )


def _cost(row: Values, images: int) -> tuple[str, ...]:
    start = (f"{row['batch']:,}", f"{row['updates_an_epoch']:,}")
    if row["failed"] is not None:
        return (*start, str(row["failed"]), "–", "–")
    an_epoch = f"{row['seconds_an_epoch']:.2f}"
    if row["sampled"] is not None:
        an_epoch += f" (from {row['sampled']:.2g} of it)"
    speed = images / row["seconds_an_epoch"]
    return (*start, an_epoch, f"{speed:,.0f}", f"{row['seconds_for_equal_updates']:.2f}")


def _beside_tutorial(rows: list[Values], images: int) -> Table:
    lines = [
        (
            f"{row['batch']}",
            f"{_updates(50_000, row['batch']):,}",
            f"{TUTORIAL[row['batch']]:.0f} s",
            f"{row['seconds_an_epoch'] * 50_000 / images:.1f} s",
        )
        for row in rows
    ]
    ratios = [
        f"{rows[0]['seconds_an_epoch'] / rows[1]['seconds_an_epoch']:.1f}",
        f"{TUTORIAL[1] / TUTORIAL[10]:.1f}",
    ]
    counted = "" if images == 50_000 else f", counted up from {images:,}"
    return Table(
        f"Beside the tutorial: an epoch of 50,000 images{counted}",
        ("batch", "updates per epoch", "the tutorial's", "here"),
        (*lines, ("ratio", "10.0", ratios[1], ratios[0])),
    )


def _sentence(good: list[Values], seconds: float) -> str:
    if not good:
        return "No batch size could be measured."
    quickest = min(good, key=lambda row: row["seconds_an_epoch"])
    text = (
        f"An epoch is quickest with batches of {quickest['batch']:,}: "
        f"{numbers.duration(quickest['seconds_an_epoch'])}"
    )
    slowest = max(good, key=lambda row: row["seconds_an_epoch"])
    if slowest is not quickest:
        ratio = slowest["seconds_an_epoch"] / quickest["seconds_an_epoch"]
        text += f", {ratio:.1f} times quicker than with batches of {slowest['batch']:,}"
    timed = [row for row in good if row["after_seconds"]]
    best = max(timed, key=lambda row: spread(row["after_seconds"])[0])
    return (
        f"{text}. After {seconds:g} s of training the highest validation accuracy has batch "
        f"{best['batch']:,}: {share_text(best['after_seconds'])}."
    )


def _method(bench: Bench, most: float, repeats: int) -> tuple[str, ...]:
    subject = bench.subject
    grown = "batch" if subject.recipe.optimizer == "sgd" else "square root of the batch"
    text = [
        f"Each batch size trains anew ({counted(repeats, 'seed')}), at a constant learning rate "
        f"that grows with the {grown} from the recipe's "
        f"{decimal_text(subject.recipe.learning_rate)} at "
        f"{subject.recipe.batch_size}. Seconds are of training steps, batch supply included and "
        "validation excluded; precision, layout and threads are what convlens chooses for each "
        "batch size by measuring.",
    ]
    if not math.isinf(most):
        text.append(
            f"A training gets at most {most:g} s here. Where an epoch takes longer, its seconds "
            "are counted up from the part that was measured, which the table says, and accuracy "
            "after equal epochs stays open; the full study trains to the end."
        )
    return tuple(text)


def _figures(good: list[Values], epochs: int, seconds: float) -> tuple[Drawing, ...]:
    if not good:
        return ()
    sizes = [row["batch"] for row in good]
    cost = charts_svg(
        [
            Chart(
                "Time",
                "batch size",
                "seconds",
                [
                    Line("an epoch", sizes, [row["seconds_an_epoch"] for row in good]),
                    Line(
                        "equal updates", sizes, [row["seconds_for_equal_updates"] for row in good]
                    ),
                ],
                logarithmic=True,
                logarithmic_x=True,
            ),
            Chart(
                "Validation accuracy",
                "batch size",
                "",
                [
                    Line(name, *_points(good, key))
                    for name, key in (
                        (f"after {counted(epochs, 'epoch')}", "after_epochs"),
                        (f"after {seconds:g} s", "after_seconds"),
                    )
                    if any(row[key] for row in good)
                ],
                percent=True,
                logarithmic_x=True,
            ),
        ]
    )
    return (
        Drawing(
            "batch-size",
            cost,
            "Left: large batches use the machine better, so an epoch takes less time, and the same "
            "number of updates takes more. Right: what each has learned by then.",
        ),
    )


def _points(rows: list[Values], key: str) -> tuple[list[float], list[float]]:
    known = [row for row in rows if row[key]]
    return [row["batch"] for row in known], [spread(row[key])[0] for row in known]
