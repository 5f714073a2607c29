"""What activates the maps of one layer: patches of real images, and patches made by ascent.

The two answer the same question with the same number, the value of one cell. Real patches show
what the map answers to among the images that there are; a made patch shows how far its filter
can be driven, whether or not any image looks like that. The made one is the image that
`convlens.inside.maximise` climbs to for the cell in the middle of the map, cut to what that
cell sees. A map's mean would be another number than the patches', so it is not used here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convlens.data import Dataset
from convlens.data.decode import shown
from convlens.engines.torch_engine import as_torch
from convlens.foundation.errors import InputError
from convlens.foundation.progress import track
from convlens.inside import places
from convlens.inside.learned_kernels import kernel_layers
from convlens.inside.look import Classifier
from convlens.inside.maximise import Ascent, Maximised, maximise_class, maximise_map
from convlens.inside.reasons import SHORTCUT
from convlens.inside.top_patches import TopPatches, seen_by_cell, top_patches
from convlens.network.plan import Plan, Step

SHOWN_MAPS = 12
"""Number of maps that are shown where none is named."""
CELL_ASCENT = Ascent(jitter=0)
"""Without jitter, because a shifted image would be at another place than the cell's own."""


@dataclass(frozen=True, eq=False)
class MadePatch:
    """The feature visualization of the cell in the middle of a map, made by gradient ascent.

    Parameters
    ----------
    pixels : uint8 array (C, height, width)
        The cell's receptive field in the made image, as large as the map's real patches.
    seen : bool array (height, width)
        Where it is a pixel of the image.
    value : float
        The cell's value for the image.
    rose : bool
        Whether the ascent found anything to climb.
    """

    pixels: NDArray[np.uint8]
    seen: NDArray[np.bool_]
    value: float
    rose: bool


@dataclass(frozen=True, eq=False)
class ActivatedMap:
    """One map, and what activates it most.

    Parameters
    ----------
    patches : TopPatches
        Patches of real images, strongest first.
    classes : tuple of str
        The true class of each patch's image.
    made : MadePatch, optional
        None where none was asked for.
    """

    patches: TopPatches
    classes: tuple[str, ...]
    made: MadePatch | None

    @property
    def number(self) -> int:
        return self.patches.map_number

    def counts(self) -> list[tuple[str, int]]:
        """Return how many of the patches are of each class, the most frequent first."""
        return Counter(self.classes).most_common()


@dataclass(frozen=True, eq=False)
class TopImages:
    """The top activating patches and the feature visualizations of one layer's maps.

    Parameters
    ----------
    subject : Classifier
        The network that has the layer.
    step : Step
        The layer, as the network's table has it.
    data, split : str
        The set that the patches are of, and which part of it.
    images : int
        How many images were looked at.
    maps : tuple of ActivatedMap
        The strongest first, or as they were named.
    named : bool
        Whether the maps were named; otherwise the strongest were taken.
    class_images : tuple of Maximised
        Whole images that raise a class's logit.
    """

    subject: Classifier
    step: Step
    data: str
    split: str
    images: int
    maps: tuple[ActivatedMap, ...]
    named: bool
    class_images: tuple[Maximised, ...]
    files: tuple[str, ...] | None = None
    """The images' files, where they have any."""

    def name_of(self, image: int) -> str:
        """Return what an image is called: its file, or its number."""
        return self.files[image] if self.files else f"#{image}"

    def choice(self) -> str:
        """Say which maps these are, and how many there are.

        A reader who sees 12 of 64 maps must know that 52 are not shown.
        """
        total, shown = self.step.output[0], len(self.maps)
        if shown == total:
            return f"all {total} maps" if total > 1 else "its only map"
        if self.named:
            return f"{shown} of {total} maps, as asked for"
        return f"{shown} of {total} maps, those with the strongest responses"


def top_images(
    subject: Classifier,
    dataset: Dataset,
    *,
    layer: str | None = None,
    maps: Sequence[int] | None = None,
    top: int = 9,
    classes: Sequence[str] = (),
    split: str = "train",
    maximise: bool = True,
    seed: int = 0,
    on_progress: Callable[[str], None] = lambda message: None,
) -> TopImages:
    """Find the patches that activate the maps of a layer most, and make images that do.

    Parameters
    ----------
    subject : Classifier
        The trained network.
    dataset : Dataset
        The data that it was trained on.
    layer : str, optional
        Full name of a layer with maps; the last convolution by default.
    maps : sequence of int, optional
        Which maps; by default the `SHOWN_MAPS` with the strongest responses over the set.
    top : int
        Number of patches per map, at most.
    classes : sequence of str
        Classes whose logits are maximised too.
    split : {"train", "validation", "test"}
        The part of the data to search.
    maximise : bool
        Whether to make a patch for each map. Classes that are named are made in any case.
    seed : int
        Seed of the images that gradient ascent starts from.
    on_progress : callable
        Called with a sentence about what is computed next.

    Raises
    ------
    InputError
        Where a layer, map, class or split does not exist; names the nearest.
    """
    step = places.find_maps(subject.plan, layer or last_convolution(subject.plan))
    numbers = None if maps is None else list(dict.fromkeys(maps))
    for number in numbers or ():
        places.check_map(step, number)
    targets = [subject.class_number(name) for name in dict.fromkeys(classes)]
    part = dataset.part(split)
    on_progress(f"{step.name}: looking at {len(part):,} images")
    patches = top_patches(
        subject.model,
        step.name,
        numbers,
        part.images,
        subject.preprocessing,
        count=top,
        most=SHOWN_MAPS if numbers is None else None,
    )
    if maximise:
        on_progress(f"{step.name}: making a patch for each of {len(patches)} maps")
    excited = tuple(
        ActivatedMap(
            one,
            tuple(subject.classes[part.labels[image]] for image in one.images),
            _made(subject, step, one.map_number, seed) if maximise else None,
        )
        for one in track(patches, "maps done")
    )
    if targets:
        on_progress("making an image for " + ", ".join(subject.classes[n] for n in targets))
    class_images = tuple(_class_image(subject, target, seed) for target in targets)
    named = numbers is not None
    return TopImages(
        *(subject, step, dataset.name, split, len(part), excited, named, class_images),
        files=None if part.files is None else tuple(map(shown, part.files)),
    )


def last_convolution(plan: Plan) -> str:
    """Return the last convolution with places, one in a shortcut only where there is no other.

    Raises
    ------
    InputError
        Where the network has none.
    """
    steps = [plan.step(layer.name) for layer in kernel_layers(plan)]
    if not steps:
        raise InputError(
            f"{plan.name} has no convolution",
            "a network with a convolution, or the name of another layer with maps",
        )
    # a gate of squeeze-and-excitation has one cell per map, and looks at nothing in particular
    placed = [step for step in steps if step.output[1:] != (1, 1)] or steps
    names = [step.name for step in placed]
    return next((name for name in reversed(names) if SHORTCUT not in name), names[-1])


def _made(subject: Classifier, step: Step, number: int, seed: int) -> MadePatch:
    _, height, width = step.output
    cell = height // 2, width // 2
    made = maximise_map(
        as_torch(subject.model),
        subject.preprocessing,
        step.name,
        number,
        cell=cell,
        seed=seed,
        ascent=CELL_ASCENT,
    )
    pixels, seen = seen_by_cell(step, cell, made.image)
    return MadePatch(pixels, seen, float(made.activations[-1]), made.rose)


def _class_image(subject: Classifier, target: int, seed: int) -> Maximised:
    made = maximise_class(as_torch(subject.model), subject.preprocessing, target, seed=seed)
    return replace(made, place=f"logit of {subject.classes[target]}")
