"""The report: complete, self-contained, and safe with hostile names."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from convlens.evaluation import evaluate_logits
from convlens.report.compare import compare_table
from convlens.report.html import ReportInput, render
from convlens.report.run_figures import confusion_svg, curves_svg, reliability_svg

NASTY = "<script>alert(1)</script>"


def epochs(count: int) -> list[dict[str, Any]]:
    return [
        {
            "event": "epoch",
            "epoch": n + 1,
            "train_loss": 1 / (n + 1),
            "train_accuracy": 1 - 0.5 / (n + 1),
            "validation_loss": 1.1 / (n + 1),
            "validation_accuracy": 1 - 0.6 / (n + 1),
            "best": True,
        }
        for n in range(count)
    ]


def report_input(classes: tuple[str, ...] = ("a", "b", NASTY)) -> ReportInput:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, len(classes), 60)
    logits = rng.standard_normal((60, len(classes))) + 2 * np.eye(len(classes))[labels]
    images = rng.integers(0, 256, (60, 1, 8, 8), dtype=np.uint8)
    row = {
        "name": "conv1",
        "name_in_block": "conv1",
        "kind": "conv",
        "depth": 0,
        "output": (4, 6, 6),
        "parameters": 40,
        "multiply_adds": 1296,
        "receptive_field": (3, 3),
    }
    return ReportInput(
        name=NASTY,
        status={"state": "finished", "best_epoch": 2, "epoch": 2, "test_accuracy": 0.9},
        network_rows=[row],
        network_totals={"parameters": 40, "multiply_adds": 1296, "activation_bytes": 800},
        network_text=f'name = "{NASTY}"',
        recipe={"epochs": 2, "seed": 0, "augmentation": {"shift": 0.1}},
        data={
            "name": NASTY,
            "source": "x",
            "fingerprint": "f" * 64,
            "classes": list(classes),
            "preprocessing": {"input": [1, 8, 8], "mean": [0.1], "std": [0.3]},
            "split": {"train": 100, "validation": 10, "test": 60},
            "notes": [NASTY],
        },
        environment={"torch": "2", "seed": 0, "threads": 2},
        epochs=epochs(2),
        evaluation=evaluate_logits(logits, labels, classes, images),
        command=f"convlens train --name '{NASTY}'",
    )


class Reader(HTMLParser):
    """Collects what a browser would fetch or run, and the ids of the sections."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and value:
                self.links.append(value)
            if name == "id" and value:
                self.ids.add(value)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


def test_the_page_runs_nothing_and_fetches_nothing() -> None:
    reader = read(render(report_input()))
    assert "script" not in reader.tags
    assert all(link.startswith(("data:image/", "#")) for link in reader.links)


def test_hostile_names_are_text() -> None:
    page = render(report_input())
    assert NASTY not in page
    assert "&lt;script&gt;" in page


def test_every_section_is_there() -> None:
    reader = read(render(report_input()))
    sections = {"run", "network", "curves", "confusion", "classes", "calibration", "mistakes"}
    assert sections | {"data", "recipe", "environment"} <= reader.ids


def test_the_page_says_how_the_epoch_was_chosen_and_when_the_test_set_was_read() -> None:
    page = " ".join(render(report_input()).split())
    assert "validation" in page
    assert "read once" in page


@pytest.mark.parametrize("state", ["interrupted", "diverged", "failed", "running"])
def test_a_run_without_a_test_result_says_so(state: str) -> None:
    run = replace(report_input(), status={"state": state, "message": "why"}, evaluation=None)
    page = render(run)
    assert "This run" in page
    assert "confusion" not in read(page).ids


def test_the_best_mistakes_are_pictures() -> None:
    links = read(render(report_input())).links
    assert sum(link.startswith("data:image/png;base64,") for link in links) > 3


@pytest.mark.parametrize("count", [1, 2, 100])
def test_curves_are_drawn_for_any_number_of_epochs(count: int) -> None:
    drawn = curves_svg(epochs(count))
    assert drawn == curves_svg(epochs(count)), "the same numbers give the same file"
    assert "validation" in drawn


def test_curves_survive_a_loss_that_was_not_finite() -> None:
    broken = epochs(3)
    broken[1]["validation_loss"] = None
    assert "<svg" in curves_svg(broken)


@pytest.mark.parametrize("count", [2, 10, 60])
def test_the_confusion_matrix_is_drawn_for_few_and_many_classes(count: int) -> None:
    run = report_input(tuple(f"class {n}" for n in range(count)))
    assert run.evaluation is not None
    assert "<svg" in confusion_svg(run.evaluation)
    assert "<svg" in reliability_svg(run.evaluation)


def test_a_comparison_shows_what_differs_and_warns_of_different_data() -> None:
    def run(name: str, **recipe: Any) -> dict[str, Any]:
        status = {"test_accuracy": 0.99, "network": "n"}
        return {"name": name, "status": status, "recipe": recipe, "data": {"fingerprint": name}}

    table = compare_table([run("a", epochs=1, seed=0), run("b", epochs=2, seed=0)])
    names = [row["name"] for row in table.rows]
    assert "epochs" in names
    assert "seed" not in names
    assert "different data" in str(table)
    assert "99.00%" in str(table)
