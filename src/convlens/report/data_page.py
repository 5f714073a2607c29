"""A data set as a folder: a page, and its figures as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from convlens.data import Dataset
from convlens.data.summary import Summary, summarise
from convlens.figures import dataset as figures
from convlens.figures.names import short_name
from convlens.network.arithmetic import shape_text
from convlens.report.page import Drawing, Page, fill

if TYPE_CHECKING:
    from convlens.training.augment.preview import Preview


def make_page(
    dataset: Dataset, command: str, preview: Preview | None = None, changes: Sequence[str] = ()
) -> Page:
    """Draw a data set and write the page.

    Parameters
    ----------
    dataset : Dataset
        As `convlens.data.load` gives it.
    command : str
        What to type to see it again.
    preview : Preview, optional
        Training images before and after augmentation; the first of each drawn class.
    changes : sequence of str
        The settings of that augmentation, such as "rotate 15".

    Returns
    -------
    Page
        The HTML document, and SVG text by file name.
    """
    summary = summarise(dataset)
    drawings = list(_drawings(dataset, summary))
    if preview is not None:
        drawings.append(_augmented(dataset, summary, preview, changes))
    return fill(
        "data.html.j2",
        {drawing.name: drawing.svg for drawing in drawings},
        dataset=dataset,
        summary=summary,
        drawings=drawings,
        command=command,
    )


def _drawings(dataset: Dataset, summary: Summary) -> Iterator[Drawing]:
    size = shape_text(dataset.preprocessing.input)
    of = (
        ""
        if len(summary.classes) == summary.of_classes
        else (f" (the first {len(summary.classes)} of {summary.of_classes} classes)")
    )
    above = (
        "the end of its file's name" if dataset.train.files else "its number in the training part"
    )
    yield Drawing(
        "samples",
        figures.samples_svg(
            summary.samples,
            summary.classes,
            summary.numbers,
            title=f"Training images, {size}, by class{of}",
            files=dataset.train.files,
        ),
        "Chosen at random with a fixed seed, as the network gets them before normalisation. Above "
        f"each, {above}.",
    )
    yield Drawing(
        "counts",
        figures.counts_svg(summary.counts, summary.classes, title="Images of each class"),
        "Training fits the weights, validation chooses the epoch, test is read once at the end. "
        "Where classes differ much, accuracy alone hides the small ones.",
    )
    yield Drawing(
        "means",
        figures.means_svg(summary.means, summary.classes, title=f"Mean training image, {size}"),
        "The mean of all training images of a class, pixel by pixel. Sharp means that its images "
        "lie over one another; blurred, that they differ in place or shape. Where two means differ "
        "only in colour or ground, a network may learn just that.",
    )
    yield Drawing(
        "histogram",
        figures.histogram_svg(summary.histogram, title="Values of the training pixels"),
        "A high end at 0 or 255 is a plain ground or clipped light; gaps between the values come "
        "from a change of contrast after 8 bits. The shares are on a logarithmic scale.",
    )
    if len(summary.sizes):
        yield Drawing(
            "sizes",
            figures.sizes_svg(summary.sizes, used=dataset.preprocessing.input[1:]),
            "Each image is resized until its shorter side fits the square, and the middle is cut "
            "out. Larger dots are sizes that more files have.",
        )


def _augmented(
    dataset: Dataset, summary: Summary, preview: Preview, changes: Sequence[str]
) -> Drawing:
    rows = summary.classes[: len(preview.before)]
    texts = []
    for partners, shares in zip(preview.partners, preview.shares, strict=True):
        row = []
        for epoch, (other, share) in enumerate(zip(partners, shares, strict=True), 1):
            text = f"epoch {epoch}"
            if other >= 0:
                text = f"{100 * (1 - share):.0f}% {dataset.classes[dataset.train.labels[other]]}"
            row.append(short_name(text, 10))
        texts.append(row)
    mixed = bool(np.any(preview.partners >= 0))
    above = (
        "Right of the line, a column is an epoch. Above each image, how much of another one is in "
        "it and that one's class; the labels are mixed in the same shares. "
        if mixed
        else ""
    )
    return Drawing(
        "augmented",
        figures.augmented_svg(
            preview.before, preview.after, texts, rows, title="The same image in several epochs"
        ),
        above
        + ("Changes, at most: " + ", ".join(changes) + ". " if changes else "Nothing is changed. ")
        + "A training with this seed gets exactly these images. Each must still be "
        "recognisable as its class; where you cannot tell, the network learns noise.",
    )
