"""The learning rate that suits a network and its data: a range test, and short trainings to check.

The rate rises step by step from far too small to far too large while the loss is watched. The
suggestion lies between the rate where the loss falls fastest and the one where it is lowest.

References
----------
Smith 2015, "Cyclical learning rates for training neural networks", arXiv:1506.01186;
Smith and Topin 2017, "Super-convergence", arXiv:1708.07120.
"""

from __future__ import annotations

import math
import statistics
from contextlib import suppress

import numpy as np
from torch import Tensor

from convlens.figures.charts import Chart, Line, charts_svg
from convlens.foundation.decimals import decimal_text
from convlens.foundation.errors import InputError
from convlens.report.page import Drawing
from convlens.report.text_table import Table
from convlens.studies.findings import Findings, counted, share_text, spread, worked
from convlens.studies.journal import Values
from convlens.studies.study import Bench
from convlens.studies.trial import ENDLESS
from convlens.training.monitor import Diverged
from convlens.training.targets import Targets

LOWEST, HIGHEST = 1e-6, 10.0
STEPS = {False: 120, True: 400}
"""Number of steps of the range test, quick and full."""
EXPLODED = 4.0
"""The test ends where the smoothed loss is so many times its least."""
MEMORY = 0.9
"""Share of the old value in the moving average that smooths the loss."""
AROUND = (0.1, 1 / 3, 1.0, 3.0, 10.0)
"""Multiples of the suggestion that short trainings check."""


def study(bench: Bench) -> Findings:
    """Do the range test with several seeds, then train a little at rates around its suggestion."""
    options, subject = bench.options, bench.subject
    low, high = _ends(options.numbers((LOWEST, HIGHEST)))
    steps = STEPS[options.full]
    repeats = range(options.seeds or (5 if options.full else 3))
    epochs = options.epochs or (subject.recipe.epochs if options.full else 2)
    bench.plan(len(repeats) + len(AROUND) * len(repeats))
    tests = [_range_test(bench, seed, low, high, steps) for seed in repeats]
    readings = [reading for test in tests if (reading := read_off(test["rates"], test["losses"]))]
    if not readings:
        raise InputError(
            "the loss does not fall between the learning rates "
            f"{decimal_text(low)} and {decimal_text(high)}",
            "a range in which the network learns",
            "widen it, for example `values=[1e-7, 10]`",
        )
    steepest = float(f"{statistics.median(r['steepest'] for r in readings):.1e}")
    highest = float(f"{statistics.median(r['lowest_loss'] for r in readings):.1e}")
    suggested = float(f"{math.sqrt(steepest * highest):.1e}")
    checks = []
    for factor in AROUND:
        rate = min(float(f"{suggested * factor:.2g}"), 100.0)
        results = [
            bench.training(
                f"rate {decimal_text(rate)}",
                {"rate": rate},
                recipe=subject.recipe.changed(
                    {"learning_rate": rate, "epochs": epochs, "seed": seed}
                ),
            )
            for seed in repeats
        ]
        checks.append({"learning_rate": rate, "results": results})
    return _findings(
        bench, tests, (steepest, suggested, highest), checks, epochs, (low, high, steps)
    )


def _ends(values: list[float]) -> tuple[float, float]:
    if len(values) != 2 or not 0 < values[0] < values[1] <= 100:
        raise InputError(
            "`values` is not a range of learning rates",
            "the lowest and the highest rate, of at most 100",
            "write `values=[1e-6, 10]`",
        )
    return values[0], values[1]


def _range_test(bench: Bench, seed: int, low: float, high: float, steps: int) -> Values:
    recipe = bench.subject.recipe.changed({"seed": seed, "epochs": ENDLESS})

    def measure() -> Values:
        trial = bench.begin(recipe)
        move = trial.training.step
        rates: list[float] = []
        losses: list[float] = []
        stopped, smooth, least = trial.stopped, Smoothed(), math.inf

        def rate_at(step: int) -> float:
            share = min(step, steps - 1) / (steps - 1)
            return low * math.exp(share * math.log(high / low))

        def watched(images: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
            loss, logits = move(images, targets)
            rates.append(rate_at(len(rates)))
            losses.append(loss.item())
            smooth.add(losses[-1])
            return loss, logits

        def enough() -> bool:
            nonlocal least
            least = min(least, smooth.value)
            exploded = len(losses) > steps // 10 and not smooth.value < EXPLODED * least
            return stopped() or exploded or len(losses) >= steps

        trial.training.rate_at = rate_at
        trial.training.step = watched
        trial.stopped = enough
        with suppress(Diverged):  # the test ends where the rate is too large: its purpose
            trial.go_on()
        known = [(r, v) for r, v in zip(rates, losses, strict=True) if math.isfinite(v)]
        return {
            "rates": [float(f"{r:.4g}") for r, _ in known],
            "losses": [round(v, 5) for _, v in known],
            "train_seconds": round(trial.seconds, 3),
        }

    what = {"range": [low, high], "steps": steps, "seed": seed}
    return bench.trial(f"range test, seed {seed}", what, measure)


class Smoothed:
    """A moving average that is not drawn to zero at its start."""

    def __init__(self) -> None:
        self.sum = self.weight = 0.0
        self.value = math.inf

    def add(self, value: float) -> float:
        """Take a value in; return the average now."""
        self.sum = MEMORY * self.sum + (1 - MEMORY) * value
        self.weight = MEMORY * self.weight + (1 - MEMORY)
        self.value = self.sum / self.weight
        return self.value


def smoothed(losses: list[float]) -> list[float]:
    """Return the moving averages of a list.

    >>> [round(value, 3) for value in smoothed([2.0, 2.0, 1.0])]
    [2.0, 2.0, 1.631]
    """
    average = Smoothed()
    return [average.add(loss) for loss in losses]


def read_off(rates: list[float], losses: list[float]) -> dict[str, float] | None:
    """Return where a range test's smoothed loss falls fastest, and where it is lowest.

    The fall is taken per factor of the rate, over windows of a fifth of the steps before the
    lowest loss; None where the loss does not fall at all.

    Parameters
    ----------
    rates, losses : lists of the same length
        Of each step, rates rising by a constant factor.
    """
    if len(losses) < 20:
        return None
    loss = np.array(smoothed(losses))
    settled = len(loss) // 20  # the first averages are of very few batches
    lowest = settled + int(loss[settled:].argmin())
    if lowest < settled + 5 or loss[lowest] > 0.97 * loss[settled]:
        return None
    width = max(2, (lowest - settled) // 5)
    fall = loss[settled : lowest + 1 - width] - loss[settled + width : lowest + 1]
    middle = settled + int(fall.argmax()) + width // 2
    return {"steepest": rates[middle], "lowest_loss": rates[lowest]}


def _findings(
    bench: Bench,
    tests: list[Values],
    read: tuple[float, float, float],
    checks: list[Values],
    epochs: int,
    test_range: tuple[float, float, int],
) -> Findings:
    low, high, steps = test_range
    steepest, suggested, highest = read
    rows, means = [], []
    for check in checks:
        accuracies = worked(check["results"], "validation_accuracy")
        losses = worked(check["results"], "train_loss")
        failed = len(check["results"]) - len(accuracies)
        shown = share_text(accuracies) if accuracies else "–"
        rows.append(
            (
                decimal_text(check["learning_rate"], 2) + (" (suggested)" * (check is checks[2])),
                f"{spread(losses)[0]:.4f}" if losses else "–",
                shown + (f", {failed} diverged" if failed else ""),
            )
        )
        if accuracies:
            means.append((spread(accuracies)[0], check["learning_rate"]))
    best = max(means)[1] if means else None
    repeats = counted(len(tests), "seed")
    table = Table(
        f"Short trainings at rates around the suggestion ({counted(epochs, 'epoch')}, {repeats})",
        ("learning rate", "training loss", "validation accuracy"),
        tuple(rows),
    )
    sentence = (
        f"The range test suggests a learning rate of {decimal_text(suggested)}: the loss falls "
        f"fastest at {decimal_text(steepest)} and is lowest at {decimal_text(highest)}."
    )
    if best is not None:
        sentence += f" Of five rates tried around it, {decimal_text(best)} has the best "
        sentence += "validation accuracy"
        own = worked(checks[2]["results"], "validation_accuracy")
        if best == checks[2]["learning_rate"]:
            sentence += ": the suggestion itself"
        elif own:
            sentence += f", by {100 * (max(means)[0] - spread(own)[0]):.2f} points"
        sentence += "."
    return Findings(
        "Which learning rate",
        sentence,
        (
            "The range test raises the rate by a constant factor per step from "
            f"{decimal_text(low)} to {decimal_text(high)} in {steps} steps, with {repeats}, and "
            f"stops where the smoothed loss is {EXPLODED:g} "
            "times its least. Two points are read off the smoothed loss, each the median over the "
            "seeds: where it falls fastest over a fifth of the way to its lowest point (enough to "
            "learn quickly), and where it is lowest (just below breaking down). The suggestion is "
            "midway between them on the logarithmic axis. Smith 2015, arXiv:1506.01186.",
            "A range test is short and covers only the start of a training; the short trainings "
            f"(the recipe's schedule, {bench.subject.recipe.schedule}, with the rate at its peak) "
            "check it. For longer trainings the best rate is often somewhat lower.",
        ),
        (table,),
        (_figure(tests, suggested, checks),),
        {
            "suggested": suggested,
            "steepest_at": steepest,
            "lowest_loss_at": highest,
            "best_of_the_checked": best,
            "range_tests": [{k: test[k] for k in ("rates", "losses")} for test in tests],
            "checks": checks,
            "epochs": epochs,
        },
    )


def _figure(tests: list[Values], suggested: float, checks: list[Values]) -> Drawing:
    curves = [smoothed(test["losses"]) for test in tests]
    start = max(curve[0] for curve in curves)
    lines = []
    for number, (test, curve) in enumerate(zip(tests, curves, strict=True)):
        kept = [(r, v) for r, v in zip(test["rates"], curve, strict=True) if v < 1.3 * start]
        lines.append(Line(f"seed {number}", [r for r, _ in kept], [v for _, v in kept], "line"))
    bottom = min(min(curve) for curve in curves)
    mark = Line("suggested", [suggested, suggested], [bottom, start], "line", colour=5)
    charts = [
        Chart(
            "Range test: smoothed loss",
            "learning rate",
            "loss",
            [*lines, mark],
            logarithmic_x=True,
        )
    ]
    points = [
        (check["learning_rate"], spread(accuracies)[0])
        for check in checks
        if (accuracies := worked(check["results"], "validation_accuracy"))
    ]
    if points:
        charts.append(
            Chart(
                "Short trainings: validation accuracy",
                "learning rate",
                "",
                [Line("mean", [x for x, _ in points], [y for _, y in points])],
                percent=True,
                logarithmic_x=True,
            )
        )
    return Drawing(
        "learning-rate",
        charts_svg(charts),
        "Left: too small a rate learns nothing, too large a one breaks what was learned; the grey "
        "line is the suggestion. Right: whether short trainings agree.",
    )
