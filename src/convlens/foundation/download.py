"""Files from the web whose content is known: downloaded from mirrors, never trusting one.

A file arrives under another name (`.part`), from where an interrupted download goes on; it takes
its final name when its hash is the published one. One process at a time downloads into a folder,
and the others find it done.

Reference: HTTP range requests, RFC 9110, section 14.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import requests
import urllib3

from convlens.foundation import atomic
from convlens.foundation.errors import DownloadError, InputError
from convlens.foundation.known_files import File
from convlens.foundation.locking import lock

Report: TypeAlias = Callable[[str, int, int | None], None]
"""Is told a file's name, the bytes that are here, and how many there will be, if known."""

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


def fetch(
    files: Sequence[File],
    mirrors: Sequence[str],
    folder: Path,
    *,
    timeouts: Timeouts | None = None,
    report: Report | None = None,
) -> Path:
    """Make sure that files are in a folder; download those that are not.

    Parameters
    ----------
    files : sequence of File
        What shall be there. A file that is there with the published hash is not downloaded again.
    mirrors : sequence of str
        Addresses that a file's name is added to, the best first.
    folder : Path
        Where; made where it is missing.
    timeouts : Timeouts, optional
        How long to wait for a server.
    report : Report, optional
        Called with how far each file is.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        Where a file is missing and CONVLENS_OFFLINE forbids the network.
    DownloadError
        Where no mirror gave one of the files; says how to get them by hand.
    RunError, StorageError
        Where the folder cannot be written.
    """
    with lock(folder, "download"):
        missing = [file for file in files if not file.is_at(folder / file.name)]
        for number, file in enumerate(missing):
            if os.environ.get("CONVLENS_OFFLINE", "0") not in ("", "0"):
                raise InputError(
                    f"{file.name} is not in {folder}, and CONVLENS_OFFLINE forbids the network",
                    "the file, or permission to download it",
                    "unset CONVLENS_OFFLINE, or " + by_hand(missing, mirrors, folder),
                )
            reasons = _from_mirrors(file, mirrors, folder, timeouts or Timeouts(), report)
            if reasons:
                raise DownloadError(
                    f"{file.name} could not be downloaded:\n    " + "\n    ".join(reasons),
                    f"a server that gives the file with {file.known_hash}",
                    by_hand(missing[number:], mirrors, folder),
                )
    return folder


def by_hand(files: Sequence[File], mirrors: Sequence[str], folder: Path) -> str:
    """Say how to get files without this machine's network."""
    lines = []
    for file in files:
        size = f", {file.bytes:,} bytes" if file.bytes else ""
        lines.append(f"{file.name} ({file.known_hash}{size})")
        lines += [f"  from {mirror.rstrip('/')}/{file.name}" for mirror in mirrors]
    return f"fetch on another machine and put into {folder.absolute()}:\n      " + "\n      ".join(
        lines
    )


def _from_mirrors(
    file: File, mirrors: Sequence[str], folder: Path, timeouts: Timeouts, report: Report | None
) -> list[str]:
    """Try the mirrors in order; return why each of them failed, or nothing where one did not."""
    reasons = []
    part = folder / f".{file.name}.part"
    for mirror in mirrors:
        url = mirror.rstrip("/") + "/" + file.name
        for anew in (False, True):
            download = _Download(file, part, timeouts, report)
            try:
                if anew:
                    download.forget()
                download.run(url)
                if not file.is_at(part):
                    download.forget()
                    raise _Refused(f"its file is another one (not {file.known_hash})")
                os.replace(part, folder / file.name)  # noqa: PTH105
            except (
                *(_Refused, ValueError, requests.RequestException, urllib3.exceptions.HTTPError),
                ConnectionError,
            ) as error:
                reason = _reason(error)
            except OSError as error:
                raise atomic.explain(error, folder / file.name, file.bytes or 0) from error
            else:
                return []
            if not download.resumed:
                break  # only what was put together from pieces deserves a second try from scratch
        reasons.append(f"{url}: {reason}")
    return reasons or ["it has no mirror"]


def _reason(error: Exception) -> str:
    """Say in one line why a mirror failed."""
    if isinstance(error, requests.exceptions.InvalidSchema):
        return "it sends to an address that is not http or https"
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "it did not answer in time"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    if isinstance(error, urllib3.exceptions.HTTPError | ConnectionError):
        return "the connection was cut again and again"
    line = str(error).splitlines()[0] if str(error) else type(error).__name__
    # a server wrote some of it
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


class _Download:
    """Downloads one file under its `.part` name, from where an earlier download stopped."""

    def __init__(self, file: File, part: Path, timeouts: Timeouts, report: Report | None) -> None:
        self.file, self.part, self.timeouts = file, part, timeouts
        self.report = report or (lambda name, done, total: None)
        self.resumed = False

    def run(self, url: str) -> None:
        """Download `url`, asking again for the rest while the connection is cut."""
        for left in reversed(range(_TRIES)):
            before = self._here()
            try:
                self._once(url)
                break
            except (urllib3.exceptions.HTTPError, requests.ConnectionError, ConnectionError):
                # cut: go on while something arrives
                if not left or self._here() <= before:
                    raise

    def forget(self) -> None:
        """Remove what has arrived: it is of no use to the next attempt."""
        with suppress(OSError):
            self.part.unlink()

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
        most = self.file.bytes or self.file.most
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
        self.forget()
        return _Refused(f"it gives {difference}")
