"""Write an imported model as a run folder, which every command can read."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from convlens import runs
from convlens.data import Preprocessing
from convlens.interchange.imported import Imported
from convlens.runs import Run


def write_run(
    imported: Imported,
    preprocessing: Preprocessing,
    classes: tuple[str, ...],
    *,
    source: Path,
    command: str,
    folder: Path | None = None,
    root: str | Path | None = None,
    name: str | None = None,
) -> Run:
    """Write a model as a new run in the state "imported".

    Parameters
    ----------
    imported : Imported
        Network and weights.
    preprocessing : Preprocessing
        How images are brought to it.
    classes : tuple of str
        The names of its outputs.
    source : Path
        The file it came from; its name is kept, its place is not.
    command : str
        How it was imported.
    folder, root, name
        Where: see `convlens.runs.create`.

    Raises
    ------
    RunError, StorageError
        Where the folder cannot be made or written.
    """
    network = imported.network
    data: Mapping[str, Any] = {
        "name": "",
        "source": "",
        "fingerprint": "",
        "classes": list(classes),
        "preprocessing": preprocessing.to_dict(),
        "split": {},
        "notes": list(imported.notes),
    }
    environment = {"convlens": version("convlens"), "command": command, "imported": source.name}
    with runs.create(network.name, root=root, name=name, folder=folder) as writer:
        writer.write_text("network.toml", network.to_toml())
        writer.write_text("recipe.toml", "")
        writer.write_json("data.json", data)
        writer.write_json("environment.json", environment)
        writer.write_tensors("weights.safetensors", imported.weights)
        writer.status(
            state="imported",
            network=network.name,
            data="",
            parameters=network.plan().parameters,
            message=f"from {source.name}",
        )
        writer.seal()
    return Run.open(writer.folder)
