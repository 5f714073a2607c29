"""The main job from end to end, for the command line and for notebooks alike.

PyTorch and matplotlib are imported where they are first needed, so that a mistake in a setting
or a path is told at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from convlens import data as datasets
from convlens import runs, weights, zoo
from convlens.data import Dataset, Preprocessing
from convlens.engines import Model, build, check_engine
from convlens.errors import RunError
from convlens.evaluation import Evaluation, softmax, top_k
from convlens.machine import parse_size
from convlens.network import Network
from convlens.runs import Run, RunWriter
from convlens.table import shape_text
from convlens.training import recipe as recipes
from convlens.training.recipe import Recipe

if TYPE_CHECKING:
    from convlens.engines.torch_engine import TorchModel

Event = dict[str, Any]

PREDICTED_AT_ONCE = 32
"""Images a batch in `predict`: threads that share the work of a single image mostly wait."""


def train(
    network: str | Path | Network | None = None,
    data: str | Path = "digits-5k",
    *,
    recipe: str | Path | Recipe | None = None,
    device: str = "auto",
    engine: str = "torch",
    out: str | Path | None = None,
    name: str | None = None,
    root: str | Path | None = None,
    initial_weights: str | Path | None = None,
    bad_images: str = "fail",
    input_shape: tuple[int, int, int] | None = None,
    fit: str | None = None,
    memory: str | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
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
    data : str or Path
        A known data set, or a path; see `convlens data list`.
    recipe : str, Path or Recipe, optional
        A named recipe, a file, or a recipe; by default one that suits the data.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute.
    engine : {"torch", "keras"}
        Who computes; the run can be evaluated and looked into with either.
    out : path, optional
        The exact folder of the run; by default a new one under `root`.
    name : str, optional
        Name of the run under `root`.
    root : path, optional
        Folder of the runs; default `$CONVLENS_RUNS` or `./runs`.
    initial_weights : path, optional
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
    on_event : callable
        Receives progress events; see `convlens.training.loop.fit`.
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
    chosen_network, dataset, notes = fitted(network, str(data), chosen_recipe, **reading)
    from convlens.training import session

    start = None
    if initial_weights is not None:
        expected = chosen_network.table().weight_shapes()
        start = weights.read_weights(Path(initial_weights), expected)
        weights.check_finite(start, str(initial_weights))
    target, choice = session.prepare(chosen_network, dataset, chosen_recipe, device, engine)
    writer = runs.create(
        chosen_network.name,
        root=root,
        name=name,
        folder=None if out is None else Path(out),
    )
    with writer, choice.in_threads():
        for note in (*dataset.notes, *notes):
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


def resume(
    reference: str | Path,
    *,
    root: str | Path | None = None,
    device: str = "auto",
    from_previous: bool = False,
    on_event: Callable[[Event], None] = lambda event: None,
) -> Run:
    """Continue an interrupted run to the end of its own recipe.

    Raises
    ------
    RunError
        Where the run diverged, is being written, or has no usable checkpoint.
    """
    run = runs.find(str(reference), root)
    if run.status.get("state") == "finished":
        on_event({"event": "note", "message": f"{run.folder} is already complete"})
        return run
    from convlens.training import session

    session.refuse_diverged(str(run.status.get("state")), run.folder)
    with runs.open_existing(run.folder) as writer, ExitStack() as stack:
        saved = writer.load_checkpoint(previous=from_previous)
        network = Network.from_toml(run.network_text)
        recipe = recipes.parse(run.recipe_text, f"{run.folder}/recipe.toml")
        dataset = datasets.load_like(run.data, on_event=on_event)
        engine = str(run.status.get("engine", "torch"))
        check_engine(engine, trains=True)
        target, choice = session.prepare(network, dataset, recipe, device, engine)
        stack.enter_context(choice.in_threads())
        for note in session.changes_since(run.environment, target):
            on_event({"event": "note", "message": note})
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


def open_run(reference: str | Path = "last", root: str | Path | None = None) -> Run:
    """Open a run by its folder, its name, or "last"."""
    return runs.find(str(reference), root)


def evaluate(
    run: Run | str | Path = "last",
    *,
    data: str | None = None,
    split: str = "test",
    weights_file: str | Path | None = None,
    engine: str = "torch",
    views: Sequence[str] = (),
    root: str | Path | None = None,
) -> Evaluation:
    """Measure a run's best weights, on its own test set or on other data.

    Parameters
    ----------
    run : Run, str or Path
        What to measure.
    data : str, optional
        Another data set of the same classes, prepared as the run's own data was.
    split : {"test", "validation", "train"}
        Which part.
    weights_file : path, optional
        Other weights for the run's network: `.safetensors` or `.pt`.
    engine : {"torch", "keras", "reference"}
        Who computes, whichever engine trained the run.
    views : sequence of {"mirror", "shift"}
        Average the logits over the images as they are, mirrored, and shifted by a pixel each way.
    """
    (found,) = evaluations(
        run,
        [views],
        data=data,
        split=split,
        weights_file=weights_file,
        engine=engine,
        root=root,
    )
    return found


def evaluations(
    run: Run | str | Path,
    ways: Sequence[Sequence[str]],
    *,
    data: str | None = None,
    split: str = "test",
    weights_file: str | Path | None = None,
    engine: str = "torch",
    root: str | Path | None = None,
) -> list[Evaluation]:
    """Measure as `evaluate` does, once for each choice of views; run and data are read once."""
    check_engine(engine)
    from convlens.training import session

    run = run if isinstance(run, Run) else open_run(run, root)
    network = Network.from_toml(run.network_text)
    model = with_weights(build(network, engine=engine), run, weights_file)
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


def predict(
    images: Sequence[str | Path],
    run: Run | str | Path = "last",
    *,
    top: int = 5,
    engine: str = "torch",
    root: str | Path | None = None,
) -> list[Prediction]:
    """Classify image files of any size and mode, prepared exactly as in training.

    `engine` computes, whichever engine trained the run.

    Raises
    ------
    DataError
        Where a file is not a readable image.
    """
    run = run if isinstance(run, Run) else open_run(run, root)
    model = with_weights(build(Network.from_toml(run.network_text), engine=engine), run)
    preprocessing = Preprocessing.from_dict(run.data["preprocessing"])
    classes = [str(name) for name in run.data["classes"]]
    predictions = []
    for first in range(0, len(images), PREDICTED_AT_ONCE):
        some = images[first : first + PREDICTED_AT_ONCE]
        prepared = [preprocessing.prepare(Path(image)) for image in some]
        pixels = np.stack([each for each, _ in prepared])
        probabilities = softmax(model.logits(preprocessing.normalise(pixels)))
        for image, (_, notes), row in zip(some, prepared, probabilities, strict=True):
            best = tuple(top_k(row, classes, top))
            predictions.append(Prediction(str(image), best, tuple(notes)))
    return predictions


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
        with runs.open_existing(run.folder) as own:
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


def recipe_for(reference: str | Path | Recipe | None, data: str | Path) -> Recipe:
    """Return a recipe by name, file or value; by default the one that suits the data."""
    if isinstance(reference, Recipe):
        return reference
    return recipes.load(recipes.suiting(data) if reference is None else reference)


def fitted(
    reference: str | Path | Network | None, data: str, recipe: Recipe, **reading: Any
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
    if reading.get("input_shape") is None and network is not None:
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
    if network is None:
        network = zoo.load(zoo.default(shape[0]))
    classes = len(dataset.classes)
    if network.input == shape and network.table().output == (classes,):
        return network, dataset, []
    adapted = network.adapted(shape, classes)
    note = (
        f"{network.name} adapted to the data: input {shape_text(network.input)} -> "
        f"{shape_text(shape)}, output {shape_text(network.table().output)} -> {classes}"
    )
    return adapted, dataset, [note]


def load_model(
    run: Run, weights_file: str | Path | None = None, *, finite: bool = True
) -> TorchModel:
    """Return a run's network with its best weights, or with those of a file, in PyTorch.

    Parameters
    ----------
    run : Run
        Whose network.
    weights_file : path, optional
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
    return with_weights(model, run, weights_file, finite=finite)


AnyModel = TypeVar("AnyModel", bound=Model)


def with_weights(
    model: AnyModel, run: Run, weights_file: str | Path | None = None, *, finite: bool = True
) -> AnyModel:
    """Return a model of the run's network with the run's best weights, or those of a file."""
    expected = model.network.table().weight_shapes()
    if weights_file is not None:
        arrays = weights.read_weights(Path(weights_file), expected)
    else:
        arrays = run.weights("best", expected=expected)
    if finite:
        weights.check_finite(arrays, str(weights_file or run.folder))
    model.load_weights(arrays)
    return model


def command_line() -> str:
    """Return how this run was started, for the report's "run it again"."""
    import shlex

    program = Path(sys.argv[0]).name
    if program in ("convlens", "__main__.py"):
        return shlex.join(["convlens", *sys.argv[1:]])
    return f"python {program}"
