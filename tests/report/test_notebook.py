"""What a notebook shows: whole HTML from nothing but the object, with all text of files escaped."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convlens
import trained
from convlens.evaluation import Evaluation, evaluate_logits
from convlens.network import Network, zoo
from convlens.runs import Run

NASTY = '<script>alert("1")</script>&'
VOID = {"img", "br", "use", "path", "rect", "image", "meta"}


class Checked(HTMLParser):
    """Insists that every element is closed, and gathers what a page could fetch or run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "xlink:href"):
                assert str(value).startswith(("data:image/png;base64,", "#")), value

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(value: Any) -> Checked:
    page = Checked(value._repr_html_())
    assert "script" not in page.names
    return page


def evaluation(classes: list[str], files: list[str] | None = None) -> Evaluation:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (60, 1, 8, 8), dtype=np.uint8)
    logits = generator.standard_normal((60, len(classes)))
    labels = generator.integers(0, len(classes), 60)
    return evaluate_logits(logits, labels, classes, images, files=files)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    network = Network(input=[1, 28, 28], layers=[{"flatten": True}, {"linear": 10}])
    data = trained.digits().test
    return convlens.train(
        network,
        (data.images[:300], data.labels[:300]),
        epochs=2,
        seed=0,
        out=tmp_path_factory.mktemp("notebook") / "run",
    )


def test_a_network_shows_its_table() -> None:
    network = zoo.load("small-resnet")
    page = shown(network)
    for step in network.plan().steps:
        assert step.name in page.text
    assert f"{network.plan().parameters:,} parameters" in page.text
    assert network._repr_html_() == network.plan()._repr_html_()


def test_a_long_network_says_what_it_leaves_out() -> None:
    network = Network(input=[1, 8, 8], layers=[{"relu": True}] * 200)
    assert "and 140 more layers" in shown(network).text


def test_a_run_shows_its_summary_and_its_curves(run: Run) -> None:
    page = shown(run)
    assert f"{run.status['test_accuracy']:.2%}" in page.text
    assert "svg" in page.names
    assert "validation" in page.text


def test_a_run_without_an_epoch_shows_what_is_known(run: Run, tmp_path: Path) -> None:
    (tmp_path / "status.json").write_bytes((run.folder / "status.json").read_bytes())
    page = shown(Run.open(tmp_path))
    assert "svg" not in page.names


def test_an_evaluation_shows_confusion_and_worst_mistakes() -> None:
    measured = evaluation(list("abc"))
    page = shown(measured)
    assert "svg" in page.names
    assert "img" in page.names
    assert f"the 10 worst of {60 - round(60 * measured.accuracy)} mistakes" in page.text


def test_text_from_files_is_escaped(run: Run) -> None:
    page = shown(evaluation([NASTY, "b", "c"], files=[NASTY] * 60))
    assert NASTY in page.text
    page = shown(convlens.Prediction(NASTY, ((NASTY, 0.9), ("b", 0.1)), (NASTY,)))
    assert page.text.count(NASTY) == 4  # title, file, class and note
    stopped = Run(run.folder)
    stopped.__dict__["status"] = {**run.status, "message": NASTY, "network": NASTY}
    assert shown(stopped).text.count(NASTY) == 2


def test_a_look_shows_the_image_the_answer_and_a_layer(run: Run) -> None:
    look = convlens.look(run, trained.digits().test.images[0, 0])
    page = shown(replace(look, image=NASTY, notes=(NASTY,)))
    assert page.text.count(NASTY) == 2
    assert look.top()[0][0] in page.text
    assert "img" in page.names


def test_checked_attribution_methods_are_a_table(run: Run) -> None:
    data = trained.digits().test
    checks = convlens.check_attributions(
        run, (data.images[:100], data.labels[:100]), images=2, seeds=1, methods=["saliency"]
    )
    page = shown(checks)
    assert checks.sentence() in page.text
    assert "random order" in page.text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Jupyter's own packages
def test_a_real_notebook_shows_them(run: Run, tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    cells = [
        f"import convlens; run = convlens.open_run({str(run.folder)!r}); run",
        "convlens.Network.from_toml(run.network_text)",
        "run.history.plot()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    outputs = [cell["outputs"][-1]["data"] for cell in notebook.cells]
    assert Checked(outputs[0]["text/html"]).text == shown(run).text
    assert "linear1" in outputs[1]["text/html"]
    assert outputs[2]["image/svg+xml"].startswith("<svg")
