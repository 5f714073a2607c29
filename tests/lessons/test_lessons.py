"""The lessons, run: each claims something, and the claim is checked on what came out."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from convlens import lessons
from convlens.cli.lesson import app
from convlens.foundation.errors import ConvlensError, InputError
from convlens.foundation.progress import display as drawing
from convlens.lessons import page
from convlens.lessons.lesson import Drawing, Lesson
from convlens.report.text_table import Table

REPORTED = {"lesson", "title", "seed", "quick", "seconds", "page"}


@functools.cache
def quickly(name: str, seed: int = 0) -> Lesson:
    return lessons.run(name, seed=seed, quick=True)


COUNTED = ["trained", "timed", "computed", "pooled", "done"]


WITHOUT_A_COUNT = ("validation-split", "softmax-nll")
"""Lessons that, done quickly, do nothing several times over."""


@pytest.mark.parametrize("name", [name for name in lessons.LESSONS if name not in WITHOUT_A_COUNT])
def test_a_lesson_says_how_far_it_is(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drawing, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(drawing, "_LINE_SECONDS", 0.0)
    lessons.run(name, quick=True, progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == name
    assert any(
        line.startswith(f"{name}: ") and line.split(",")[0].endswith(tuple(COUNTED))
        for line in lines
    )


@functools.cache
def fully(name: str) -> Lesson:
    return lessons.run(name)


@pytest.mark.parametrize("name", lessons.LESSONS)
def test_a_lesson_has_text_figures_and_flat_finite_numbers(name: str) -> None:
    lesson = quickly(name)
    assert lesson.paragraphs
    assert lesson.figures
    assert all(svg.startswith("<svg") for svg in lesson.figures.values())
    numbers = json.loads(json.dumps(dict(lesson.numbers), allow_nan=False))
    assert numbers
    assert not REPORTED & set(numbers)
    assert all(re.fullmatch(r"[a-z0-9_]+", key) for key in numbers)
    assert "nan" not in lesson.text()


@pytest.mark.parametrize("name", lessons.LESSONS)
def test_no_line_of_a_lesson_is_wider_than_a_terminal(name: str) -> None:
    assert max(map(len, quickly(name).text().splitlines())) <= 100


def check_xor(numbers: dict[str, float]) -> None:
    for linear in ("linear", "two_linear"):
        assert numbers[f"{linear}_best_accuracy"] <= 0.75
        assert numbers[f"{linear}_solved"] == 0
    assert numbers["linear_probability_from_one_half"] < 0.05
    assert numbers["relu_8_wide_best_accuracy"] == 1
    assert numbers["relu_8_wide_solved"] > numbers["seeds"] / 2
    assert numbers["relu_8_wide_solved"] >= numbers["relu_2_wide_solved"]


def test_linear_networks_stay_at_three_points_of_xor_and_a_relu_gets_all_four() -> None:
    check_xor(quickly("xor").numbers)


@pytest.mark.slow
def test_xor_in_full() -> None:
    check_xor(fully("xor").numbers)


def test_the_bottleneck_has_the_counts_that_the_paper_s_sizes_give() -> None:
    numbers = quickly("one-by-one").numbers
    assert numbers["plain_parameters"] == 2 * 256 * 256 * 9
    assert numbers["bottleneck_parameters"] == 256 * 64 + 64 * 64 * 9 + 64 * 256
    assert numbers["plain_multiply_adds"] == 2 * 256 * 256 * 9 * 56 * 56
    assert numbers["ratio"] == pytest.approx(16.94, abs=0.01)
    assert (numbers["channels_after"], numbers["height"], numbers["width"]) == (64, 56, 56)
    assert numbers["largest_difference_by_hand"] < 1e-4
    assert numbers["bottleneck_ms"] < numbers["plain_ms"]


def test_padding_keeps_the_size_and_the_zeros_reach_one_ring_further_a_layer() -> None:
    numbers = quickly("padding").numbers
    assert numbers["output_3x3_padding_1"] == 32
    assert numbers["output_3x3_no_padding"] == 30
    assert [numbers[f"output_{k}"] for k in ("f3_s1_p1", "f5_s1_p2", "f1_s1_p0")] == [32, 32, 32]
    assert numbers["layers_without_padding"] == 15
    assert numbers["mean_of_ones_edge"] == pytest.approx(6 / 9)
    assert numbers["mean_of_ones_corner"] == pytest.approx(4 / 9)
    assert [numbers[f"changed_rings_layer_{k}"] for k in (1, 2, 3)] == [1, 2, 3]
    assert numbers["change_at_border"] > 0.001


@pytest.mark.slow
def test_padding_in_full() -> None:
    numbers = fully("padding").numbers
    assert numbers["validation_accuracy"] > 0.8
    assert [numbers[f"changed_rings_layer_{k}"] for k in (1, 2, 3)] == [1, 2, 3]


def test_one_filter_gives_one_map_which_is_the_sum_of_its_channels() -> None:
    numbers = quickly("one-filter-one-map").numbers
    assert numbers["maps_of_one_filter"] == 1
    assert numbers["maps_in_three_groups"] == 3
    assert numbers["maps_of_6_filters"] == 6
    assert numbers["filter_weights"] == 27
    assert numbers["parameters_with_bias"] == 28
    assert numbers["largest_difference_of_the_sum"] < 1e-5
    parts = [numbers[f"cell_{channel}"] for channel in ("red", "green", "blue")]
    assert sum(parts) == pytest.approx(numbers["cell_map"], abs=1e-5)
    assert parts[0] > 0 > parts[1]


def test_max_pooling_lifts_noise_and_average_pooling_halves_it() -> None:
    numbers = quickly("pooling").numbers
    assert numbers["largest_difference_by_hand"] < 1e-6
    assert numbers["digit_max_pool_max"] == numbers["digit_before_max"]
    assert numbers["digit_avg_pool_max"] < 0.8 * numbers["digit_before_max"]
    assert numbers["digit_avg_pool_mean"] == pytest.approx(numbers["digit_before_mean"])
    assert numbers["flat_max_pool_lift_in_std"] == pytest.approx(1.03, abs=0.1)
    assert numbers["flat_avg_pool_noise_left"] == pytest.approx(0.5, abs=0.05)
    assert numbers["flat_avg_pool_mean"] == pytest.approx(numbers["flat_before_mean"], abs=1e-5)


def check_softmax_nll(numbers: dict[str, float]) -> None:
    for optimizer in ("sgd", "adam"):
        assert -1 < numbers[f"wrong_{optimizer}_reported_loss"] < 0
        assert numbers[f"right_{optimizer}_reported_loss"] > 0
        wrong, right = (
            numbers[f"wrong_{optimizer}_accuracy"],
            numbers[f"right_{optimizer}_accuracy"],
        )
        assert wrong < right
    assert numbers["early_gradient_ratio"] > 5


def test_softmax_into_nll_reports_negative_losses_and_learns_less() -> None:
    check_softmax_nll(quickly("softmax-nll").numbers)


def test_the_pull_of_the_wrong_loss_vanishes_where_the_network_is_confidently_wrong() -> None:
    from convlens.lessons.softmax_nll import pull, right_loss, wrong_loss

    for p in (0.001, 0.1, 0.5, 0.9):
        assert pull(right_loss, p) == pytest.approx(1 - p)
        assert pull(wrong_loss, p) == pytest.approx(p * (1 - p))


@pytest.mark.slow
def test_softmax_nll_in_full() -> None:
    numbers = fully("softmax-nll").numbers
    check_softmax_nll(numbers)
    assert numbers["right_adam_accuracy"] > 0.9
    assert numbers["wrong_adam_given_up"] > numbers["right_adam_given_up"]
    assert numbers["wrong_sgd_accuracy"] < 0.6 < numbers["right_sgd_accuracy"]


def test_the_epoch_s_loss_is_the_mean_over_images_and_the_last_batch_is_not() -> None:
    from convlens.lessons.epoch_loss import Epoch

    epoch = Epoch(np.array([2.0, 2.0, 5.0]), np.array([4, 4, 2]), np.array([1.0]))
    assert epoch.mean == pytest.approx(2.6)
    assert epoch.last == 5
    numbers = quickly("epoch-loss").numbers
    assert numbers["epoch_2_mean"] < numbers["epoch_1_mean"]
    for number in (1, 2):
        mean, last = numbers[f"epoch_{number}_mean"], numbers[f"epoch_{number}_last_batch"]
        assert last != pytest.approx(mean, rel=0.01)
        assert numbers[f"epoch_{number}_batch_std"] > 0.01 * mean


@pytest.mark.slow
def test_epoch_loss_in_full() -> None:
    numbers = fully("epoch-loss").numbers
    means = [numbers[f"epoch_{n}_mean"] for n in range(1, 6)]
    assert means == sorted(means, reverse=True)
    misses = [abs(numbers[f"epoch_{n}_last_batch"] / m - 1) for n, m in enumerate(means, start=1)]
    assert max(misses) > 0.2


def test_images_of_a_batch_do_not_touch_and_groups_cut_channels_apart() -> None:
    numbers = quickly("batch-dimension").numbers
    assert numbers["outputs"] == numbers["batch"] == 5
    assert numbers["largest_difference_from_alone"] < 1e-5
    assert numbers["change_of_the_changed_image"] > 0.01
    assert numbers["change_of_the_others"] < 1e-6
    assert [numbers[f"groups_{g}_pairs"] for g in (1, 2, 4)] == [16, 8, 4]
    assert [numbers[f"groups_{g}_parameters"] for g in (1, 2, 4)] == [148, 76, 40]


def check_validation_split(numbers: dict[str, float]) -> None:
    assert "9" in str(numbers["last_tenth_classes"])
    assert numbers["classes_never_trained"] == "9"
    assert numbers["stratified_accuracy"] > 0.7
    assert numbers["last_tenth_accuracy"] < numbers["stratified_accuracy"] - 0.5
    assert numbers["trainings_of_ten_folds"] == 10
    assert numbers["folds_min"] < numbers["folds_mean"] < numbers["folds_max"]


def test_the_last_tenth_of_sorted_data_holds_a_class_that_was_never_trained() -> None:
    check_validation_split(quickly("validation-split").numbers)
    assert any("no training image of 9" in text for text in quickly("validation-split").paragraphs)


@pytest.mark.slow
def test_validation_split_in_full() -> None:
    numbers = fully("validation-split").numbers
    check_validation_split(numbers)
    assert numbers["last_tenth_accuracy"] == 0
    assert numbers["last_tenth_classes"] == "9"


def test_one_seed_gives_the_same_numbers_and_another_does_not() -> None:
    again = lessons.run("epoch-loss", quick=True)
    assert dict(again.numbers) == dict(quickly("epoch-loss").numbers)
    first, other = quickly("batch-dimension"), quickly("batch-dimension", 1)
    assert dict(first.numbers) != dict(other.numbers)


def test_an_unknown_lesson_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(InputError, match='did you mean "softmax-nll"') as error:
        lessons.run("softmax-nl")
    assert error.value.exit_code == 2


HOSTILE = Lesson(
    title="<script>alert(1)</script>",
    shows="a < b & c",
    parts=(
        "text with `<b>code</b>` and <i>markup</i>",
        Table("<t>", ("<a>", "b"), (("<c>", "1"),)),
        Drawing("d", "<svg><title>kept</title></svg>", "<caption>"),
    ),
    numbers={"<key>": "<value>"},
)


def test_the_page_escapes_everything_but_its_figures() -> None:
    html = page.render("<name>", HOSTILE, "convlens lesson <x>")
    assert "<svg><title>kept</title></svg>" in html
    assert "<code>&lt;b&gt;code&lt;/b&gt;</code>" in html
    for raw in ("<script>", "<i>", "<t>", "<c>", "<key>", "<value>", "<x>", "<name>"):
        assert raw not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<figcaption>&lt;caption&gt;</figcaption>" in html


def test_the_files_are_the_page_and_each_figure(tmp_path: Path) -> None:
    lesson = lessons.run("pooling", tmp_path / "new" / "folder", quick=True)
    files = {path.name for path in (tmp_path / "new" / "folder").iterdir()}
    assert files == {"pooling.html", *(f"pooling-{name}.svg" for name in lesson.figures)}
    html = (tmp_path / "new" / "folder" / "pooling.html").read_text()
    assert all(svg in html for svg in lesson.figures.values())
    assert 'src="http' not in html
    assert "convlens lesson pooling --seed 0 --quick" in html


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConvlensError, match="file"):
        page.write("xor", HOSTILE, "convlens lesson xor", tmp_path / "file")


def test_the_command_lists_and_runs_lessons(tmp_path: Path) -> None:
    listed = CliRunner().invoke(app, [])
    assert listed.exit_code == 0
    assert [line.split()[0] for line in listed.stdout.splitlines()] == list(lessons.LESSONS)
    rows = json.loads(CliRunner().invoke(app, ["--json"]).stdout)["lessons"]
    assert [row["name"] for row in rows] == list(lessons.LESSONS)
    arguments = ["pooling", "--quick", "--json", "--seed", "3", "--out", str(tmp_path)]
    run = CliRunner().invoke(app, arguments)
    printed = json.loads(run.stdout)
    assert printed["lesson"] == "pooling"
    assert printed["seed"] == 3
    assert Path(printed["page"]).is_file()
    assert printed["flat_avg_pool_noise_left"] == pytest.approx(0.5, abs=0.05)
