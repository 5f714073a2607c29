"""`publish`: a run as a folder of files that any web server can hand out.

The page is the one that `convlens serve` shows. What the server would answer lies beside it as
files, and the model runs in the browser: `model.onnx` gives out every layer's output.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from convlens.api.opening import find_run, open_subject
from convlens.foundation import atomic
from convlens.foundation.download import Report
from convlens.foundation.errors import InputError, RunError
from convlens.inside.learned_kernels import kernel_layers
from convlens.interchange.onnx.writing import write_onnx
from convlens.network import Network
from convlens.runs import Run
from convlens.serve import schemas
from convlens.serve.http.limits import Limits
from convlens.serve.http.problems import Problem
from convlens.serve.models import describe, tensors
from convlens.serve.models.kernel_history import recorded_kernels
from convlens.serve.models.onnx_model import float32
from convlens.serve.models.samples import HeldOutImages, mistakes, some_of
from convlens.serve.models.served import ServedModel
from convlens.serve.pages.runtime import find_runtime

STATIC = Path(__file__).parents[1] / "static"
SITE = "site.json"
MARK = f'<meta name="convlens-site" content="{SITE}" />'
"""Tag in the head of a published page: it asks no server and reads this file beside it."""
SAMPLES = 24


@dataclass(frozen=True)
class PublishedSite:
    """What a published site holds."""

    folder: Path
    files: tuple[str, ...]
    difference: float
    """Largest difference of a logit between the model's file and the engine."""
    samples: int


def publish(
    reference: str | Path,
    folder: str | Path,
    *,
    root: str | Path | None = None,
    runtime: str | Path | None = None,
    overwrite: bool = False,
    page: Path | None = None,
    report: Report | None = None,
) -> PublishedSite:
    """Write a run as a static site; the folder appears whole, or not at all.

    Parameters
    ----------
    reference : str or Path
        A run by name or folder, or "last".
    folder : str or Path
        Where; new, or empty.
    root : path, optional
        Folder of the runs.
    runtime : path, optional
        A folder with ONNX Runtime for browsers; see `runtime.find_runtime`.
    overwrite : bool
        Replace a site that lies there.
    page : Path, optional
        The built page; by default the one that comes with convlens.
    report : Report, optional
        Called with how far a download is.

    Raises
    ------
    ConvlensError
        Where the run, the page, the runtime or the folder is not usable.
    """
    page = page or STATIC
    run = find_run(str(reference), root)
    target = _target(Path(folder), overwrite=overwrite)
    if not (page / "index.html").is_file():
        raise InputError(
            "the page is not built in this checkout",
            "a released package, or a checkout in which it was built",
            "build it with make web, which needs Node",
        )
    engine = find_runtime(page / "ort", None if runtime is None else Path(runtime), report=report)
    fresh = target.with_name(f"{target.name}.new") if target.exists() else target
    with atomic.new_folder(fresh) as place:
        shutil.copytree(page, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("ort"))
        _mark(place / "index.html")
        (place / "ort").mkdir()
        for file in engine:
            shutil.copyfile(file, place / "ort" / file.name)
        difference, samples = _write_run(run, place)
        files = sorted(f.relative_to(place).as_posix() for f in place.rglob("*") if f.is_file())
    if fresh != target:
        _replace(fresh, target)
    return PublishedSite(target, tuple(files), difference, samples)


def _target(folder: Path, *, overwrite: bool) -> Path:
    try:
        held = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    except OSError as error:
        raise atomic.explain(error, folder) from None
    if held and not (overwrite and SITE in held):
        raise RunError(
            f"{folder} is not empty",
            "a new folder, or with `overwrite=True` one that holds a published site",
            "choose another folder" if overwrite else "choose another one, or add `overwrite=True`",
        )
    return folder.absolute()


def _replace(fresh: Path, target: Path) -> None:
    """Put a new site in the place of an old one; whatever happens, one of them is whole."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    try:
        target.rename(old)
        fresh.rename(target)
    except OSError as error:
        raise atomic.explain(error, target) from error
    shutil.rmtree(old, ignore_errors=True)


def _mark(index: Path) -> None:
    """Tell the page that it is a published one, so that it need not try whether it is."""
    text = index.read_text(encoding="utf-8")
    index.write_text(text.replace("<title>", f"{MARK}\n    <title>", 1), encoding="utf-8")


def _write_run(run: Run, place: Path) -> tuple[float, int]:
    """Write all that the page would ask a server; return the model's difference and the samples."""
    subject = open_subject(run.folder, engine="auto")
    network = Network.from_toml(run.network_text)
    parity = write_onnx(place / "model.onnx", subject, all_layers=True)
    weights = tensors.to_bytes(float32(subject.model.weights()))
    (place / "weights.safetensors").write_bytes(weights)
    samples = _samples(run)
    _write(place / "samples.json", samples)
    events, line = describe.epochs_after(run, 0)
    metrics: schemas.Metrics = {"events": events, "next": line, "status": describe.status(run)}
    _write(place / "metrics.json", metrics)
    with_kernels = _write_kernels(run, network, place / "kernels")
    facts = describe.run_facts(run, network)
    site: schemas.Site = {
        **facts,
        "mode": "static",
        "has_samples": bool(samples["samples"]),
        "has_weights": True,
        "weights_version": "published",
        # gradients need PyTorch: what forward passes can compute remains
        "attributions": [name for name in facts["attributions"] if name == "occlusion"],
        "kernels": with_kernels,
    }
    _write(place / SITE, site)
    return parity.difference, len(samples["samples"])


def _samples(run: Run) -> schemas.SiteSamples:
    """Return images of the run's data where it is at hand, and its worst mistakes."""
    model = ServedModel(run, Limits())
    try:
        part = None
        with suppress(Problem):  # the data is elsewhere
            part = HeldOutImages().of(run)
        samples = [] if part is None else some_of(model, part, SAMPLES, 0)
        worst: list[schemas.Sample] = []
        with suppress(Problem):  # the run was not evaluated
            worst = mistakes(model, run, part, SAMPLES)
        return {"samples": samples, "mistakes": worst}
    finally:
        model.close()


def _write_kernels(run: Run, network: Network, folder: Path) -> list[str]:
    written = []
    for layer in kernel_layers(network.plan()):
        recorded = recorded_kernels(run, layer.name)
        if recorded:
            folder.mkdir(exist_ok=True)
            (folder / f"{layer.name}.safetensors").write_bytes(tensors.to_bytes(recorded))
            written.append(layer.name)
    return written


def _write(path: Path, content: object) -> None:
    path.write_bytes(orjson.dumps(content))
