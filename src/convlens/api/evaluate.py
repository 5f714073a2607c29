"""Measure a run on its own test set or on other data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from convlens import data as datasets
from convlens import runs as store
from convlens.api.opening import with_weights
from convlens.data.arrays import InMemory
from convlens.engines import build, check_engine
from convlens.evaluation import Evaluation
from convlens.foundation.progress import shown
from convlens.foundation.spelling import renamed
from convlens.network import Network
from convlens.runs import Run


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
        The engine that computes. It need not be the one that trained the run.
    views : sequence of {"mirror", "shift"}
        Average the logits over the images as they are, mirrored, and shifted by a pixel each way.
    runs : path, optional
        Folder of the runs.
    progress : bool, optional
        Show on stderr how far it is; by default on a terminal and in a notebook.

    Returns
    -------
    Evaluation
        Accuracy, loss, confusion, calibration and the worst mistakes.

    Raises
    ------
    InputError
        Where there is no such split, engine or view.
    RunError
        Where there is no such run, or it has no weights.
    DataError
        Where the data cannot be read, or has other classes than the run.
    """
    (evaluation,) = evaluations(
        run,
        [views],
        data=data,
        split=split,
        weights=weights,
        engine=engine,
        runs=runs,
    )
    return evaluation


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
    from convlens.training.evaluating import evaluate_model

    run = store.find(run, runs)
    network = Network.from_toml(run.network_text)
    model = with_weights(build(network, engine=engine), run, weights)
    dataset = datasets.load_like(run.data, data)
    return [evaluate_model(model, dataset, split, views=views) for views in ways]
