"""What excites the maps of a layer as a folder: a page, and its figures as SVG."""

from __future__ import annotations

from collections.abc import Iterator

from convlens.figures.maximise import maximised_svg
from convlens.figures.top_patches import top_patches_svg
from convlens.inside.excitation import Excitation
from convlens.report.page import Drawing, Page, fill
from convlens.report.sentences import answers_to

_SPLITS = {"train": "training", "validation": "validation", "test": "test"}


def make_page(found: Excitation, command: str) -> Page:
    """Draw the patches and made images, and write the page.

    Parameters
    ----------
    found : Excitation
        What `convlens.top_images` found.
    command : str
        What to type to see it again.

    Returns
    -------
    Page
        The HTML document, and SVG text by file name.
    """
    patches, classes = list(_patches(found)), list(_classes(found))
    return fill(
        "top_images.html.j2",
        {drawing.name: drawing.svg for drawing in (*patches, *classes)},
        found=found,
        split=_SPLITS[found.split],
        patches=patches,
        classes=classes,
        rows=[(one, answers_to(one.classes)) for one in found.maps],
        made=any(one.made for one in found.maps),
        command=command,
    )


def _patches(found: Excitation) -> Iterator[Drawing]:
    made = [one.made for one in found.maps if one.made is not None]
    yield Drawing(
        f"{found.step.name}-patches",
        top_patches_svg(
            [one.patches for one in found.maps],
            labels=[one.classes for one in found.maps],
            made=made or None,
        ),
        "Look along a row for what its patches share: that is what the map's filter answers to. "
        "Each patch is the receptive field of one cell of the map, at most one from an image.",
    )


def _classes(found: Excitation) -> Iterator[Drawing]:
    if not found.class_images:
        return
    yield Drawing(
        "classes",
        maximised_svg(found.class_images),
        "Each image was made by ascent to raise one class's score, the logit, from noise; below "
        "it, how the score grew. It shows what raises the score, not what the class looks like.",
    )
