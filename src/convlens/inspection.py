"""Open a run or a network, and compute what can be seen inside: one image, a map, the reasons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from convlens import data as datasets
from convlens import runs, workflow, zoo
from convlens.data import Dataset, Preprocessing
from convlens.engines import build
from convlens.errors import InputError, RunError, nearest
from convlens.evaluation import softmax
from convlens.inside.look import Look, Subject
from convlens.network import Network
from convlens.runs import Run

if TYPE_CHECKING:
    from convlens.inside.excitation import Excitation
    from convlens.inside.feature_maps import DeadMaps, FeatureMaps, FeatureVector
    from convlens.inside.reasons import Method
    from convlens.inside.steps import Step
    from convlens.inside.verdict import Trust


LIGHT = 100_000_000
"""Multiply-adds of one image that the reference engine computes in less time than PyTorch loads."""


def open_subject(
    reference: str | Path = "last",
    root: str | Path | None = None,
    *,
    engine: str = "torch",
    finite: bool = True,
) -> Subject:
    """Open a run, or a network with its initial weights.

    Parameters
    ----------
    reference : str or Path
        "last", a run's name or folder; or a name of the zoo, or a network's file.
    root : path, optional
        Folder of the runs.
    engine : {"torch", "reference", "auto"}
        Who computes. "auto" is the reference engine for a run of a network of up to 100 million
        multiply-adds: that is done before PyTorch has loaded.
    finite : bool
        Refuse a run whose weights hold NaN or infinity.

    Raises
    ------
    InputError
        Where it is neither, or the network takes images that are neither grey nor RGB.
    """
    if is_network(reference):
        network = zoo.resolve(reference)
        channels = network.input[0]
        if channels not in (1, 3):
            raise InputError(
                f"{network.name} takes images of {channels} channels",
                "1 channel (grey) or 3 (RGB)",
                "look at a network for grey or RGB images",
            )
        half = (0.5,) * channels
        preprocessing = Preprocessing(input=network.input, mean=half, std=half)
        classes = tuple(map(str, range(network.table().output[0])))
        # initial weights are PyTorch's, whoever computes with them
        model = build(network, engine="torch" if engine == "auto" else engine)
        return Subject(network.name, model, preprocessing, classes, trained=False)
    return _of_run(find_run(str(reference), root), engine, finite=finite)


def _of_run(run: Run, engine: str = "torch", *, finite: bool = True) -> Subject:
    network = Network.from_toml(run.network_text)
    if engine == "auto":
        engine = "reference" if network.table().multiply_adds <= LIGHT else "torch"
    return Subject(
        run.name,
        workflow.with_weights(build(network, engine=engine), run, finite=finite),
        Preprocessing.from_dict(run.data["preprocessing"]),
        tuple(str(name) for name in run.data["classes"]),
        trained=True,
    )


def find_dead(subject: Subject, dataset: Dataset) -> DeadMaps:
    """Find the maps that are zero for every validation image of a run's data."""
    from convlens.inside.feature_maps import find_dead_maps

    return find_dead_maps(subject.model, dataset.validation.images, subject.preprocessing)


def find_run(reference: str, root: str | Path | None = None) -> Run:
    """Open a run; the error also thinks of networks that are called alike."""
    try:
        return runs.find(reference, root)
    except RunError as error:
        meant = nearest(reference, zoo.names())
        if not meant:
            raise
        raise InputError(
            error.what + ", and no network of that name" + meant,
            "a run, or a network of the zoo: " + ", ".join(zoo.names()),
            "see convlens runs and convlens zoo",
        ) from None


def open_with_data(
    reference: str | Path = "last", root: str | Path | None = None
) -> tuple[Subject, Dataset]:
    """Open a run together with the data that it was trained on.

    Parameters
    ----------
    reference : str or Path
        "last", or a run's name or folder.
    root : path, optional
        Folder of the runs.

    Raises
    ------
    InputError
        Where it is a network: that was trained on nothing.
    DataError
        Where the data is not there, or has changed since.
    """
    if is_network(reference):
        raise InputError(
            f"{reference} is a network that was not trained: it has no data",
            "a run, which knows the data it was trained on",
            f"train it first: convlens train {reference}, then take the run: last",
        )
    run = runs.find(str(reference), root)
    dataset = datasets.load_like(run.data)
    return _of_run(run), dataset


def is_network(reference: str | Path) -> bool:
    """Say whether a reference names a network of the zoo, or a network's file."""
    path = Path(reference)
    return str(reference) in zoo.names() or (path.suffix in (".toml", ".json") and path.is_file())


def look(
    image: str | Path,
    source: Subject | str | Path = "last",
    *,
    layers: Sequence[str] | None = None,
    methods: Sequence[Method] | None = None,
    target: str | None = None,
    dead: DeadMaps | None = None,
    root: str | Path | None = None,
) -> Look:
    """Compute everything that one image makes a network show.

    Parameters
    ----------
    image : str or Path
        An image file of any size and mode; it is prepared as in training.
    source : Subject, str or Path
        Whose inside: see `open_subject`.
    layers : sequence of str, optional
        Full names of the layers to keep; all of them by default.
    methods : sequence of {"grad-cam", "integrated-gradients", "occlusion", "saliency"}, optional
        Attributions to compute; all that the network allows by default.
    target : str, optional
        The class whose reasons are looked for; by default the answer.
    dead : DeadMaps, optional
        What `find_dead` found; marks the maps that no image of the data excites.

    Returns
    -------
    Look
        Arrays of documented shapes; `convlens.report.look_page` makes a page of them.

    Raises
    ------
    DataError
        Where the file is not a readable image.
    InputError
        Where a layer, method or class does not exist; names the nearest.
    """
    from convlens.inside import reasons
    from convlens.inside.feature_maps import feature_maps

    subject = source if isinstance(source, Subject) else open_subject(source, root, engine="auto")
    pixels, notes = subject.preprocessing.prepare(Path(image))
    normalised = subject.preprocessing.normalise(pixels[None])[0]
    found = feature_maps(subject.model, normalised, layers, dead=dead)
    logits = subject.model.logits(normalised[None])[0]
    number = int(logits.argmax()) if target is None else subject.class_number(target)
    chosen = reasons.chosen_methods(subject.network, methods)
    return Look(
        subject=subject,
        image=str(image),
        pixels=pixels,
        normalised=normalised,
        notes=tuple(notes),
        logits=logits,
        probabilities=softmax(logits[None])[0],
        layers=found,
        steps=_first_steps(subject, normalised, found),
        methods=chosen,
        target=number,
    )


def excite(
    reference: str | Path = "last",
    *,
    layer: str | None = None,
    maps: Sequence[int] | None = None,
    top: int = 9,
    classes: Sequence[str] = (),
    split: str = "train",
    maximise: bool = True,
    seed: int = 0,
    root: str | Path | None = None,
    on_progress: Callable[[str], None] = lambda message: None,
) -> Excitation:
    """Find what excites the maps of one layer of a run: see `inside.excitation.excite`.

    Parameters
    ----------
    reference, root
        Whose layer: see `open_with_data`.
    layer, maps, top, classes, split, maximise, seed, on_progress
        See `convlens.inside.excitation.excite`.

    Returns
    -------
    Excitation
        `convlens.report.excite_page` makes a page of it.
    """
    subject, dataset = open_with_data(reference, root)
    from convlens.inside import excitation

    return excitation.excite(
        subject,
        dataset,
        layer=layer,
        maps=maps,
        top=top,
        classes=classes,
        split=split,
        maximise=maximise,
        seed=seed,
        on_progress=on_progress,
    )


def trust(
    reference: str | Path = "last",
    *,
    images: int = 20,
    methods: Sequence[Method] | None = None,
    seeds: int = 2,
    root: str | Path | None = None,
    on_progress: Callable[[str], None] = lambda message: None,
) -> Trust:
    """Measure which attribution methods to believe on a run: see `inside.verdict.judge`.

    Parameters
    ----------
    reference, root
        Which run: see `open_with_data`. The images are of its validation split: the test set
        is not for choosing, not even between methods.
    images, methods, seeds, on_progress
        See `convlens.inside.verdict.judge`.

    Returns
    -------
    Trust
        `convlens.report.trust_page` makes a page of it.
    """
    subject, dataset = open_with_data(reference, root)
    from convlens.inside import verdict

    return verdict.judge(
        subject,
        dataset.validation,
        images=images,
        methods=methods,
        seeds=seeds,
        on_progress=on_progress,
    )


def _first_steps(
    subject: Subject,
    normalised: NDArray[np.float32],
    found: Sequence[FeatureMaps | FeatureVector],
) -> dict[str, Step]:
    """Take one cell of the first layer of each kind apart: the cell with the largest value."""
    from convlens.inside.windows import window

    steps: dict[str, Step] = {}
    kinds: set[str] = set()
    for layer in found:
        if layer.kind in kinds or layer.kind in ("flatten", "dropout"):
            continue
        kinds.add(layer.kind)
        values = layer.values if len(layer.shape) == 1 else layer.maps  # type: ignore[union-attr]
        cell = tuple(int(n) for n in np.unravel_index(int(values.argmax()), values.shape))
        steps[layer.layer] = window(subject.model, normalised, layer.layer, cell)
    return steps
