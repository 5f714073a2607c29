"""The page of `convlens top-images`: whole, escaped, and honest about what is not shown."""

from __future__ import annotations

from dataclasses import replace

import recorded_runs
import trained
from convlens.inside.look import Classifier
from convlens.inside.top_images import TopImages, top_images
from convlens.report.top_images_page import make_page
from report.test_html import Page


def found(**options: object) -> TopImages:
    dataset = recorded_runs.digits()
    names = ("<b>zero</b>", *dataset.classes[1:])
    model = trained.tutorial()
    subject = Classifier("run & more", model, dataset.preprocessing, names, trained=True)
    return top_images(subject, dataset, **options)  # type: ignore[arg-type]


def test_the_page_says_which_maps_of_how_many_and_their_classes() -> None:
    excited = found(maps=[5, 9], top=4, classes=["<b>zero</b>"])
    made = make_page(excited, "convlens top-images last")
    page = Page(made.html)
    assert "2 of 64 maps, as asked for" in page.text
    assert "180 training images of digits-5k" in page.text
    assert "logit of <b>zero</b>" in page.text
    assert "<b>zero</b>" not in made.html
    for one in excited.maps:
        assert one.made is not None
        assert f"{one.made.value:.3f}" in page.text
        for image, name in zip(one.patches.images, one.classes, strict=True):
            assert f"#{image} ({name})" in page.text
    assert list(made.figures) == ["conv2-patches.svg", "classes.svg"]
    assert all(svg in made.html for svg in made.figures.values())
    assert len(page.ids) == len(set(page.ids))
    assert [link for link in page.links if link.startswith("http")] == []


def test_a_map_that_nothing_excites_has_a_row_without_numbers() -> None:
    excited = found(maps=[5], maximise=False)
    none = excited.maps[0].patches
    empty = replace(
        none,
        **{
            name: getattr(none, name)[:0]
            for name in ("patches", "seen", "values", "images", "cells")
        },
    )
    dead = replace(excited.maps[0], patches=empty, classes=())
    made = make_page(replace(excited, maps=(dead,)), "convlens top-images last")
    page = Page(made.html)
    assert "5 no image – –" in page.text
    assert "no image activates it" in page.text
    assert "made by gradient ascent" not in page.text
