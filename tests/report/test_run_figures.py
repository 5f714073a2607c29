"""Figures: valid SVG, the same every time, readable at any size, safe with any name."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from convlens.evaluation import evaluate_logits
from convlens.foundation.errors import InputError
from convlens.report.run_figures import confusion_svg, curves_svg, reliability_svg
from report import examples


def texts(svg: str) -> list[str]:
    """Return the words in an SVG, which is checked to be well-formed XML."""
    root = ElementTree.fromstring(svg)
    return [(e.text or "").strip() for e in root.iter() if e.tag.endswith("}text")]


@pytest.mark.parametrize("count", [1, 2, 12, 100])
@pytest.mark.parametrize("stacked", [False, True])
def test_curves_name_their_lines_and_mark_the_best_epoch(count: int, stacked: bool) -> None:
    words = texts(curves_svg(examples.epochs(count), stacked=stacked))
    assert words.count("train") == words.count("validation") == 2
    assert words.count(f"best: epoch {max(1, count - 1)}") == 2
    assert "Accuracy" in words


def test_curves_that_span_decades_get_a_logarithmic_loss() -> None:
    assert "Loss (logarithmic scale)" in texts(curves_svg(examples.epochs(100)))
    assert "Loss" in texts(curves_svg(examples.epochs(10)))


def test_epochs_without_finite_values_leave_a_gap() -> None:
    epochs: list[dict[str, Any]] = examples.epochs(4)
    epochs[2] |= {"train_loss": None, "validation_loss": None}
    assert "validation" in texts(curves_svg(epochs))
    nothing = {"epoch": 1, "train_loss": None, "train_accuracy": None, "validation_loss": None}
    assert "validation" not in texts(curves_svg([nothing]))


def test_no_epoch_is_refused() -> None:
    with pytest.raises(InputError):
        curves_svg([])


@pytest.mark.parametrize("size", [2, 3, 10, 30, 100])
def test_the_confusion_matrix_works_for_few_and_many_classes(size: int) -> None:
    svg = confusion_svg(examples.evaluation([f"class {i}" for i in range(size)], 50 * size))
    assert "predicted" in texts(svg)
    assert len(svg) < 150_000


def test_the_confusion_matrix_writes_the_counts_in_its_cells() -> None:
    found = evaluate_logits([[1, 0], [1, 0], [0, 1]], [0, 0, 0], ["yes", "no"])
    words = texts(confusion_svg(found))
    assert [word for word in words if word in "0123456789·"] == ["2", "1", "·", "·"]


def test_figures_are_the_same_every_time_and_carry_no_date() -> None:
    found = examples.evaluation(["a", "b"])
    for draw in (confusion_svg, reliability_svg):
        assert draw(found) == draw(found)
        assert "metadata" not in draw(found)
        assert "date" not in draw(found)
    assert curves_svg(examples.epochs(3)) == curves_svg(examples.epochs(3))


def test_a_class_name_cannot_become_markup_or_mathematics() -> None:
    names = ["<script>alert(1)</script>", "$x^2$", "東京", "bell\x07 \ue000", 'id="a" & "b"']
    svg = confusion_svg(examples.evaluation(names))
    assert "<script" not in svg
    words = texts(svg)
    assert "$x^2$" in words
    assert "東京" in words
    assert "bell" in " ".join(words)


def test_figures_in_one_page_share_no_id() -> None:
    found = examples.evaluation(["a", "b"])
    svgs = [curves_svg(examples.epochs(3)), confusion_svg(found), reliability_svg(found)]
    found_ids = [set(re.findall(r' id="([^"]+)"', svg)) for svg in svgs]
    assert not set.intersection(*found_ids)
    for svg, ids in zip(svgs, found_ids, strict=True):
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= ids
        assert set(re.findall(r'href="#([^"]+)"', svg)) <= ids
