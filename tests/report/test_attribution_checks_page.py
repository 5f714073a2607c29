"""The page of `convlens check-attributions`, and where `convlens look` sends its readers to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PIL import Image

import convlens
import trained
from convlens.inside.look import Classifier
from convlens.inside.verdict import judge
from convlens.report import attribution_checks_page, look_page
from report.test_html import Page


def subject() -> Classifier:
    dataset = trained.digits()
    model = trained.tutorial()
    return Classifier("a run", model, dataset.preprocessing, dataset.classes, trained=True)


def test_the_page_has_the_sentence_the_numbers_and_the_caveats_of_what_was_measured() -> None:
    found = judge(
        subject(), trained.digits().validation, images=2, methods=["saliency", "occlusion"], seeds=1
    )
    made = attribution_checks_page.make_page(found, "convlens check-attributions last --images 2")
    page = Page(made.html)
    assert found.sentence() in page.text
    assert "Measured on 2 of its 400 validation images" in page.text
    for verdict in found.verdicts:
        assert f"{verdict.similarity:.2f}" in page.text
        assert f"{verdict.deletion.mean:.3f} ± {verdict.deletion.error:.3f}" in page.text
        assert attribution_checks_page.CAVEATS[verdict.method] in page.text
    assert attribution_checks_page.CAVEATS["grad-cam"] not in page.text
    assert f"{found.chance[1].mean:.3f}" in page.text
    assert list(made.figures) == ["cascade.svg", "deletion-insertion.svg"]
    assert len(page.ids) == len(set(page.ids))
    assert "convlens check-attributions last --images 2" in page.text


def test_every_method_has_its_caveat() -> None:
    from convlens.inside.reasons import METHODS

    assert set(attribution_checks_page.CAVEATS) == set(METHODS)


def test_a_look_at_a_trained_network_names_the_command_that_measures_trust(tmp_path: Path) -> None:
    image = tmp_path / "digit.png"
    Image.fromarray(trained.digits().test.images[0, 0]).save(image)
    options = {"layers": ["softmax1"], "methods": ["saliency"]}
    found = convlens.look(subject(), image, **options)  # type: ignore[arg-type]
    sentence = (
        "Which of them to trust on this model is what convlens check-attributions RUN measures."
    )
    assert sentence in Page(look_page.make_page(found, "convlens look").html).text
    untrained = replace(found, subject=replace(found.subject, trained=False))
    assert sentence not in Page(look_page.make_page(untrained, "convlens look").html).text
