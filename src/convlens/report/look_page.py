"""One image's way through a network as a folder: a page to scroll, and each figure as SVG."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from convlens.foundation.decimals import decimal_text
from convlens.inside.explain import explain
from convlens.inside.feature_maps import FeatureMaps, FeatureVector
from convlens.inside.learned_kernels import KernelLayer, Kernels, kernel_layers, learned_kernels
from convlens.inside.look import Look
from convlens.network.layers import Dropout, Pointwise
from convlens.network.plan import Step
from convlens.report.artists import Artists, Sketch
from convlens.report.page import Page, fill
from convlens.report.sentences import does

# by name: matplotlib is loaded by whoever draws
_REASONS = "convlens.figures.attribution:attributions_svg"
_MAPS = "convlens.figures.feature_maps:feature_maps_svg"
_SMALL_MAPS = "convlens.figures.thumbnails:thumbnails_svg"
_VECTOR = "convlens.figures.feature_maps:feature_vector_svg"
_KERNELS = "convlens.figures.kernel_plots:learned_kernels_svg"
_PIXELS = "convlens.figures.pixels:pixels_svg"
_STEP = "convlens.figures.windows:window_svg"

MANY_LAYERS = 60
"""Of more layers each has small pictures, and the kernels of the first alone are drawn: a hundred
large figures take a minute and tens of megabytes."""
NUMBERED_SIDE = 32
"""Larger images are shown whole without numbers, and their middle with them."""
CROP_SIDE = 16
"""Side of that middle; the three panels of a colour image have room for no more."""
WHOLE_POINTS = 240.0
"""Longer side of an image that is shown whole, without numbers."""


@dataclass(frozen=True)
class Section:
    """One layer on the page."""

    step: Step
    sentence: str
    drawings: tuple[Sketch, ...] = ()
    computation: str = ""


def make_page(look: Look, command: str, artists: Artists | None = None) -> Page:
    """Draw everything and write the page.

    Parameters
    ----------
    look : Look
        What `convlens.look` found.
    command : str
        What to type to see it again.
    artists : Artists, optional
        The processes that draw the figures; by default this one alone.

    Returns
    -------
    Page
        The HTML document, and SVG text by file name.
    """
    pixels = list(_pixels(look))
    sections = list(_sections(look))
    sketches = [*pixels, *(s for section in sections for s in section.drawings)]
    artists = artists or Artists()
    artists.begin(sketches)
    reasons = _reasons(look)  # which needs PyTorch: figures are drawn while it loads
    return fill(
        "look.html.j2",
        artists.draw([*sketches, *reasons]),
        look=look,
        top=look.top(),
        exponentials=_exponentials(look),
        pixels=pixels,
        sections=sections,
        starts=_starts(look),
        small=_is_small(look),
        reasons=reasons,
        target=look.subject.classes[look.target],
        command=command,
    )


def _is_small(look: Look) -> bool:
    """Say whether the layers are too many for large figures."""
    return len(look.layers) > MANY_LAYERS


def _starts(look: Look) -> dict[str, str]:
    """Return where the page leads to: the layers by name.

    Of many layers these are the blocks, each by its first layer, and the layers outside of blocks
    that change a shape or have kernels.
    """
    if not _is_small(look):
        return {layer.layer: layer.layer for layer in look.layers}
    starts: dict[str, str] = {}
    for layer in look.layers:
        if not isinstance(look.plan.step(layer.layer).layer, Pointwise | Dropout):
            starts.setdefault(layer.layer.split(".")[0], layer.layer)
    return starts


def _exponentials(look: Look) -> list[tuple[str, str, str, str]]:
    """Return softmax worked out for the likeliest classes: name, logit, e^logit, share."""
    logits = look.logits.astype(np.float64)
    powers = np.exp(logits - logits.max())
    order = np.argsort(-logits, kind="stable")[:5]
    names = look.subject.classes
    return [
        (
            names[n],
            f"{logits[n]:.3f}",
            decimal_text(powers[n], 4),
            f"{powers[n] / powers.sum():.2%}",
        )
        for n in order
    ]


def _pixels(look: Look) -> Iterator[Sketch]:
    height, width = look.pixels.shape[1:]
    what = "Each cell is one pixel and holds its value, from 0 (black) to 255."
    if len(look.pixels) == 3:
        what = "Each pixel is three numbers: how much red, green and blue it has, from 0 to 255."
    if max(height, width) <= (NUMBERED_SIDE if len(look.pixels) == 1 else CROP_SIDE):
        yield Sketch(
            "00-pixels",
            what,
            _PIXELS,
            (look.pixels,),
            {"title": "input"},
        )
        return
    whole = {"zoom": WHOLE_POINTS / max(height, width), "title": "input", "advise": False}
    caption = "The image as the network gets it; the numbers of its middle follow."
    yield Sketch("00-pixels", caption, _PIXELS, (look.pixels,), whole)
    middle = {"rows": _middle(height), "columns": _middle(width), "title": "its middle"}
    yield Sketch("00-pixels-middle", what, _PIXELS, (look.pixels,), middle)


def _middle(size: int) -> slice:
    start = max(0, (size - CROP_SIDE) // 2)
    return slice(start, min(size, start + CROP_SIDE))


def _sections(look: Look) -> Iterator[Section]:
    weights = look.subject.model.weights()
    small = _is_small(look)
    drawn = kernel_layers(look.plan)[: 1 if small else None]
    kernels = {layer.name: layer for layer in drawn}
    numbered = {step.name: (number, step) for number, step in enumerate(look.plan.steps, 1)}
    for layer in look.layers:
        place, step = numbered[layer.layer]
        number = f"{place:02d}-{layer.layer}"
        drawings = [*_step(look, layer.layer, number), *_output(look, layer, number, small)]
        if layer.layer in kernels:
            array = learned_kernels(weights, layer.layer)
            drawings.insert(0, _kernels(look, array, kernels[layer.layer], number))
        cell = look.cells.get(layer.layer)
        yield Section(step, does(step), tuple(drawings), "" if cell is None else explain(cell))


def _kernels(look: Look, array: Kernels, layer: KernelLayer, number: str) -> Sketch:
    moment = "learned" if look.subject.trained else "initial: not trained"
    caption = "The layer's own numbers: where the input resembles a kernel, its map is high."
    options = {"title": moment}
    return Sketch(
        f"{number}-kernels",
        caption,
        _KERNELS,
        (array, layer),
        options,
    )


def _step(look: Look, layer: str, number: str) -> Iterator[Sketch]:
    cell = look.cells.get(layer)
    if cell is None:
        return
    caption = (
        "One cell of this layer with its numbers: how the cell with the largest value came about."
    )
    yield Sketch(f"{number}-cell", caption, _STEP, (cell, look.pixels))


def _output(
    look: Look, layer: FeatureMaps | FeatureVector, number: str, small: bool
) -> Iterator[Sketch]:
    if isinstance(layer, FeatureMaps) and small:
        yield Sketch(f"{number}-maps", "", _SMALL_MAPS, (layer,))
    elif isinstance(layer, FeatureMaps):
        caption = "What the layer makes of this image: one picture per map, all on one scale."
        yield Sketch(f"{number}-maps", caption, _MAPS, (layer,))
    elif layer.kind != "flatten":  # the same numbers as the maps before it, in one line
        options: dict[str, Any] = {}
        caption = "The features with the largest values."
        if len(layer.values) == len(look.subject.classes):
            options = {"names": look.subject.classes, "marked": int(look.logits.argmax())}
            caption = "One number per class."
        yield Sketch(
            f"{number}-features",
            caption,
            _VECTOR,
            (layer,),
            options,
        )


def _reasons(look: Look) -> list[Sketch]:
    if not look.attributions:
        return []
    caption = (
        "Each method has a scale of its own, because they measure different things. None of them "
        "proves a reason: they can look right on a network that learned nothing."
    )
    options = {"classes": look.subject.classes}
    arguments = (look.pixels, look.attributions)
    return [
        Sketch(
            "99-attribution",
            caption,
            _REASONS,
            arguments,
            options,
        )
    ]
