"""Compute everything that one image makes a network show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from convlens.api.opening import Source, open_subject, run_first
from convlens.data import Dataset
from convlens.data.decode import ImageSource
from convlens.data.images import AnImage, Images, NamedImage, is_one_image, named_images
from convlens.evaluation import softmax
from convlens.foundation.progress import shown, track
from convlens.foundation.spelling import renamed
from convlens.inside.look import Classifier, Look

if TYPE_CHECKING:
    from convlens.inside.feature_maps import DeadMaps, FeatureMaps, FeatureVector
    from convlens.inside.reasons import Method
    from convlens.inside.records import CellComputation


@overload
def look(
    run: Classifier | Source,
    image: ImageSource,
    *,
    layers: Sequence[str] | None = None,
    methods: Sequence[Method] | None = None,
    target: str | None = None,
    dead: DeadMaps | None = None,
    runs: str | Path | None = None,
    progress: bool | None = None,
) -> Look: ...


@overload
def look(
    run: Classifier | Source,
    image: list[AnImage] | tuple[AnImage, ...],
    *,
    layers: Sequence[str] | None = None,
    methods: Sequence[Method] | None = None,
    target: str | None = None,
    dead: DeadMaps | None = None,
    runs: str | Path | None = None,
    progress: bool | None = None,
) -> list[Look]: ...


@overload
def look(
    run: Classifier | Source = "last",
    image: Images | None = None,  # an array: one image or several, as its shape says
    *,
    layers: Sequence[str] | None = None,
    methods: Sequence[Method] | None = None,
    target: str | None = None,
    dead: DeadMaps | None = None,
    runs: str | Path | None = None,
    progress: bool | None = None,
) -> Any: ...


@renamed(source="run", root="runs")
@shown
def look(
    run: Classifier | Source = "last",
    image: Images | None = None,
    *,
    layers: Sequence[str] | None = None,
    methods: Sequence[Method] | None = None,
    target: str | None = None,
    dead: DeadMaps | None = None,
    runs: str | Path | None = None,
    progress: bool | None = None,
) -> Any:
    """Compute everything that one image makes a network show.

    Parameters
    ----------
    run : Run, Network, Classifier, str or Path
        The network to look into: see `open_subject`.
    image : path, bytes, PIL image, array, or several of these
        Images of any size and mode, which are prepared as in training. Arrays are uint8,
        `(H, W)` or `(H, W, C)`.
    layers : sequence of str, optional
        Full names of the layers to keep; all of them by default.
    methods : sequence of {"grad-cam", "integrated-gradients", "occlusion", "saliency"}, optional
        Attributions to compute; all that the network allows by default.
    target : str, optional
        The class whose reasons are looked for; by default the answer.
    dead : DeadMaps, optional
        What `find_dead` found; marks the maps that no image of the data activates.
    runs : path, optional
        Folder of the runs.
    progress : bool, optional
        Show on stderr how far it is; by default on a terminal and in a notebook.

    Returns
    -------
    Look or list of Look
        Arrays of documented shapes; `convlens.report.look_page` makes a page of them. A list
        for several images.

    Raises
    ------
    DataError
        Where the file is not a readable image.
    InputError
        Where a layer, method or class does not exist; names the nearest.
    """
    run, image = run_first("look", run, image, runs)
    several = named_images(image)
    subject = run if isinstance(run, Classifier) else open_subject(run, runs, engine="auto")
    looks = [
        _look(subject, one, layers, methods, target, dead)
        for one in track(several, "images looked at")
    ]
    return looks[0] if is_one_image(image) else looks


def _look(
    subject: Classifier,
    image: NamedImage,
    layers: Sequence[str] | None,
    methods: Sequence[Method] | None,
    target: str | None,
    dead: DeadMaps | None,
) -> Look:
    from convlens.inside import reasons
    from convlens.inside.feature_maps import feature_maps

    pixels, notes = subject.preprocessing.prepare(image.source)
    normalised = subject.preprocessing.normalise(pixels[None])[0]
    maps = feature_maps(subject.model, normalised, layers, dead=dead)
    logits = subject.model.logits(normalised[None])[0]
    number = int(logits.argmax()) if target is None else subject.class_number(target)
    chosen = reasons.chosen_methods(subject.plan, methods)
    return Look(
        subject=subject,
        image=image.name,
        pixels=pixels,
        normalised=normalised,
        notes=tuple(notes),
        logits=logits,
        probabilities=softmax(logits[None])[0],
        layers=maps,
        cells=_first_cells(subject, normalised, maps),
        methods=chosen,
        target=number,
    )


def _first_cells(
    subject: Classifier,
    normalised: NDArray[np.float32],
    maps: Sequence[FeatureMaps | FeatureVector],
) -> dict[str, CellComputation]:
    """Take one cell of the first layer of each kind apart: the cell with the largest value."""
    from convlens.inside.windows import window

    cells: dict[str, CellComputation] = {}
    kinds: set[str] = set()
    for layer in maps:
        if layer.kind in kinds or layer.kind in ("flatten", "dropout", "drop_path"):
            continue
        kinds.add(layer.kind)
        values = layer.values if len(layer.shape) == 1 else layer.maps  # type: ignore[union-attr]
        cell = tuple(int(n) for n in np.unravel_index(int(values.argmax()), values.shape))
        cells[layer.layer] = window(subject.model, normalised, layer.layer, cell)
    return cells


def find_dead(subject: Classifier, dataset: Dataset) -> DeadMaps:
    """Find the maps that are zero for every validation image of a run's data."""
    from convlens.inside.feature_maps import find_dead_maps

    return find_dead_maps(subject.model, dataset.validation.images, subject.preprocessing)
