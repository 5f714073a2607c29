"""Downloading a known set: only when asked, from its mirrors in order, never trusting one.

A file arrives under another name (`.part`), from where an interrupted download goes on; it takes
its final name when its hash is the published one. One process at a time downloads a set, and the
others find it done.

References
----------
pooch, https://www.fatiando.org/pooch/, checks hashes and places the files. HTTP range requests:
RFC 9110, section 14.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pooch
import requests
import urllib3

from convlens.data import archives, cache, digits
from convlens.data.catalog import File, entry_of, find
from convlens.data.decode import shown
from convlens.data.known import read_known
from convlens.foundation import atomic
from convlens.foundation.errors import DataError, DownloadError

Report: TypeAlias = Callable[[str, int, int | None], None]
"""Is told a file's name, the bytes that are here, and how many there will be, if known."""

MAX_BYTES = 200_000_000
"""The largest file whose length is not published."""

_CHUNK = 1 << 16
_TRIES = 5
_WEB_PAGE = (b"<!doctype html", b"<html", b"<?xml", b"<head")


@dataclass(frozen=True)
class Timeouts:
    """Seconds to wait for a server: to connect, and for the next bytes."""

    connect: float = 10.0
    read: float = 30.0


class _Refused(Exception):
    """A mirror's answer is not the file; the message says why."""


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
    DataError
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
    return fetch(
        entry.files,
        entry.mirrors if mirrors is None else mirrors,
        folder,
        timeouts=timeouts,
        report=report,
    )


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


def fetch(
    files: Sequence[File],
    mirrors: Sequence[str],
    folder: Path,
    *,
    timeouts: Timeouts | None = None,
    report: Report | None = None,
) -> Path:
    """Download files into a folder; see `get`, of which this is the part without a catalogue."""
    with cache.lock(folder, "download"):
        missing = [file for file in files if not _is_whole(folder / file.name, file)]
        for file in files:
            if file in missing:
                if os.environ.get("CONVLENS_OFFLINE", "0") not in ("", "0"):
                    raise DataError(
                        f"{file.name} is not in {folder}, and CONVLENS_OFFLINE forbids the network",
                        "the file, or permission to download it",
                        "unset CONVLENS_OFFLINE, or " + _by_hand(missing, mirrors, folder),
                    )
                reasons = _from_mirrors(file, mirrors, folder, timeouts or Timeouts(), report)
                if reasons:
                    raise DownloadError(
                        f"{file.name} could not be downloaded:\n    " + "\n    ".join(reasons),
                        f"a server that gives the file with {file.known_hash}",
                        _by_hand(missing[missing.index(file) :], mirrors, folder),
                    )
            if file.members:
                archives.unpacked(folder / file.name, file.members)
    return folder


def _is_whole(path: Path, file: File) -> bool:
    try:
        return path.is_file() and bool(pooch.core.hash_matches(str(path), file.known_hash))
    except OSError as error:
        raise atomic.explain(error, path) from error


def _from_mirrors(
    file: File, mirrors: Sequence[str], folder: Path, timeouts: Timeouts, report: Report | None
) -> list[str]:
    """Try the mirrors in order; return why each of them did not do, or nothing where one did."""
    reasons = []
    for mirror in mirrors:
        url = mirror.rstrip("/") + "/" + file.name
        for fetcher in _attempts(file, folder, timeouts, report):
            try:
                _retrieve(url, file, folder, fetcher)
            except (
                *(_Refused, ValueError, requests.RequestException, urllib3.exceptions.HTTPError),
                ConnectionError,
            ) as error:
                reason = _reason(error, file)
            except OSError as error:
                raise atomic.explain(error, folder / file.name, file.bytes or 0) from error
            else:
                return []
            if not fetcher.resumed:
                break  # only what was put together from pieces deserves a second try from scratch
        reasons.append(f"{url}: {reason}")
    return reasons or ["it has no mirror"]


def _attempts(
    file: File, folder: Path, timeouts: Timeouts, report: Report | None
) -> Iterator[_Fetcher]:
    """Give a fetcher that goes on with what is there, then one that starts anew."""
    part = folder / f".{file.name}.part"
    yield _Fetcher(file, part, timeouts, report)
    with suppress(OSError):
        part.unlink()
    yield _Fetcher(file, part, timeouts, report)


def _retrieve(url: str, file: File, folder: Path, fetcher: _Fetcher) -> None:
    pooch.get_logger().setLevel(logging.WARNING)
    pooch.retrieve(
        url, known_hash=file.known_hash, fname=file.name, path=folder, downloader=fetcher
    )


def _reason(error: Exception, file: File) -> str:
    """Say in one line why a mirror did not do."""
    if isinstance(error, requests.exceptions.InvalidSchema):
        return "it sends to an address that is not http or https"
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "it did not answer in time"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    if isinstance(error, urllib3.exceptions.HTTPError | ConnectionError):
        return "the connection was cut again and again"
    if type(error) is ValueError:  # pooch's word for a hash that differs
        return f"its file is another one (not {file.known_hash})"
    return shown(str(error).splitlines()[0]) if str(error) else type(error).__name__


def _by_hand(files: Sequence[File], mirrors: Sequence[str], folder: Path) -> str:
    lines = []
    for file in files:
        size = f", {file.bytes:,} bytes" if file.bytes else ""
        lines.append(f"{file.name} ({file.known_hash}{size})")
        lines += [f"  from {mirror.rstrip('/')}/{file.name}" for mirror in mirrors]
    return f"fetch on another machine and put into {folder.absolute()}:\n      " + "\n      ".join(
        lines
    )


class _Fetcher:
    """pooch's downloader: brings one file under its `.part` name, going on where it stopped."""

    def __init__(self, file: File, part: Path, timeouts: Timeouts, report: Report | None) -> None:
        self.file, self.part, self.timeouts = file, part, timeouts
        self.report = report or (lambda name, done, total: None)
        self.resumed = False

    def __call__(self, url: str, output_file: str, _: Any) -> None:
        """Download `url`, and give the bytes to pooch under the name that it wants."""
        for left in reversed(range(_TRIES)):
            before = self._here()
            try:
                self._once(url)
                break
            except (urllib3.exceptions.HTTPError, requests.ConnectionError, ConnectionError):
                # cut: go on while something arrives
                if not left or self._here() <= before:
                    raise
        os.replace(self.part, output_file)  # noqa: PTH105

    def _here(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _once(self, url: str) -> None:
        start = self._here()
        headers = {"Accept-Encoding": "identity", "User-Agent": "convlens"}
        if start:
            headers["Range"] = f"bytes={start}-"
        with requests.get(
            url, headers=headers, stream=True, timeout=(self.timeouts.connect, self.timeouts.read)
        ) as response:
            if response.status_code == 416 and start:  # nothing comes after what is here
                self.resumed = True
                return
            if response.status_code not in (200, 206):
                raise _Refused(f"HTTP {response.status_code} {response.reason}")
            answered = response.headers.get("Content-Range", "")
            if response.status_code == 200 or not answered.startswith(f"bytes {start}-"):
                if response.status_code == 206:
                    raise _Refused("it answers with another range than the one asked for")
                start = 0
            self.resumed = self.resumed or start > 0
            self._write(response, start)

    def _write(self, response: requests.Response, start: int) -> None:
        most = self.file.bytes or MAX_BYTES
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isascii() and length.isdigit() else self.file.bytes
        kind = response.headers.get("Content-Type", "").lower()
        done = start
        with self.part.open("ab" if start else "wb") as target:
            # the bytes as they travel: a server that calls a .gz file gzip-encoded means the file
            for chunk in response.raw.stream(_CHUNK, decode_content=False):
                if done == 0 and (
                    kind.startswith("text/html")
                    or chunk.lstrip()[:20].lower().startswith(_WEB_PAGE)
                ):
                    raise self._not_this("a web page instead of the file")
                done += len(chunk)
                if done > most or (total or 0) > most:
                    raise self._not_this(f"more than {most:,} bytes")
                target.write(chunk)
                self.report(self.file.name, done, total)
            target.flush()
            os.fsync(target.fileno())
        if self.file.bytes and done < self.file.bytes:
            raise _Refused(f"it gives {done:,} of {self.file.bytes:,} bytes")

    def _not_this(self, difference: str) -> _Refused:
        """Forget what has arrived: it is of no use to the next attempt."""
        with suppress(OSError):
            self.part.unlink()
        return _Refused(f"it gives {difference}")
