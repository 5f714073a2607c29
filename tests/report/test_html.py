"""The HTML report: every section, self-contained, safe, and honest when a run went wrong."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from convlens.evaluation import evaluate_logits
from convlens.report.html import ReportInput, render
from report import examples

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """What a test asks of a page: its ids, links, tags and text; open tags must be closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "srcset", "action", "data"):
                self.links.append(value or "")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        """Return the visible text with single spaces."""
        return " ".join(" ".join(self.words).split())


SECTIONS = {"run", "network", "data", "recipe", "environment"}
MEASURED = {"confusion", "classes", "calibration", "mistakes"}


@pytest.fixture(scope="module")
def finished() -> Page:
    return Page(render(examples.run()))


def test_a_finished_run_has_every_section(finished: Page) -> None:
    assert SECTIONS | MEASURED | {"curves"} <= set(finished.ids)


def test_no_two_elements_share_an_id(finished: Page) -> None:
    assert len(finished.ids) == len(set(finished.ids))


def test_the_page_needs_no_script_and_no_other_host(finished: Page) -> None:
    assert "script" not in finished.tags
    assert "link" not in finished.tags
    assert finished.links
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in finished.links)
    assert {link[1:] for link in finished.links if link.startswith("#")} <= set(finished.ids)


def test_the_style_reaches_for_no_other_host() -> None:
    style = render(examples.run()).split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert "prefers-color-scheme: dark" in style


def test_the_header_gives_the_result_with_its_interval_and_size(finished: Page) -> None:
    run = examples.run()
    assert run.evaluation is not None
    low, high = run.evaluation.interval
    assert f"{100 * run.evaluation.accuracy:.2f}%" in finished.text
    assert f"95% interval {100 * low:.2f}% to {100 * high:.2f}%, n = 200 images" in finished.text
    for fact in ("epoch 4", "1 min 23 s", "on cpu, seed 7", "31.8 k", "31,810"):
        assert fact in finished.text


def test_the_page_says_what_chose_the_model_and_what_the_interval_leaves_out(
    finished: Page,
) -> None:
    assert "chosen by its validation loss alone; the test set was read once" in finished.text
    assert "one run, with seed 7" in finished.text
    assert "on augmented images" in finished.text


def test_the_page_gives_the_command_the_table_and_the_settings(finished: Page) -> None:
    for fact in (
        "convlens train small --data animals --seed 7",
        "8 × 6 × 6",
        "shortcut.conv1",
        "sha256:abc",
        "augmentation: shift",
        "2026-01-31 09:30 UTC",
        "2.0 KiB",
    ):
        assert fact in finished.text


def test_all_25_mistakes_are_shown_as_pictures(finished: Page) -> None:
    run = examples.run()
    assert run.evaluation is not None
    assert len(run.evaluation.mistakes) == 25
    assert finished.tags.count("img") == 25


def test_text_from_the_run_folder_is_escaped_everywhere() -> None:
    evil = '<script>alert("x")</script>'
    safe = examples.run()
    classes = [evil, '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}"]
    html = render(
        ReportInput(
            name=evil,
            status=dict.fromkeys(safe.status, evil) | {"state": "failed"},
            network_rows=[dict.fromkeys(row, evil) | {"depth": 0} for row in safe.network_rows],
            network_totals=dict.fromkeys(safe.network_totals, evil),
            network_text=evil,
            recipe={evil: evil, "augmentation": {evil: evil}, "label_smoothing": evil},
            data={**dict.fromkeys(safe.data, evil), "split": {"train": evil}, "classes": classes,
                  "preprocessing": {"input": evil}, "notes": [evil]},
            environment={evil: evil, "device": evil},
            epochs=safe.epochs,
            evaluation=examples.evaluation(classes),
            command=evil,
        )
    )  # fmt: skip
    page = Page(html)
    assert "script" not in page.tags
    assert page.tags.count("img") == 25
    assert evil in page.text
    assert "{{ 7 * 7 }}" in page.text


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("interrupted", "This run was interrupted."),
        ("diverged", "This run diverged"),
        ("failed", "This run failed."),
        ("running", "This run is not finished."),
        ("finished", "has not been measured on its test set"),
        (None, "It is not known how this run ended."),
    ],
)
def test_a_run_without_a_test_result_says_so_before_any_number(
    state: str | None, says: str
) -> None:
    safe = examples.run()
    status = {**safe.status, "state": state, "message": "loss was nan", "train_seconds": None}
    page = Page(render(replace(safe, status=status, evaluation=None)))
    assert page.text.index(says) < page.text.index("Validation accuracy")
    assert "loss was nan" in page.text
    assert "Test accuracy" not in page.text
    assert not MEASURED & set(page.ids)
    assert set(page.ids) >= SECTIONS


def test_a_run_that_never_finished_an_epoch_has_no_curves() -> None:
    page = Page(render(examples.run(epochs=[], evaluation=None)))
    assert "curves" not in page.ids


def test_an_empty_run_folder_still_renders() -> None:
    page = Page(render(ReportInput("empty", {}, [], {}, "", {}, {}, {}, [], None, "")))
    assert set(page.ids) >= SECTIONS
    assert "None" not in page.text


def test_a_perfect_classifier_has_nothing_to_show_as_mistakes() -> None:
    perfect = evaluate_logits([[9, 0], [0, 9]], [0, 1], ["a", "b"])
    page = Page(render(examples.run(evaluation=perfect)))
    assert "None: every image was classified right." in page.text
    assert "Nothing was confused" in page.text


def test_the_page_says_what_the_losses_include_and_nothing_of_augmentation_without_any() -> None:
    run = examples.run()
    recipe = {**run.recipe, "label_smoothing": 0.05, "augmentation": {"padding": "reflect"}}
    status = {**run.status, "validation_loss": 0.3147, "validation_cross_entropy": 0.0764}
    text = Page(render(replace(run, recipe=recipe, status=status))).text
    assert "on augmented images" not in text
    assert "That loss is 0.3147; without smoothing it is 0.0764" in text


def test_the_page_says_that_a_training_stopped_early() -> None:
    run = examples.run()
    recipe = {**run.recipe, "patience": 3}
    status = {**run.status, "epoch": 4, "epochs": 9}
    assert "Training stopped early" in Page(render(replace(run, recipe=recipe, status=status))).text


def test_options_and_words_with_hyphens_stay_on_one_line() -> None:
    environment = {"command": "convlens train --seed 0", "platform": "x" * 20 + "-x86_64"}
    page = render(replace(examples.run(), environment=environment))
    assert '<dd>convlens train <span class="whole">--seed</span> 0</dd>' in page
    assert f"<dd>{'x' * 20}-x86_64</dd>" in page  # too long for a phone
