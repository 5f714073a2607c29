"""Open a run or a network, with its weights, its preprocessing, or its data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from convlens import data as datasets
from convlens import runs as store
from convlens import weights as weight_files
from convlens.data import Dataset, Preprocessing
from convlens.data.arrays import InMemory
from convlens.data.images import looks_like_an_image
from convlens.engines import Model, build
from convlens.foundation.errors import InputError, RunError, nearest
from convlens.foundation.progress import stage
from convlens.foundation.spelling import renamed, say
from convlens.inside.look import Classifier
from convlens.network import Network, zoo
from convlens.runs import Run
from convlens.weights.published import catalogue, published

AnyModel = TypeVar("AnyModel", bound=Model)


LIGHT = 100_000_000
"""Multiply-adds of one image that the reference engine computes in less time than PyTorch loads."""


PUBLISHED = "efficientnet-lite0"
"""The published network that is used where nothing has been trained yet."""


Source = Run | Network | str | Path
"""A run (open, its name, its folder, "last"), or a network (a name of the zoo, a file)."""


@renamed(reference="run", root="runs")
def open_run(run: Run | str | Path = "last", runs: str | Path | None = None) -> Run:
    """Open a run.

    Parameters
    ----------
    run : Run, str or Path
        Its name, its folder, or "last"; an open run is returned as it is.
    runs : path, optional
        Folder of the runs; default `$CONVLENS_RUNS` or `./runs`.

    Returns
    -------
    Run
        Its files are read when they are asked for.

    Raises
    ------
    RunError
        Where there is no such run, or its status is damaged; names the nearest.
    """
    return store.find(run, runs)


@renamed(reference="run", root="runs")
def open_subject(
    run: Source = "last",
    runs: str | Path | None = None,
    *,
    engine: str = "torch",
    finite: bool = True,
) -> Classifier:
    """Open a run, or a network with its published or its initial weights.

    Parameters
    ----------
    run : Run, Network, str or Path
        An open run, "last", a run's name or folder; the name of a published network, which has
        its published weights; or a network, a name of the zoo, or a network's file, which have
        initial ones.
    runs : path, optional
        Folder of the runs.
    engine : {"torch", "reference", "auto"}
        The engine that computes. "auto" takes the reference engine for a run of a network of up
        to 100 million multiply-adds, because that is done before PyTorch has loaded.
    finite : bool
        Refuse a run whose weights hold NaN or infinity.

    Returns
    -------
    Classifier
        The model with its weights, its preprocessing and its classes.

    Raises
    ------
    InputError
        Where it is neither, or the network takes images that are neither grey nor RGB.
    """
    if isinstance(run, str) and (run in zoo.published_names() or run in catalogue()):
        return _published(run, engine)
    if not isinstance(run, Run) and is_network(run):
        network = resolved(run)
        channels = network.input[0]
        if channels not in (1, 3):
            raise InputError(
                f"{network.name} takes images of {channels} channels",
                "1 channel (grey) or 3 (RGB)",
            )
        half = (0.5,) * channels
        preprocessing = Preprocessing(input=network.input, mean=half, std=half)
        classes = tuple(map(str, range(network.plan().output[0])))
        # the initial weights are drawn by PyTorch, whichever engine computes with them
        model = build(network, engine="torch" if engine == "auto" else engine)
        return Classifier(network.name, model, preprocessing, classes, trained=False)
    return _of_run(find_run(run, runs), engine, finite=finite)


@renamed(reference="run", root="runs")
def open_with_data(
    run: Source = "last",
    runs: str | Path | None = None,
    data: str | Path | InMemory | None = None,
) -> tuple[Classifier, Dataset]:
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


def _published(name: str, engine: str = "torch") -> Classifier:
    """Open a published network with the weights that the catalogue has for it."""
    entry = published(name)
    network = zoo.load(entry.network)
    model = build(network, engine="torch" if engine == "auto" else engine)
    model.load_weights(entry.read(model.plan.weight_shapes()))
    preparing = {"input": network.input, "framing": "none", "background": "mixed", "fit": "crop"}
    preprocessing = Preprocessing.from_dict({**preparing, **entry.preprocessing})
    return Classifier(network.name, model, preprocessing, entry.classes, trained=True)


def _of_run(run: Run, engine: str = "torch", *, finite: bool = True) -> Classifier:
    network = Network.from_toml(run.network_text)
    if engine == "auto":
        engine = "reference" if network.plan().multiply_adds <= LIGHT else "torch"
    return Classifier(
        run.name,
        with_weights(build(network, engine=engine), run, finite=finite),
        Preprocessing.from_dict(run.data["preprocessing"]),
        tuple(str(name) for name in run.data["classes"]),
        trained=True,
    )


def find_run(run: Source, runs: str | Path | None = None) -> Run:
    """Open a run; where there is none, the error also names networks with a similar name."""
    if isinstance(run, Network):
        raise _untrained(run.name)
    try:
        return store.find(run, runs)
    except RunError as error:
        known = [*zoo.names(), *zoo.published_names()]
        meant = nearest(str(run), known)
        if not meant:
            raise
        raise InputError(
            error.what + ", and no network of that name" + meant,
            "a run, or a network of the zoo: " + ", ".join(known),
        ) from None


def _untrained(name: str) -> InputError:
    return InputError(
        f"{name} is a network that was not trained: it has no data",
        "a run, which knows the data it was trained on",
        f"train {name} first, and take the run that this gives",
    )


def is_network(run: Source) -> bool:
    """Say whether this is a network, names one of the zoo, or is a network's file."""
    if isinstance(run, Run | Network):
        return isinstance(run, Network)
    path = Path(run)
    known = [*zoo.names(), *zoo.published_names()]
    return str(run) in known or (path.suffix in (".toml", ".json") and path.is_file())


def resolved(network: Network | str | Path) -> Network:
    """Return a network by its value, its name in the zoo, or its file."""
    return network if isinstance(network, Network) else zoo.resolve(network)


def with_weights(
    model: AnyModel, run: Run, file: str | Path | None = None, *, finite: bool = True
) -> AnyModel:
    """Return a model of the run's network with the run's best weights, or those of a file."""
    expected = model.plan.weight_shapes()
    if file is not None:
        arrays = weight_files.read_weights(Path(file), expected)
    else:
        arrays = run.weights("best", expected=expected)
    if finite:
        weight_files.check_finite(arrays, str(file or run.folder))
    model.load_weights(arrays)
    return model


def run_first(verb: str, run: Any, images: Any, runs: str | Path | None = None) -> tuple[Any, Any]:
    """Return the run and the images of a call, whose arguments may be the images alone.

    The order images, run is an old spelling.

    Raises
    ------
    InputError
        Where there is no image.
    """
    if images is None and looks_like_an_image(run):
        return last_or_published(runs), run
    is_source = isinstance(images, Run | Network) or hasattr(images, "preprocessing")
    if is_source or (looks_like_an_image(run) and not looks_like_an_image(images)):
        say(f"{verb}: the run comes first now: {verb}(run, images)")
        run, images = images, run
    if images is None:
        raise InputError(
            f"{verb} came without an image",
            "a run, and an image or several",
            f'write {verb}("last", "image.png")',
        )
    return run, images


def last_or_published(runs: str | Path | None = None) -> Run | str:
    """Return the last run, or a published network where nothing has been trained yet."""
    return store.last(runs) or PUBLISHED
