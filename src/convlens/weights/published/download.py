"""Downloading published weights: only when asked, never trusting a server."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from convlens.foundation.download import Report, Timeouts, fetch
from convlens.foundation.errors import WeightsError
from convlens.weights.published import SHA256_DIGITS, Published, places, published


def get(
    weights: str | Published,
    *,
    force: bool = False,
    sources: Sequence[str] | None = None,
    timeouts: Timeouts | None = None,
    report: Report | None = None,
) -> Path:
    """Make sure that a file of published weights is on this machine; download it where it is not.

    Parameters
    ----------
    weights : str or Published
        A name of `convlens weights list`, or of a network; or an entry of the catalogue.
    force : bool
        Download into `weights_root()` also where the file was found elsewhere. A file that is
        there already is never downloaded again.
    sources : sequence of str, optional
        Other addresses than the catalogue's; the hash stays the published one.
    timeouts : Timeouts, optional
        How long to wait for a server.
    report : Report, optional
        Called with how far the file is.

    Returns
    -------
    Path
        The file, with the published hash.

    Raises
    ------
    WeightsError
        Where there are no such weights, or a package that is not installed brings them.
    InputError
        Where CONVLENS_OFFLINE forbids the network.
    DownloadError
        Where no source gave the file.
    RunError, StorageError
        Where the folder cannot be written.
    """
    entry = weights if isinstance(weights, Published) else published(weights)
    place = entry.find()
    if place is not None and not force:
        with suppress(WeightsError):
            entry.check(place)
            return place
    if entry.package:
        raise WeightsError(
            f"{entry.name} is brought by a package, not by a download",
            f"the package {entry.package}",
            entry.how_to_get + (" --force-reinstall --no-deps" if place else ""),
        )
    path = places.weights_root() / entry.file
    known = entry.sources if sources is None else sources
    fetch([entry.known_file], known, path.parent, timeouts=timeouts, report=report)
    if len(entry.sha256) < SHA256_DIGITS and not places.recorded(path):
        places.record(path)
    return path
