"""Train a network, or continue a training that was interrupted.

PyTorch and matplotlib are imported where they are first needed, so that a mistake in a setting
or a path is told at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from convlens import data as datasets
from convlens import runs as store
from convlens.api.plan_training import plan_training
from convlens.api.report import command_line, write_report
from convlens.data.arrays import InMemory
from convlens.engines import check_engine
from convlens.foundation import waiting
from convlens.foundation.progress import wanted
from convlens.foundation.spelling import renamed
from convlens.network import Network
from convlens.runs import Run, RunWriter
from convlens.training import recipe as recipes
from convlens.training.recipe import Recipe

Event = dict[str, Any]
P = ParamSpec("P")
R = TypeVar("R")


def _telling(function: Callable[P, R]) -> Callable[P, R]:
    """Show the events of a training, where `progress` says so and the caller takes none."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        show: Any = kwargs.get("progress")
        if kwargs.get("on_event") is not None or not wanted(show):
            return function(*args, **kwargs)
        from convlens.foundation.progress.events import TrainingProgress

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
    pretrained: str | Path | None = None,
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
    pretrained : str or Path, optional
        The trained network to begin with: a published one, a run, or "none". By default
        EfficientNet-Lite0 where `data` is a folder of colour photos and neither a network nor a
        recipe is asked for. Its last layer is made anew for the classes of the data.
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
        Receives progress events; see `convlens.training.events`.
    progress : bool, optional
        Show on stderr how far it is; by default on a terminal and in a notebook, unless
        `on_event` takes the events.
    **settings
        Values of the recipe to change, such as `epochs=3`.

    Returns
    -------
    Run
        Finished, with its weights, its measurements and its report.

    Raises
    ------
    ConvlensError
        One of its children, with what to do about it.
    """
    plan = plan_training(
        network,
        data,
        recipe=recipe,
        device=device,
        engine=engine,
        weights=weights,
        pretrained=pretrained,
        bad_images=bad_images,
        input_shape=input_shape,
        fit=fit,
        memory=memory,
        on_event=on_event,
        progress=False,  # its events say how far it is
        **settings,
    )
    from convlens.training import session

    for note in (*plan.notes, *waiting.notes()):
        on_event({"event": "note", "message": note})
    folder = None if out is None else Path(out)
    writer = store.create(plan.network.name, root=runs, name=name, folder=folder)
    with writer, _Reported(writer):
        session.train(writer, plan, command=command_line(), on_event=on_event)
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

    Returns
    -------
    Run
        The same run, finished; one that was finished before is returned as it is.

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
    from convlens.interchange.onnx.inference import passes
    from convlens.training import resuming, session
    from convlens.training.settling import settle

    resuming.refuse_diverged(str(run.status.get("state")), run.folder)
    with store.open_existing(run.folder) as writer:
        saved = writer.load_checkpoint(previous=from_previous)
        network = Network.from_toml(run.network_text)
        recipe = recipes.parse(run.recipe_text, f"{run.folder}/recipe.toml")
        dataset = datasets.load_like(run.data, data, same=data is not None, on_event=on_event)
        engine = str(run.status.get("engine", "torch"))
        check_engine(engine, trains=True)
        resuming.refuse_other_precision(run.folder, recipe, device)
        job = settle(network, dataset, recipe, device, engine, passes=passes())
        with _Reported(writer):
            session.train(writer, job, saved=saved, on_event=on_event)
    return Run.open(run.folder)


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
