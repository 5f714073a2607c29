"""How many threads a training should use, from one to all cores, each in its own process."""

from __future__ import annotations

from functools import partial

from convlens.figures.charts import Chart, Line, charts_svg
from convlens.foundation.errors import InputError
from convlens.foundation.machine import available_cores
from convlens.report import numbers
from convlens.report.page import Drawing
from convlens.report.text_table import Table
from convlens.studies import child
from convlens.studies.findings import ALL_DIVERGED, Findings, counted, fastest, worked
from convlens.studies.journal import Values
from convlens.studies.study import Bench


def study(bench: Bench) -> Findings:
    """Time the same training with each number of threads."""
    options, subject = bench.options, bench.subject
    if subject.device.type != "cpu":
        raise InputError(
            f"threads are a CPU's, and the device is {subject.device.type}",
            "a CPU",
            "use `device='cpu'`",
        )
    cores = available_cores()
    counts = options.whole_numbers(_counts(cores))
    if max(counts) > cores:
        raise InputError(
            f"`values` has {max(counts)} threads",
            f"at most {cores}, the cores that this process may use",
        )
    epochs = options.epochs or (5 if options.full else 2)
    repeats = range(options.seeds or (5 if options.full else 2))
    bench.plan(len(counts) * len(repeats))
    rows = [_row(bench, count, epochs, repeats) for count in counts]
    return _findings(bench, rows, epochs, len(repeats), cores)


def _counts(cores: int) -> list[int]:
    """Return every number up to eight, then doublings and the cores themselves.

    >>> _counts(2), _counts(12), _counts(40)
    ([1, 2], [1, 2, 3, 4, 5, 6, 7, 8, 12], [1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 40])
    """
    counts = list(range(1, min(cores, 8) + 1))
    while counts[-1] * 2 < cores:
        counts.append(counts[-1] * 2)
    return counts if counts[-1] == cores else [*counts, cores]


def _row(bench: Bench, count: int, epochs: int, repeats: range) -> Values:
    results = []
    for seed in repeats:
        recipe = bench.subject.recipe.changed({"epochs": epochs, "seed": seed})
        what = {"threads": count, "epochs": epochs, "seed": seed}
        name = f"{count} thread{'s' * (count > 1)}, seed {seed}"
        results.append(bench.trial(name, what, partial(child.train, bench, recipe, count)))
    times = worked(results, "seconds_an_epoch")
    return {
        "threads": count,
        "seconds_an_epoch": fastest(times),
        "seconds_an_epoch_of_each": times,
        "validation_accuracies": worked(results, "validation_accuracy"),
    }


def _findings(bench: Bench, rows: list[Values], epochs: int, repeats: int, cores: int) -> Findings:
    images = len(bench.subject.dataset.train)
    known = [row for row in rows if row["seconds_an_epoch"]]
    first = known[0]["seconds_an_epoch"] if known else None
    base = known[0]["threads"] if known else 1
    for row in known:
        row["times_as_fast"] = first / row["seconds_an_epoch"]
        row["efficiency"] = row["times_as_fast"] * base / row["threads"]
    table = Table(
        f"{counted(epochs, 'epoch')} of {images:,} images, {counted(repeats, 'seed')}, "
        f"on {cores} cores",
        ("threads", "seconds per epoch", "images/s", "times as fast", "of the ideal"),
        tuple(
            (
                str(row["threads"]),
                f"{row['seconds_an_epoch']:.2f}",
                f"{images / row['seconds_an_epoch']:,.0f}",
                f"{row['times_as_fast']:.2f}",
                numbers.percent(row["efficiency"], 0),
            )
            for row in known
        ),
    )
    figures: tuple[Drawing, ...] = ()
    if not known:
        sentence = ALL_DIVERGED
    else:
        best = min(known, key=lambda row: row["seconds_an_epoch"])
        sentence = (
            f"{best['threads']} thread{'s' * (best['threads'] > 1)} are fastest here: "
            f"{numbers.duration(best['seconds_an_epoch'])} per epoch, "
            f"{best['times_as_fast']:.2f} times as fast as {base}."
        ).replace("1 thread are", "1 thread is")
        figures = (_figure(known, base),)
    return Findings(
        "How many threads",
        sentence,
        (
            "Each number of threads trains in a process of its own, with the same network, batches "
            "and precision; time is of training steps, the fastest training of each. Threads cost "
            "something to wake and to wait for, so a small network or batch gains little from "
            "many. Sums are added in another order with another number of threads, so results "
            "differ in their last bits.",
        ),
        (table,),
        figures,
        {"epochs": epochs, "cores": cores, "variants": rows},
    )


def _figure(rows: list[Values], base: int) -> Drawing:
    counts = [row["threads"] for row in rows]
    svg = charts_svg(
        [
            Chart(
                "Times as fast",
                "threads",
                f"against {base}",
                [
                    Line("measured", counts, [row["times_as_fast"] for row in rows]),
                    Line("ideal", counts, [count / base for count in counts], "line", 5),
                ],
                limits=(0, None),
                whole=True,
            )
        ]
    )
    return Drawing("threads", svg, "The distance from the ideal is what threads cost.")
