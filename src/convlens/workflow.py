"""The main job from end to end, for the command line and for notebooks alike.

PyTorch and matplotlib are imported where they are first needed, so that a mistake in a setting
or a path is told at once.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from convlens import data as datasets
from convlens import runs as store
from convlens import waiting, zoo
from convlens import weights as weight_files
from convlens.data import Dataset, Preprocessing
from convlens.data.arrays import InMemory
from convlens.data.images import Images, looks_like_an_image, named_images
from convlens.engines import Model, build, check_engine
from convlens.errors import InputError, RunError
from convlens.evaluation import Evaluation, softmax, top_k
from convlens.machine import parse_size
from convlens.network import Network
from convlens.progress import shown, track, wanted
from convlens.runs import Run, RunWriter
from convlens.spelling import renamed, say
from convlens.table import shape_text
from convlens.training import recipe as recipes
from convlens.training.recipe import Recipe

if TYPE_CHECKING:
    from convlens.engines.torch_engine import TorchModel

Event = dict[str, Any]
P = ParamSpec("P")
R = TypeVar("R")

PREDICTED_AT_ONCE = 32
"""Images a batch in `predict`: threads that share the work of a single image mostly wait."""


def _telling(function: Callable[P, R]) -> Callable[P, R]:
    """Show the events of a training, where `progress` says so and the caller takes none."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        show: Any = kwargs.get("progress")
        if kwargs.get("on_event") is not None or not wanted(show):
            return function(*args, **kwargs)
        from convlens.progress.events import TrainingProgress

        with TrainingProgress() as display:
            kwargs["on_event"] = display
            return function(*args, **kwargs)

    return call


@renamed(root="runs", initial_weights="weights", lr="learning_rate")
@_telling
def train(
    network: str | Path | Network | None = None,
    data: str | Path | InMemory = "digits-5k",
    *,
    recipe: str | Path | Recipe | None = None,
    device: str = "auto",
    engine: str = "torch",
    out: str | Path | None = None,
    name: str | None = None,
    runs: str | Path | None = None,
    weights: str | Path | None = None,
    bad_images: str = "fail",
    input_shape: tuple[int, int, int] | None = None,
    fit: str | None = None,
    memory: str | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    progress: bool | None = None,
    **settings: Any,
) -> Run:
    """Train a network and return its finished run.

    The best epoch is chosen on the validation split; the test set is read once, at the end,
    with the weights of that epoch.

    Parameters
    ----------
    network : str, Path or Network, optional
        A name of the zoo, a file, or a network; by default one that suits the data. Its
        input and number of classes are adapted to data of a fixed size.
    data : str, Path, (images, labels) or Dataset
        A known data set (see `convlens data list`), a path, arrays, or a training and a test part
        of arrays, `((images, labels), (images, labels))`; see `convlens.load_data`.
    recipe : str, Path or Recipe, optional
        A named recipe, a file, or a recipe; by default one that suits the data.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute.
    engine : {"torch", "keras"}
        Who computes; the run can be evaluated and looked into with either.
    out : path, optional
        The exact folder of the run; by default a new one under `runs`.
    name : str, optional
        Name of the run under `runs`.
    runs : path, optional
        Folder of the runs; default `$CONVLENS_RUNS` or `./runs`.
    weights : path, optional
        A `.safetensors` or `.pt` file with the network's weights to start from.
    bad_images : {"fail", "skip"}
        What to do with unreadable files of an image folder.
    input_shape : (C, H, W), optional
        What a folder of images is brought to; by default the network's input or, without a
        network, what suits the images.
    fit : {"crop", "pad", "stretch"}, optional
        How images of a folder are brought to that shape.
    memory : str, optional
        Such as "2GB": images of a folder that would take more are read from disk while it
        trains. Half of the free memory by default.
    on_event : callable, optional
        Receives progress events; see `convlens.training.loop.fit`.
    progress : bool, optional
        Show on stderr how far it is; by default on a terminal and in a notebook, unless
        `on_event` takes the events.
    **settings
        Values of the recipe to change, such as `epochs=3`.

    Raises
    ------
    ConvlensError
        One of its children, with what to do about it.
    """
    check_engine(engine, trains=True)
    chosen_recipe = recipe_for(recipe, data).changed(settings)
    reading = {
        "bad_images": bad_images,
        "input_shape": input_shape,
        "fit": fit,
        "memory": None if memory is None else parse_size(memory, "--memory"),
        "on_event": on_event,
    }
    chosen_network, dataset, notes = fitted(network, data, chosen_recipe, **reading)
    from convlens.training import session

    start = None
    if weights is not None:
        expected = chosen_network.table().weight_shapes()
        start = weight_files.read_weights(Path(weights), expected)
        weight_files.check_finite(start, str(weights))
    target, choice = session.prepare(chosen_network, dataset, chosen_recipe, device, engine)
    writer = store.create(
        chosen_network.name,
        root=runs,
        name=name,
        folder=None if out is None else Path(out),
    )
    with writer, choice.in_threads():
        for note in (*dataset.notes, *notes, *waiting.notes()):
            on_event({"event": "note", "message": note})
        session.describe_run(
            writer, chosen_network, dataset, chosen_recipe, target, choice, command_line(), engine
        )
        on_event({"event": "run", "folder": str(writer.folder), "choice": choice})
        with _Reported(writer):
            session.train(
                writer,
                chosen_network,
                dataset,
                chosen_recipe,
                target,
                choice,
                engine=engine,
                initial=start,
                on_event=on_event,
            )
    return Run.open(writer.folder)


@renamed(reference="run", root="runs")
@_telling
def resume(
    run: Run | str | Path = "last",
    *,
    data: InMemory | None = None,
    runs: str | Path | None = None,
    device: str = "auto",
    from_previous: bool = False,
    on_event: Callable[[Event], None] = lambda event: None,
    progress: bool | None = None,
) -> Run:
    """Continue an interrupted run to the end of its own recipe.

    Parameters
    ----------
    run : Run, str or Path
        The run: its name, its folder, or "last".
    data : Dataset or tuple of arrays, optional
        The run's own data, where it was trained on arrays.
    runs : path, optional
        Folder of the runs.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute.
    from_previous : bool
        Start from the checkpoint before the last.
    on_event, progress
        As for `train`.

    Raises
    ------
    RunError
        Where the run diverged, is being written, or has no usable checkpoint.
    DataError
        Where its data has changed since.
    """
    run = store.find(run, runs)
    if run.status.get("state") == "finished":
        on_event({"event": "note", "message": f"{run.folder} is already complete"})
        return run
    from convlens.training import resuming, session

    resuming.refuse_diverged(str(run.status.get("state")), run.folder)
    with store.open_existing(run.folder) as writer, ExitStack() as stack:
        saved = writer.load_checkpoint(previous=from_previous)
        network = Network.from_toml(run.network_text)
        recipe = recipes.parse(run.recipe_text, f"{run.folder}/recipe.toml")
        dataset = datasets.load_like(run.data, data, same=data is not None, on_event=on_event)
        engine = str(run.status.get("engine", "torch"))
        check_engine(engine, trains=True)
        resuming.refuse_other_precision(run.folder, recipe, device)
        target, choice = session.prepare(network, dataset, recipe, device, engine)
        stack.enter_context(choice.in_threads())
        writer.status(state="running", message="")
        on_event({"event": "run", "folder": str(writer.folder), "choice": choice})
        with _Reported(writer):
            session.train(
                writer,
                network,
                dataset,
                recipe,
                target,
                choice,
                engine=engine,
                saved=saved,
                on_event=on_event,
            )
    return Run.open(run.folder)


@renamed(reference="run", root="runs")
def open_run(run: Run | str | Path = "last", runs: str | Path | None = None) -> Run:
    """Open a run by its folder, its name, or "last"."""
    return store.find(run, runs)


@renamed(root="runs", weights_file="weights")
@shown
def evaluate(
    run: Run | str | Path = "last",
    data: str | Path | InMemory | None = None,
    *,
    split: str = "test",
    weights: str | Path | None = None,
    engine: str = "torch",
    views: Sequence[str] = (),
    runs: str | Path | None = None,
    progress: bool | None = None,
) -> Evaluation:
    """Measure a run's best weights, on its own test set or on other data.

    Parameters
    ----------
    run : Run, str or Path
        What to measure: an open run, its name, its folder, or "last".
    data : str, Path, (images, labels) or Dataset, optional
        Other data of the same classes, prepared as the run's own data was. All of
        `(images, labels)` is measured, whatever the split.
    split : {"test", "validation", "train"}
        Which part.
    weights : path, optional
        Other weights for the run's network: `.safetensors` or `.pt`.
    engine : {"torch", "keras", "reference"}
        Who computes, whichever engine trained the run.
    views : sequence of {"mirror", "shift"}
        Average the logits over the images as they are, mirrored, and shifted by a pixel each way.
    runs : path, optional
        Folder of the runs.
    progress : bool, optional
        Show on stderr how far it is; by default on a terminal and in a notebook.
    """
    (found,) = evaluations(
        run,
        [views],
        data=data,
        split=split,
        weights=weights,
        engine=engine,
        runs=runs,
    )
    return found


@renamed(root="runs", weights_file="weights")
def evaluations(
    run: Run | str | Path,
    ways: Sequence[Sequence[str]],
    *,
    data: str | Path | InMemory | None = None,
    split: str = "test",
    weights: str | Path | None = None,
    engine: str = "torch",
    runs: str | Path | None = None,
) -> list[Evaluation]:
    """Measure as `evaluate` does, once for each choice of views; run and data are read once."""
    check_engine(engine)
    from convlens.training import session

    run = store.find(run, runs)
    network = Network.from_toml(run.network_text)
    model = with_weights(build(network, engine=engine), run, weights)
    dataset = datasets.load_like(run.data, data)
    return [session.evaluate_model(model, dataset, split, views=views) for views in ways]


@dataclass(frozen=True)
class Prediction:
    """What a run says of one image: the likeliest classes first."""

    image: str
    top: tuple[tuple[str, float], ...]
    notes: tuple[str, ...]

    @property
    def label(self) -> str:
        """The likeliest class."""
        return self.top[0][0]

    @property
    def probability(self) -> float:
        """Its softmax probability."""
        return self.top[0][1]


@renamed(root="runs")
@shown
def predict(
    run: Run | str | Path = "last",
    images: Images | None = None,
    *,
    top: int = 5,
    engine: str = "torch",
    runs: str | Path | None = None,
    progress: bool | None = None,
) -> list[Prediction]:
    """Classify images of any size and mode, prepared exactly as in training.

    Parameters
    ----------
    run : Run, str or Path
        Who classifies: an open run, its name, its folder, or "last".
    images : path, bytes, PIL image, array, or several of these
        Arrays are uint8: one image `(H, W)` or `(H, W, C)`, several `(N, H, W)`,
        `(N, H, W, C)` or `(N, C, H, W)`.
    top : int
        How many classes a prediction holds.
    engine : {"torch", "keras", "reference"}
        Who computes, whichever engine trained the run.
    runs : path, optional
        Folder of the runs.
    progress : bool, optional
        Show on stderr how far it is; by default on a terminal and in a notebook.

    Returns
    -------
    list of Prediction
        One per image, in their order; a list of one for one image.

    Raises
    ------
    DataError
        Where one is not a readable image.
    """
    run, images = run_first("predict", run, images)
    run = store.find(run, runs)
    several = named_images(images)
    model = with_weights(build(Network.from_toml(run.network_text), engine=engine), run)
    preprocessing = Preprocessing.from_dict(run.data["preprocessing"])
    classes = [str(name) for name in run.data["classes"]]
    predictions = []
    for first in track(range(0, len(several), PREDICTED_AT_ONCE), "batches of images classified"):
        some = several[first : first + PREDICTED_AT_ONCE]
        prepared = [preprocessing.prepare(image.source) for image in some]
        pixels = np.stack([each for each, _ in prepared])
        probabilities = softmax(model.logits(preprocessing.normalise(pixels)))
        for image, (_, notes), row in zip(some, prepared, probabilities, strict=True):
            best = tuple(top_k(row, classes, top))
            predictions.append(Prediction(image.name, best, tuple(notes)))
    return predictions


def run_first(verb: str, run: Any, images: Any) -> tuple[Any, Any]:
    """Return the run and the images of a call; the order images, run is an old spelling.

    Raises
    ------
    InputError
        Where there is no image.
    """
    is_source = isinstance(images, Run | Network) or hasattr(images, "preprocessing")
    if is_source or (looks_like_an_image(run) and not looks_like_an_image(images)):
        say(f"{verb}: the run comes first now: {verb}(run, images)")
        run, images = ("last" if images is None else images), run
    if images is None:
        raise InputError(
            f"{verb} came without an image",
            "a run, and an image or several",
            f'write {verb}("last", "image.png")',
        )
    return run, images


def write_report(run: Run, writer: RunWriter | None = None) -> Path:
    """Write `report.html` and `curves.svg` into the run's folder and seal its manifest."""
    from convlens.report.figures import curves_svg
    from convlens.report.html import ReportInput, render

    if run.status.get("state") == "imported":
        raise RunError(
            f"{run.folder} was imported: there is no training to report on",
            "a run that convlens trained",
            f"see its layers with convlens look {run.folder} IMAGE",
        )
    if writer is None:
        with store.open_existing(run.folder) as own:
            return write_report(run, own)
    table = Network.from_toml(run.network_text).table()
    epochs = [event for event in run.events() if event.get("event") == "epoch"]
    report = ReportInput(
        name=run.name,
        status=run.status,
        network_rows=[
            {
                "name": row.name,
                "kind": row.kind,
                "depth": row.depth,
                "output": row.output,
                "parameters": row.parameters,
                "multiply_adds": row.multiply_adds,
                "receptive_field": tuple(axis.size for axis in row.receptive_field),
            }
            for row in table.rows
        ],
        network_totals={
            "parameters": table.parameters,
            "multiply_adds": table.multiply_adds,
            "activation_bytes": table.activation_bytes,
        },
        network_text=run.network_text,
        recipe=recipes.parse(run.recipe_text, "recipe.toml").model_dump(),
        data=run.data,
        environment=run.environment,
        epochs=epochs,
        evaluation=None if run.evaluation is None else Evaluation.from_dict(run.evaluation),
        command=str(run.environment.get("command", "")),
    )
    writer.write_text("report.html", render(report))
    if epochs:
        writer.write_text("curves.svg", curves_svg(epochs))
    writer.seal()
    return Path(run.folder) / "report.html"


class _Reported:
    """Write the report however the training ends; a failure of it never hides the training's."""

    def __init__(self, writer: RunWriter) -> None:
        self.writer = writer

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            write_report(Run.open(self.writer.folder), self.writer)
        except Exception:
            if error is None:
                raise


def recipe_for(reference: str | Path | Recipe | None, data: str | Path | InMemory) -> Recipe:
    """Return a recipe by name, file or value; by default the one that suits the data."""
    if isinstance(reference, Recipe):
        return reference
    if reference is None:
        name = data.source if isinstance(data, Dataset) else data
        reference = recipes.suiting(name if isinstance(name, str | Path) else "")
    return recipes.load(reference)


def fitted(
    reference: str | Path | Network | None,
    data: str | Path | InMemory,
    recipe: Recipe,
    **reading: Any,
) -> tuple[Network, Dataset, list[str]]:
    """Return a network and data that go together.

    A folder of images is brought to the shape asked for, or else to the network's input; data of
    a fixed size keeps it, and the network is adapted. The number of classes always follows the
    data. `reading` is how a folder is read, as `convlens.load_data` takes it.
    """
    network = None
    if reference is not None:
        network = reference if isinstance(reference, Network) else zoo.resolve(reference)
        network.table()
    asked = reading.get("input_shape")
    if asked is None and network is not None:
        reading = {**reading, "input_shape": network.input}
    dataset = datasets.load(
        data,
        validation=recipe.validation,
        validation_method=recipe.validation_method,
        split_seed=recipe.split_seed,
        normalise=recipe.normalise,
        **reading,
    )
    shape = tuple(dataset.preprocessing.input)
    if asked is not None:
        dataset.require_input(asked)
    if network is None:
        network = zoo.load(zoo.default(shape[0]))
    classes = len(dataset.classes)
    if network.input == shape and network.table().output == (classes,):
        return network, dataset, []
    adapted = network.adapted(shape, classes)
    changes = []
    if network.input != shape:
        changes.append(f"input {shape_text(network.input)} -> {shape_text(shape)}")
    if network.table().output != (classes,):
        changes.append(f"output {shape_text(network.table().output)} -> {classes}")
    return adapted, dataset, [f"{network.name} adapted to the data: {', '.join(changes)}"]


def load_model(run: Run, file: str | Path | None = None, *, finite: bool = True) -> TorchModel:
    """Return a run's network with its best weights, or with those of a file, in PyTorch.

    Parameters
    ----------
    run : Run
        Whose network.
    file : path, optional
        Other weights for it: `.safetensors` or `.pt`.
    finite : bool
        Refuse weights that hold NaN or infinity.

    Raises
    ------
    RunError, WeightsError
        Where the weights are missing, damaged, not finite or made for another network.
    """
    from convlens.engines.torch_engine import TorchModel

    model = TorchModel(Network.from_toml(run.network_text))
    return with_weights(model, run, file, finite=finite)


AnyModel = TypeVar("AnyModel", bound=Model)


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


def command_line() -> str:
    """Return how this run was started, for the report's "run it again"."""
    import shlex

    program = Path(sys.argv[0]).name
    if program in ("convlens", "__main__.py"):
        return shlex.join(["convlens", *sys.argv[1:]])
    return f"python {program}"
