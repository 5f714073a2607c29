"""What each ingredient of a recipe gives: each is removed in turn, everything else kept.

An ingredient is a value of the recipe that differs from the plain one. Values that only make
sense together are one ingredient, and so is a table such as `augmentation`; a new key of the
recipe is an ingredient without a word here.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from convlens.data import Dataset
from convlens.figures.charts import Chart, Line, charts_svg
from convlens.foundation.errors import InputError, RecipeError, nearest
from convlens.report import numbers
from convlens.report.page import Drawing
from convlens.report.text_table import Table
from convlens.studies.findings import Findings, counted, share_text, spread, worked
from convlens.studies.journal import Values
from convlens.studies.study import Bench
from convlens.training.recipe import Recipe

PLAIN = Recipe(schedule="constant", weight_decay=0.0)
"""What is left when every ingredient is removed: Adam at a constant rate."""
NO_INGREDIENT = {
    *(
        "epochs",
        "epoch_share",
        "batch_size",
        "seed",
        "split_seed",
        "validation",
        "validation_method",
    ),
    *("record_kernels", "precision", "memory_format", "threads", "evaluation_batch"),
}
"""Values that say how long, on what and by what is trained, not how well."""
OF_THE_OPTIMIZER = ("optimizer", "learning_rate", "betas", "momentum", "weight_decay")
"""Another optimizer needs its own values, so where it differs they go together."""
OF_THE_SCHEDULE = ("schedule", "warmup")
OF_DATA = ("normalise",)
"""Values with which the data is read anew."""


@dataclass(frozen=True)
class Ingredient:
    """One thing that can be removed.

    Parameters
    ----------
    name : str
        The recipe's key, dotted inside a table.
    values : dict
        What the recipe has.
    plain : dict
        What it is replaced by, by dotted key.
    """

    name: str
    values: Values
    plain: Values

    def __str__(self) -> str:
        shown = [
            f"{numbers.text(value)}" if key == self.name else f"{key} {numbers.text(value)}"
            for key, value in self.values.items()
        ]
        return f"{self.name}: {', '.join(shown)}"


def ingredients(recipe: Recipe) -> list[Ingredient]:
    """Return what distinguishes a recipe from the plain one, in the recipe's order.

    >>> [one.name for one in ingredients(Recipe(ema=0.9, learning_rate=0.01, weight_decay=0))]
    ['learning_rate', 'schedule', 'ema']
    """
    have, plain = recipe.model_dump(mode="json"), PLAIN.model_dump(mode="json")
    differing = [key for key in have if key not in NO_INGREDIENT and have[key] != plain[key]]
    together = []
    if "optimizer" in differing:
        # whatever else belongs to this optimizer says so in its name, as `muon_steps` would
        own = [key for key in have if key.startswith(f"{recipe.optimizer}_")]
        together.append((*OF_THE_OPTIMIZER, *own))
    if "schedule" in differing:
        together.append(OF_THE_SCHEDULE)
    parted, seen = [], set[str]()
    for key in differing:
        group = next((group for group in together if key in group), (key,))
        if key in seen:
            continue
        keys = [one for one in have if one in group and one in differing]
        seen.update(keys)
        parted.append(_ingredient(group[0], keys, have, plain))
    return parted


def _ingredient(name: str, keys: list[str], have: Values, plain: Values) -> Ingredient:
    values: Values = {}
    removed: Values = {}
    for key in keys:
        if isinstance(have[key], dict):
            inner = [one for one in have[key] if have[key][one] != plain[key][one]]
            values |= {one: have[key][one] for one in inner}
            removed |= {f"{key}.{one}": plain[key][one] for one in inner}
        else:
            values[key], removed[key] = have[key], plain[key]
    return Ingredient(name, values, removed)


def named(recipe: Recipe, names: tuple[str, ...]) -> list[Ingredient]:
    """Return the ingredients asked for; a dotted name is one value of a table.

    Raises
    ------
    InputError
        Where the recipe has no such ingredient.
    """
    known = {one.name: one for one in ingredients(recipe)}
    for whole in list(known.values()):
        inner = [key for key in whole.plain if "." in key]
        for key in inner:
            value = whole.values[key.rpartition(".")[2]]
            known[key] = Ingredient(key, {key: value}, {key: whole.plain[key]})
    for name in names:
        if name not in known:
            raise InputError(
                f'the recipe has no ingredient "{name}"{nearest(name, known)}',
                "one of " + ", ".join(known) if known else "a recipe that is not plain",
            )
    return [known[name] for name in names]


def study(bench: Bench) -> Findings:
    """Train the recipe, the recipe without each ingredient, and the plain one."""
    options, recipe = bench.options, bench.subject.recipe
    epochs = options.epochs or recipe.epochs
    repeats = range(options.seeds or 5)
    removed = named(recipe, options.values) if options.values else ingredients(recipe)
    if not removed:
        raise InputError(
            "the recipe has no ingredient: nothing in it differs from the plain one",
            "a recipe with more in it",
            "choose another `recipe`",
        )
    bench.plan((len(removed) + 2) * len(repeats))
    whole = _row(bench, "the whole recipe", {}, epochs, repeats)
    rows = [_row(bench, f"without {one}", one.plain, epochs, repeats) for one in removed]
    everything = {k: v for one in ingredients(recipe) for k, v in one.plain.items()}
    rows.append(_row(bench, "without all of it", everything, epochs, repeats))
    for row in rows:
        _compare(row, whole)
    return _findings(bench, whole, rows, epochs, len(repeats))


def _row(bench: Bench, name: str, changes: Values, epochs: int, repeats: range) -> Values:
    """Train one variant with each seed."""
    subject = bench.subject
    try:
        recipe = subject.recipe.changed({**changes, "epochs": epochs})
    except RecipeError as error:  # two values that need each other
        return {"variant": name, "left_out": error.what, "results": []}
    dataset: Dataset | None = None
    if any(key in OF_DATA for key in changes):
        dataset = subject.reload(recipe)
    results = [
        bench.training(
            name, {"changes": changes}, recipe=recipe.changed({"seed": seed}), dataset=dataset
        )
        for seed in repeats
    ]
    return {"variant": name, "changes": changes, "results": results}


def _compare(row: Values, whole: Values) -> None:
    """Add the differences seed by seed: the same seed has the same images held out."""
    pairs = [
        (a["validation_accuracy"], b["validation_accuracy"])
        for a, b in zip(row["results"], whole["results"], strict=False)
        if "failed" not in a and "failed" not in b
    ]
    differences = [a - b for a, b in pairs]
    row["difference_mean"] = statistics.mean(differences) if differences else None
    row["difference_error"] = (
        statistics.stdev(differences) / len(differences) ** 0.5 if len(differences) > 1 else None
    )


def _cells(row: Values) -> tuple[str, ...]:
    if row.get("left_out"):
        return (row["variant"], f"not possible: {row['left_out']}", "–", "–", "–")
    accuracies = worked(row["results"], "validation_accuracy")
    losses = worked(row["results"], "validation_loss")
    times = worked(row["results"], "train_seconds")
    failed = len(row["results"]) - len(accuracies)
    shown = share_text(accuracies) + (f", {failed} diverged" if failed else "")
    return (
        row["variant"],
        shown,
        _difference(row),
        f"{spread(losses)[0]:.4f}" if losses else "–",
        f"{statistics.median(times):.1f}" if times else "–",
    )


def _difference(row: Values) -> str:
    mean, error = row.get("difference_mean"), row.get("difference_error")
    if mean is None:
        return "–"
    text = f"{100 * mean:+.2f}"
    return text if error is None else f"{text} ± {100 * error:.2f}"


def _findings(
    bench: Bench, whole: Values, rows: list[Values], epochs: int, repeats: int
) -> Findings:
    recipe, held_out = bench.subject.recipe, len(bench.subject.dataset.validation)
    table = Table(
        f"{counted(epochs, 'epoch')}, {counted(repeats, 'seed')}; validation on {held_out:,} "
        "images",
        ("variant", "validation accuracy", "difference, points", "validation loss", "seconds"),
        tuple(_cells(row) for row in (whole, *rows)),
    )
    single = [row for row in rows[:-1] if row["difference_mean"] is not None]
    sentence = f"The whole recipe: {_cells(whole)[1]}; without all of it: {_cells(rows[-1])[1]}."
    if single:
        most = max(single, key=lambda row: abs(row["difference_mean"]))
        sentence += f" It changes most {most['variant']}: {_difference(most)} points."
        doubtful = [row for row in single if _within_noise(row)]
        if doubtful:
            one = len(doubtful) == 1
            sentence += (
                f" Of {len(single)} ingredients {len(doubtful)} make{'s' * one} no difference "
                "that this many seeds can show (within two standard errors)."
            )
    shortened = ""
    if epochs != recipe.epochs:
        shortened = f" Shortened: the recipe trains for {recipe.epochs} epochs."
    return Findings(
        "What each ingredient gives",
        sentence,
        (
            "Each ingredient is set back to its plain value in turn, everything else kept, the "
            "learning rate too, so an ingredient that allows a higher rate is charged with it. "
            f"The same {counted(repeats, 'seed')} for each; ± beside an accuracy is the standard "
            "deviation over the seeds, beside a difference the standard error of the mean "
            "difference, seed by seed. Accuracy is of the last epoch; the test set is not read."
            f"{shortened}",
            "The validation loss is the one that is trained, label smoothing included, so it does "
            "not compare with the variant without it.",
        ),
        (table,),
        _figures(whole, rows),
        {"epochs": epochs, "whole": whole, "variants": rows, "recipe": recipe.model_dump()},
    )


def _within_noise(row: Values) -> bool:
    error: Any = row["difference_error"]
    return error is None or abs(row["difference_mean"]) <= 2 * error


def _figures(whole: Values, rows: list[Values]) -> tuple[Drawing, ...]:
    variants = [whole, *rows]
    points = [
        (number, a)
        for number, row in enumerate(variants)
        for a in worked(row["results"], "validation_accuracy")
    ]
    if not points:
        return ()
    means = [
        (number, spread(accuracies)[0])
        for number, row in enumerate(variants)
        if (accuracies := worked(row["results"], "validation_accuracy"))
    ]
    svg = charts_svg(
        [
            Chart(
                "Validation accuracy by row of the table (0: the whole recipe)",
                "row",
                "",
                [
                    Line("mean", [x for x, _ in means], [y for _, y in means], "points"),
                    Line("one seed", [x for x, _ in points], [y for _, y in points], "points", 4),
                ],
                percent=True,
                whole=True,
            )
        ]
    )
    return (Drawing("ablation", svg, "Rows in the order of the table, the whole recipe first."),)
