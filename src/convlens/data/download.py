"""Downloading a known set: only when asked, each file checked against its published hash."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from convlens.data import archives, cache, digits
from convlens.data.catalog import entry_of, find
from convlens.data.known import read_known
from convlens.foundation.download import Report, Timeouts, fetch
from convlens.foundation.errors import DataError


def get(
    name: str,
    *,
    force: bool = False,
    mirrors: Sequence[str] | None = None,
    timeouts: Timeouts | None = None,
    report: Report | None = None,
) -> Path:
    """Make sure that a known set is on this machine; download it where it is not.

    Parameters
    ----------
    name : str
        A name of `names()`.
    force : bool
        Download into `cache.data_root()` also where the set was found elsewhere. A file that is
        there with the published hash is never downloaded again.
    mirrors : sequence of str, optional
        Other addresses than the catalogue's; the hashes stay the published ones.
    timeouts : Timeouts, optional
        How long to wait for a server.
    report : Report, optional
        Called with how far each file is.

    Returns
    -------
    Path
        The folder that holds the files, every one with its published hash; or the place where the
        set was found.

    Raises
    ------
    InputError
        Where there is no such set, it is on no server, or CONVLENS_OFFLINE forbids the network.
    DownloadError
        Where no mirror gave one of the files.
    RunError, StorageError
        Where the folder cannot be written.
    """
    entry = entry_of(name)
    folder = cache.data_root() / entry.folder
    if not force and (present := _present(name, folder)):
        return present
    if not entry.files:
        raise DataError(f"{name} is on no server", "a set with mirrors", entry.how_to_get)
    mirrors = entry.mirrors if mirrors is None else mirrors
    fetch(entry.files, mirrors, folder, timeouts=timeouts, report=report)
    for file in entry.files:
        if file.members:
            archives.unpacked(folder / file.name, file.members)
    return folder


def _present(name: str, folder: Path) -> Path | None:
    """Return where a set is already; its content is checked where that is known."""
    entry = entry_of(name)
    place = digits.place() if entry.format == "embedded" else next(find(name), None)
    if place is not None and entry.content:
        with suppress(DataError):
            read_known(name)
            return place
        return None
    return None if place is None or place.is_relative_to(folder) else place
