"""The top activating images of a layer as a folder: a page, and its figures as SVG."""

from __future__ import annotations

from collections.abc import Iterator

from convlens.figures.maximise import maximised_svg
from convlens.figures.top_patches import top_patches_svg
from convlens.inside.top_images import TopImages
from convlens.report.page import Drawing, Page, fill
from convlens.report.sentences import answers_to

_SPLITS = {"train": "training", "validation": "validation", "test": "test"}


def make_page(result: TopImages, command: str) -> Page:
    """Draw the patches and made images, and write the page.

    Parameters
    ----------
    result : TopImages
        What `convlens.top_images` found.
    command : str
        What to type to see it again.

    Returns
    -------
    Page
        The HTML document, and SVG text by file name.
    """
    patches, classes = list(_patches(result)), list(_classes(result))
    return fill(
        "top_images.html.j2",
        {drawing.name: drawing.svg for drawing in (*patches, *classes)},
        result=result,
        split=_SPLITS[result.split],
        patches=patches,
        classes=classes,
        rows=[(one, answers_to(one.classes)) for one in result.maps],
        made=any(one.made for one in result.maps),
        command=command,
    )


def _patches(result: TopImages) -> Iterator[Drawing]:
    made = [one.made for one in result.maps if one.made is not None]
    yield Drawing(
        f"{result.step.name}-patches",
        top_patches_svg(
            [one.patches for one in result.maps],
            labels=[one.classes for one in result.maps],
            made=made or None,
        ),
        "Look along a row for what its patches share: that is what the map's filter answers to. "
        "Each patch is the receptive field of one cell of the map, at most one from an image.",
    )


def _classes(result: TopImages) -> Iterator[Drawing]:
    if not result.class_images:
        return
    yield Drawing(
        "classes",
        maximised_svg(result.class_images),
        "Each image was made by ascent to raise one class's score, the logit, from noise; below "
        "it, how the score grew. It shows what raises the score, not what the class looks like.",
    )
