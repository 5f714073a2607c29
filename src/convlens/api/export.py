"""`export`: a run's model, or a network, in another form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from convlens.api.adapting import adapted_to_data, recipe_for
from convlens.api.opening import Source, find_run, is_network, open_subject, resolved
from convlens.data import Preprocessing
from convlens.foundation import atomic
from convlens.foundation.errors import InputError, RunError, nearest
from convlens.foundation.extras import require
from convlens.foundation.progress import shown
from convlens.foundation.spelling import renamed
from convlens.inside.look import Classifier
from convlens.network import Network
from convlens.runs import Run
from convlens.training import recipe as recipes
from convlens.weights import check_finite, save_tensors

Format = Literal["onnx", "torch", "keras", "torch-code", "keras-code"]
_GIVES = {
    "onnx": "one .onnx file, checked with ONNX Runtime",
    "torch": "a folder with model.py and its weights in model.safetensors",
    "keras": "one .keras file",
    "torch-code": "one PyTorch script",
    "keras-code": "one Keras script",
}


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Parameters
    ----------
    files : tuple of Path
        In the order in which they were written.
    difference : float, optional
        Largest difference of two logits between the file and the engine, where it was measured.
    images : int
        On how many images.
    """

    files: tuple[Path, ...]
    difference: float | None = None
    images: int = 0


@renamed(reference="run", root="runs")
@shown
def export(
    run: Source = "last",
    to: str = "onnx",
    *,
    out: str | Path | None = None,
    runs: str | Path | None = None,
    model_only: bool = False,
    all_layers: bool = False,
    data: str | None = None,
    recipe: str | None = None,
    allow_non_finite: bool = False,
    tolerance: float = 1e-4,
    overwrite: bool = False,
    progress: bool | None = None,
) -> Exported:
    """Write a run's model, or a network with its initial weights, in another form.

    Parameters
    ----------
    run : Run, Network, str or Path
        An open run, "last", a run's name or folder; or a network, a name of the zoo, or a
        network's file.
    to : {"onnx", "torch", "keras", "torch-code", "keras-code"}
        The form. The scripts train anew, with the weights that the run began with in a file beside
        them, where it began with any; the others carry the weights.
    out : path, optional
        The file, or the folder of "torch"; by default named for the model, in this folder.
    runs : path, optional
        Folder of the runs.
    model_only : bool
        Scripts: the model without data and training.
    all_layers : bool
        ONNX: every layer's output is an output.
    data, recipe : str, optional
        Scripts of a network that is no run: what they train on, and how.
    allow_non_finite : bool
        Accept weights that hold NaN or infinity.
    tolerance : float
        ONNX: the largest difference of two logits that is accepted.
    overwrite : bool
        Replace what is there.
    progress : bool, optional
        Show on stderr how far it is; by default on a terminal and in a notebook.

    Raises
    ------
    ConvlensError
        One of its children, with what to do about it.
    """
    _check_options(to, model_only=model_only, all_layers=all_layers, data=data, recipe=recipe)
    if to == "onnx":
        require("export to ONNX", "export", "onnx", "onnxruntime")
    if to == "keras":
        require("export to Keras", "keras", "keras")
    if to in ("torch-code", "keras-code"):
        return _export_code(run, to, out, runs, model_only, data, recipe, overwrite)
    subject = open_subject(run, runs, finite=not allow_non_finite)
    if not subject.trained and not allow_non_finite:
        check_finite(subject.model.weights(), subject.name)
    ending = {"onnx": ".onnx", "torch": "-torch", "keras": ".keras"}[to]
    target = _target(out, subject.name, ending, overwrite)
    if to == "onnx":
        from convlens.interchange.onnx.writing import write_onnx

        written = write_onnx(target, subject, all_layers=all_layers, tolerance=tolerance)
        return Exported((target,), written.difference, written.images)
    if to == "keras":
        from convlens.interchange.keras.writing import write_keras

        return Exported((write_keras(target, subject),))
    return _export_torch(subject, target)


def _check_options(
    to: str, *, model_only: bool, all_layers: bool, data: str | None, recipe: str | None
) -> None:
    if to not in get_args(Format):
        raise InputError(
            f'there is no format "{to}"{nearest(to, _GIVES)}',
            "; ".join(f"{name}: {what}" for name, what in _GIVES.items()),
            'use `to="onnx"`',
        )
    code = to.endswith("-code")
    for setting, value, fits in (
        ("model_only", model_only, code),
        ("data", data, code and not model_only),
        ("recipe", recipe, code and not model_only),
        ("all_layers", all_layers, to == "onnx"),
    ):
        if value and not fits:
            alone = " with `model_only=True`" if model_only else ""
            raise InputError(
                f"`{setting}` has no meaning for `to={to!r}`{alone}",
                "`all_layers` for onnx; `model_only`, `data` and `recipe` for scripts",
                f"leave `{setting}` out",
            )


def _target(out: str | Path | None, name: str, ending: str, overwrite: bool) -> Path:
    """Return where to write, or refuse to write over what is there."""
    from convlens.interchange.code.source import file_name

    target = Path(out) if out is not None else Path(file_name(name) + ending)
    if target.exists() and not overwrite:
        raise InputError(
            f"{target} exists", "a new name", "choose another `out`, or add `overwrite=True`"
        )
    if not target.parent.is_dir():
        raise RunError(f"there is no folder {target.parent}", "a folder that exists")
    return target


def _export_torch(subject: Classifier, folder: Path) -> Exported:
    from convlens.interchange.code.facts import facts_of
    from convlens.interchange.code.script import write_model
    from convlens.interchange.code.torch_code import torch_code

    weights = torch_code(subject.network).state_dict(subject.model.weights())
    text = write_model(
        "torch",
        subject.network,
        title=subject.name,
        preprocessing=subject.preprocessing,
        classes=subject.classes,
        weights="model.safetensors",
    )
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise atomic.explain(error, folder) from error
    save_tensors(folder / "model.safetensors", weights, facts_of(subject))
    atomic.write_text(folder / "model.py", text)
    return Exported((folder / "model.safetensors", folder / "model.py"))


def _export_code(
    source: Source,
    to: str,
    out: str | Path | None,
    runs: str | Path | None,
    model_only: bool,
    data: str | None,
    recipe: str | None,
    overwrite: bool,
) -> Exported:
    from convlens.interchange.code.script import write_model, write_script

    library: Literal["torch", "keras"] = "torch" if to == "torch-code" else "keras"
    run = None
    if isinstance(source, Run) or not is_network(source):
        run = find_run(source, runs)
        network = Network.from_toml(run.network_text)
    else:
        network = resolved(source)
    name = network.name if run is None else run.name
    target = _target(out, name, f"-{library}.py", overwrite)
    if model_only:
        preprocessing = None
        classes: tuple[str, ...] = ()
        if run is not None:
            preprocessing = Preprocessing.from_dict(run.data["preprocessing"])
            classes = tuple(map(str, run.data["classes"]))
        text = write_model(
            library, network, title=name, preprocessing=preprocessing, classes=classes
        )
    else:
        network, chosen, recorded = _training_of(run, network, data, recipe)
        beside: tuple[Path, ...] = ()
        if run is not None and (chosen.freeze != "none" or "started_from" in run.environment):
            beside = (_beginning_beside(target, run, network, chosen, library),)
        text = write_script(
            *(library, network, chosen, recorded),
            title=name,
            file=target.name,
            weights=beside[0].name if beside else None,
        )
        atomic.write_text(target, text)
        return Exported((target, *beside))
    atomic.write_text(target, text)
    return Exported((target,))


def _beginning_beside(
    target: Path, run: Run, network: Network, recipe: recipes.Recipe, library: str
) -> Path:
    """Write the weights that a run began with beside its script; return the file.

    Raises
    ------
    InputError
        Where the script is for Keras, which none of ours begins with others' weights.
    """
    if library != "torch":
        raise InputError(
            f"{run.folder} began with weights that others had trained, which no Keras script reads",
            "a script for PyTorch, or the model alone",
            'use `to="torch-code"`, or `model_only=True`',
        )
    from convlens.api.pretrained import beginning_of
    from convlens.interchange.code.torch_code import torch_code

    weights = torch_code(network).state_dict(beginning_of(run, network, recipe))
    path = target.with_name(f"{target.stem}-weights.safetensors")
    save_tensors(path, weights)
    return path


def _training_of(
    run: Run | None, network: Network, data: str | None, recipe: str | None
) -> tuple[Network, recipes.Recipe, dict[str, Any]]:
    """Return what a script trains, how and on what: the run's own, or what the options say."""
    if run is not None:
        if data or recipe:
            raise InputError(
                "a run has its own data and recipe",
                "`data` and `recipe` only with a network that is no run",
                "leave them out",
            )
        if run.status.get("state") == "imported":
            raise InputError(
                f"{run.folder} was imported: how it was trained is not known",
                "a run that convlens trained",
                "take the model alone with `model_only=True`",
            )
        chosen = recipes.parse(run.recipe_text, f"{run.folder}/recipe.toml")
        return network, chosen, run.data
    source = data or "digits-5k"
    chosen = recipe_for(recipe, source)
    adapted, dataset, _ = adapted_to_data(network, source, chosen)
    return adapted, chosen, dataset.to_json()
