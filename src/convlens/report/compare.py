"""Several runs side by side: what came out, and only the settings in which they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convlens.foundation.columns import in_columns
from convlens.report import numbers

_RESULTS = {
    "state": ("state", numbers.text),
    "test accuracy": ("test_accuracy", numbers.percent),
    "test loss": ("test_loss", numbers.decimal),
    "validation accuracy": ("validation_accuracy", numbers.percent),
    "best epoch": ("best_epoch", numbers.whole),
    "training": ("train_seconds", numbers.duration),
    "parameters": ("parameters", numbers.whole),
}

KNOWN = ("network",)
"""Settings that an imported run has too."""


@dataclass(frozen=True)
class Comparison:
    """One row per fact, with one value per run; `warnings` say when numbers cannot be compared."""

    names: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    """`{"name": ..., "values": [...]}`; values as stored, for JSON."""
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        shown = {label: write for label, (_, write) in _RESULTS.items()}
        lines = [("", *self.names)]
        for row in self.rows:
            write = shown.get(row["name"], numbers.text)
            lines.append((row["name"], *map(write, row["values"])))
        return "\n".join(
            [*in_columns(lines), *(f"warning: {warning}" for warning in self.warnings)]
        )


def compare_table(runs: Sequence[Mapping[str, Any]]) -> Comparison:
    """Compare runs.

    Parameters
    ----------
    runs : sequence of mappings
        Each with `name`, `status`, `recipe` and `data` as the run folder has them.

    Examples
    --------
    >>> first = {"name": "a", "status": {}, "recipe": {"epochs": 3, "seed": 0}, "data": {}}
    >>> second = {**first, "name": "b", "recipe": {"epochs": 5, "seed": 0}}
    >>> [row["name"] for row in compare_table([first, second]).rows][-1]
    'epochs'
    """
    rows: list[dict[str, Any]] = [
        {"name": label, "values": [run["status"].get(key) for run in runs]}
        for label, (key, _) in _RESULTS.items()
    ]
    settings = [_flat(run) for run in runs]
    for key in dict.fromkeys(key for table in settings for key in table):
        values = [table.get(key) for table in settings]
        known = [v for v, run in zip(values, runs, strict=True) if key in KNOWN or _trained(run)]
        if any(value != known[0] for value in known):
            rows.append({"name": key, "values": values})
    trained = [run for run in runs if _trained(run)]
    warnings = [
        f"{run['name']} was imported: its data and its recipe are not known, and not compared"
        for run in runs
        if not _trained(run)
    ]
    if len({run["data"].get("fingerprint") for run in trained}) > 1:
        warnings.append(
            "these runs were measured on different data (their fingerprints differ); "
            "their accuracies do not compare"
        )
    if sum(run["status"].get("test_accuracy") is not None for run in runs) > 1:
        warnings.append(
            "choose between runs by validation accuracy; the test set is for the one you chose"
        )
    return Comparison(tuple(str(run["name"]) for run in runs), tuple(rows), tuple(warnings))


def _trained(run: Mapping[str, Any]) -> bool:
    """Say whether convlens trained the run, so that its data and recipe are known."""
    return bool(run["status"].get("state") != "imported")


def _flat(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return network, data, engine and all recipe values of a run, nested ones with dotted keys."""
    status = run["status"]
    flat = {"network": status.get("network"), "data": run["data"].get("name")}
    flat["engine"] = status.get("engine")
    for key, value in run["recipe"].items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{inner}": nested for inner, nested in value.items()}
        else:
            flat[key] = value
    return flat
