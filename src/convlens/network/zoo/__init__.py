"""Named networks, one TOML file each; every file says why it is here.

Those of this folder are small, to learn from and to train from nothing; `published/` holds those
that others published with their weights. `facts/` has their groups and years.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from convlens.foundation.errors import NetworkError, nearest
from convlens.network import Network
from convlens.network.misfit import Limits
from convlens.network.zoo.listing import GROUPS, Facts, facts, groups

__all__ = [
    "GROUPS",
    "Facts",
    "default",
    "facts",
    "groups",
    "load",
    "names",
    "published_names",
    "resolve",
]


def names() -> list[str]:
    """Return the names of the networks that are trained from nothing.

    >>> "tutorial-torch" in names()
    True
    """
    return _names(files(__name__))


def published_names() -> list[str]:
    """Return the names of the published networks.

    >>> "resnet50" in published_names()
    True
    """
    return _names(files(__name__).joinpath("published"))


def _names(folder: Traversable) -> list[str]:
    entries = (entry.name for entry in folder.iterdir())
    return sorted(name.removesuffix(".toml") for name in entries if name.endswith(".toml"))


def load(name: str) -> Network:
    """Return the named network.

    Raises
    ------
    NetworkError
        Where there is no such name; gives the nearest one.

    Examples
    --------
    >>> load("tutorial-torch").plan().parameters
    31626
    """
    published = published_names()
    known = [*names(), *published]
    if name not in known:
        raise NetworkError(
            f'there is no network "{name}" in the zoo{nearest(name, known)}',
            "one of " + ", ".join(known) + ", or the path of a .toml or .json file",
        )
    folder = files(__name__)
    if name in published:
        folder = folder.joinpath("published")
    return Network.from_toml(folder.joinpath(f"{name}.toml").read_text("utf-8"))


def default(channels: int) -> str:
    """Return the name of the network that is taken for such images where none is named.

    >>> default(1), default(3)
    ('fast-batch-norm', 'tiny-vgg')
    """
    return "fast-batch-norm" if channels == 1 else "tiny-vgg"


def resolve(reference: str | Path, limits: Limits | None = None) -> Network:
    """Return a network by its name in the zoo, or from a `.toml` or `.json` file."""
    path = Path(reference)
    if path.suffix in (".toml", ".json") or len(path.parts) > 1:
        return Network.load(path, limits)
    return load(str(reference))
