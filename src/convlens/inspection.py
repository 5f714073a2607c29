"""Open a run or a network, and compute what can be seen inside: one image, a map, the reasons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from convlens import data as datasets
from convlens import runs as store
from convlens import workflow, zoo
from convlens.data import Dataset, Preprocessing
from convlens.data.arrays import InMemory
from convlens.data.decode import ImageSource
from convlens.data.images import AnImage, Images, NamedImage, is_one_image, named_images
from convlens.engines import build
from convlens.errors import InputError, RunError, nearest
from convlens.evaluation import softmax
from convlens.inside.look import Look, Subject
from convlens.network import Network
from convlens.progress import shown, stage, track
from convlens.runs import Run
from convlens.spelling import renamed

if TYPE_CHECKING:
    from convlens.inside.excitation import Excitation
    from convlens.inside.feature_maps import DeadMaps, FeatureMaps, FeatureVector
    from convlens.inside.reasons import Method
    from convlens.inside.steps import Step
    from convlens.inside.verdict import Trust


LIGHT = 100_000_000
"""Multiply-adds of one image that the reference engine computes in less time than PyTorch loads."""


Source = Run | Network | str | Path
"""A run (open, its name, its folder, "last"), or a network (a name of the zoo, a file)."""


@renamed(reference="run", root="runs")
def open_subject(
    run: Source = "last",
    runs: str | Path | None = None,
    *,
    engine: str = "torch",
    finite: bool = True,
) -> Subject:
    """Open a run, or a network with its initial weights.

    Parameters
    ----------
    run : Run, Network, str or Path
        An open run, "last", a run's name or folder; or a network, a name of the zoo, or a
        network's file.
    runs : path, optional
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
    if not isinstance(run, Run) and is_network(run):
        network = resolved(run)
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
    return _of_run(find_run(run, runs), engine, finite=finite)


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


def find_run(run: Source, runs: str | Path | None = None) -> Run:
    """Open a run; the error also thinks of networks that are called alike."""
    if isinstance(run, Network):
        raise _untrained(run.name)
    try:
        return store.find(run, runs)
    except RunError as error:
        meant = nearest(str(run), zoo.names())
        if not meant:
            raise
        raise InputError(
            error.what + ", and no network of that name" + meant,
            "a run, or a network of the zoo: " + ", ".join(zoo.names()),
            "see convlens runs and convlens zoo",
        ) from None


@renamed(reference="run", root="runs")
def open_with_data(
    run: Source = "last",
    runs: str | Path | None = None,
    data: str | Path | InMemory | None = None,
) -> tuple[Subject, Dataset]:
    """Open a run together with the data that it was trained on, or with other data.

    Parameters
    ----------
    run : Run, str or Path
        An open run, "last", or a run's name or folder.
    runs : path, optional
        Folder of the runs.
    data : str, Path, (images, labels) or Dataset, optional
        Other data of the same classes, prepared as the run's own was.

    Raises
    ------
    InputError
        Where it is a network: that was trained on nothing.
    DataError
        Where the data is not there, or has changed since.
    """
    if not isinstance(run, Run) and is_network(run):
        raise _untrained(resolved(run).name)
    opened = store.find(run if isinstance(run, Run) else str(run), runs)
    stage("reading the images")
    dataset = datasets.load_like(opened.data, data)
    return _of_run(opened), dataset


def _untrained(name: str) -> InputError:
    return InputError(
        f"{name} is a network that was not trained: it has no data",
        "a run, which knows the data it was trained on",
        f"train it first: convlens train {name}, then take the run: last",
    )


def is_network(run: Source) -> bool:
    """Say whether this is a network, names one of the zoo, or is a network's file."""
    if isinstance(run, Run | Network):
        return isinstance(run, Network)
    path = Path(run)
    return str(run) in zoo.names() or (path.suffix in (".toml", ".json") and path.is_file())


def resolved(network: Network | str | Path) -> Network:
    """Return a network by its value, its name in the zoo, or its file."""
    return network if isinstance(network, Network) else zoo.resolve(network)


@overload
def look(
    run: Subject | Source,
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
    run: Subject | Source,
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
    run: Subject | Source = "last",
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
    run: Subject | Source = "last",
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
    run : Run, Network, Subject, str or Path
        Whose inside: see `open_subject`.
    image : path, bytes, PIL image, array, or several of these
        Of any size and mode; it is prepared as in training. Arrays are uint8, `(H, W)` or
        `(H, W, C)`.
    layers : sequence of str, optional
        Full names of the layers to keep; all of them by default.
    methods : sequence of {"grad-cam", "integrated-gradients", "occlusion", "saliency"}, optional
        Attributions to compute; all that the network allows by default.
    target : str, optional
        The class whose reasons are looked for; by default the answer.
    dead : DeadMaps, optional
        What `find_dead` found; marks the maps that no image of the data excites.
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
    run, image = workflow.run_first("look", run, image)
    several = named_images(image)
    subject = run if isinstance(run, Subject) else open_subject(run, runs, engine="auto")
    looks = [
        _look(subject, one, layers, methods, target, dead)
        for one in track(several, "images looked at")
    ]
    return looks[0] if is_one_image(image) else looks


def _look(
    subject: Subject,
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
    found = feature_maps(subject.model, normalised, layers, dead=dead)
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
        layers=found,
        steps=_first_steps(subject, normalised, found),
        methods=chosen,
        target=number,
    )


@renamed(reference="run", root="runs")
@shown
def excite(
    run: Source = "last",
    data: str | Path | InMemory | None = None,
    *,
    layer: str | None = None,
    maps: Sequence[int] | None = None,
    top: int = 9,
    classes: Sequence[str] = (),
    split: str = "train",
    maximise: bool = True,
    seed: int = 0,
    runs: str | Path | None = None,
    on_progress: Callable[[str], None] = stage,
    progress: bool | None = None,
) -> Excitation:
    """Find what excites the maps of one layer of a run: see `inside.excitation.excite`.

    Parameters
    ----------
    run, runs, data
        Whose layer, and whose images: see `open_with_data`.
    layer, maps, top, classes, split, maximise, seed, on_progress
        See `convlens.inside.excitation.excite`.
    progress : bool, optional
        Show on stderr how far it is; by default on a terminal and in a notebook.

    Returns
    -------
    Excitation
        `convlens.report.excite_page` makes a page of it.
    """
    subject, dataset = open_with_data(run, runs, data)
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


@renamed(reference="run", root="runs")
@shown
def trust(
    run: Source = "last",
    data: str | Path | InMemory | None = None,
    *,
    images: int = 20,
    methods: Sequence[Method] | None = None,
    seeds: int = 2,
    runs: str | Path | None = None,
    on_progress: Callable[[str], None] = stage,
    progress: bool | None = None,
) -> Trust:
    """Measure which attribution methods to believe on a run: see `inside.verdict.judge`.

    Parameters
    ----------
    run, runs, data
        Which run: see `open_with_data`. The images are of the validation split: the test set
        is not for choosing, not even between methods.
    images, methods, seeds, on_progress
        See `convlens.inside.verdict.judge`.
    progress : bool, optional
        Show on stderr how far it is; by default on a terminal and in a notebook.

    Returns
    -------
    Trust
        `convlens.report.trust_page` makes a page of it.
    """
    subject, dataset = open_with_data(run, runs, data)
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
