"""Decoded folders kept on disk, so that the second start decodes nothing.

An entry is a folder: `pixels.npy` with the images, `index.npz` with what is known of each, and
`entry.json`. It is written under a temporary name and appears complete or not at all. Its name
says which files in which state it holds and what they were brought to, so that an entry is never
stale, only unused. The oldest unused ones go when the cache passes its limit.

`CONVLENS_CACHE` names another folder, or `off`; `CONVLENS_CACHE_LIMIT` another limit. A cache that
cannot be written costs the time of decoding again, nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
import weakref
import zipfile
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from convlens.data.decode import DECODER_VERSION
from convlens.data.folders.decoding import DIGEST_BYTES
from convlens.data.folders.listing import Listing
from convlens.data.folders.policy import Policy
from convlens.data.stored import PixelFile
from convlens.foundation import atomic
from convlens.foundation.errors import ConvlensError, DataError
from convlens.foundation.machine import parse_size, size_text

LIMIT = "20 GB"
FORM = 2
"""Version of the form of an entry, raised when its files change their meaning."""

STALE_SECONDS = 24 * 3600
"""An unfinished entry untouched for so long belongs to a process that was killed."""

WORTH_IMAGES, WORTH_BYTES = 500, 8 * 2**20
"""A folder below both is decoded faster than anyone notices, and not kept."""


@dataclass
class Index:
    """What is known of each image of a folder, row by row.

    Parameters
    ----------
    contents, digests : uint8 array (N, 16)
        See `Decoded`.
    sums : int64 array (N, 2, C)
        See `pixel_sums`.
    bad : dict of int to str
        Why a row holds no image.
    changes : dict of str to int
        What was changed while decoding, and in how many images.
    """

    contents: NDArray[np.uint8]
    digests: NDArray[np.uint8]
    sums: NDArray[np.int64]
    bad: dict[int, str] = field(default_factory=dict)
    changes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def empty(cls, count: int, channels: int) -> Index:
        """Return an index to be filled."""
        return cls(
            np.zeros((count, DIGEST_BYTES), np.uint8),
            np.zeros((count, DIGEST_BYTES), np.uint8),
            np.zeros((count, 2, channels), np.int64),
        )


def place() -> Path | None:
    """Return the folder of the cache, or None where it is switched off."""
    chosen = os.environ.get("CONVLENS_CACHE", "")
    if chosen.lower() == "off":
        return None
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("convlens"))


def limit() -> int:
    """Return the most bytes that decoded folders may take.

    Raises
    ------
    InputError
        Where `CONVLENS_CACHE_LIMIT` is no size.
    """
    return parse_size(os.environ.get("CONVLENS_CACHE_LIMIT") or LIMIT, "CONVLENS_CACHE_LIMIT")


def size() -> tuple[int, int]:
    """Return how many decoded folders are kept, and their bytes."""
    entries = _entries(_home())
    return len(entries), sum(entry.size for entry in entries)


def worth_keeping(listing: Listing) -> bool:
    """Say whether a folder takes long enough to decode."""
    return len(listing) >= WORTH_IMAGES or int(listing.sizes.sum()) >= WORTH_BYTES


def names_of(listing: Listing, policy: Policy) -> tuple[str, str]:
    """Return the two parts of an entry's name: folder and policy, and the state of the files."""
    facts = {
        "root": os.fsencode(os.path.realpath(listing.root)).hex(),
        "input": policy.input,
        "fit": policy.fit,
        "draft": policy.draft,
        "decoder": DECODER_VERSION,
        "pillow": version("pillow"),
        "form": FORM,
    }
    digest = hashlib.sha256("\0".join(listing.paths).encode("utf-8", "surrogatepass"))
    digest.update(np.ascontiguousarray(listing.status).data)
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]
    return key, digest.hexdigest()[:24]


def find(key: str, state: str, shape: tuple[int, ...]) -> tuple[PixelFile, Index] | None:
    """Return a kept folder, or None; an entry that is damaged counts as not there.

    Parameters
    ----------
    key, state : str
        From `names_of`.
    shape : (N, C, H, W)
        What it must hold.
    """
    home = _home()
    if home is None:
        return None
    entry = home / f"{key}-{state}"
    try:
        pixels = PixelFile(entry / "pixels.npy")
        facts = json.loads((entry / "entry.json").read_bytes())
        with (
            (entry / "index.npz").open("rb") as file,
            np.load(file, allow_pickle=False) as arrays,
        ):
            index = Index(arrays["contents"], arrays["digests"], arrays["sums"])
        index.bad = {int(row): str(reason) for row, reason in facts["bad"].items()}
        index.changes = {str(change): int(n) for change, n in facts["changes"].items()}
        expected = Index.empty(0, shape[1])
        for name in ("contents", "digests", "sums"):
            array, like = getattr(index, name), getattr(expected, name)
            if array.shape != (shape[0], *like.shape[1:]) or array.dtype != like.dtype:
                return None
    except (
        *(OSError, EOFError, ValueError, KeyError, AttributeError, TypeError),
        *(zipfile.BadZipFile, DataError),
    ):
        return None
    if pixels.shape != shape:
        return None
    with contextlib.suppress(OSError):  # the time of its last use
        os.utime(entry / "entry.json")
    return pixels, index


class UnfinishedEntry:
    """An entry in the making: a file of the right length, then an index, then its final name.

    Used as a context: what was not finished is removed on leaving, whatever the reason.

    Parameters
    ----------
    shape : (N, C, H, W)
        Shape of the pixels.
    keep : bool
        Whether it is to be found again; otherwise, and where the cache cannot be written, the
        file lies with the system's temporary ones and goes when nothing reads it any more.

    Raises
    ------
    StorageError
        Where no disk has room for the pixels.
    """

    def __init__(self, shape: tuple[int, int, int, int], *, keep: bool) -> None:
        self.shape = shape
        self.bytes = int(np.prod(shape))
        self.note = ""
        self.kept = False
        self.folder = self._reserve_kept() if keep else None
        if self.folder is None:
            self.folder = self._reserve_temporary()

    def _reserve_kept(self) -> Path | None:
        try:
            home = _home()
            if home is None:
                return None
            if self.bytes > limit():
                self.note = (
                    f"the decoded images ({size_text(self.bytes)}) are more than the cache's limit "
                    f"of {size_text(limit())}: the next start decodes them again"
                )
                return None
            home.mkdir(parents=True, exist_ok=True)
            _make_room(home, limit() - self.bytes)
            folder = home / f".{secrets.token_hex(8)}.tmp"
            folder.mkdir()
            self._reserve(folder)
        except (OSError, ConvlensError) as error:
            if isinstance(error, ConvlensError) and not isinstance(error, DataError):
                reason = error.what
            else:
                reason = str(error)
            self.note = f"the cache cannot be used ({reason}): the next start decodes again"
            return None
        self.kept = True
        return folder

    def _reserve_temporary(self) -> Path:
        try:
            folder = Path(tempfile.mkdtemp(prefix="convlens-"))
        except OSError as error:
            raise atomic.explain(error, Path(tempfile.gettempdir()), self.bytes) from error
        self._reserve(folder)
        return folder

    def _reserve(self, folder: Path) -> None:
        """Make `pixels.npy` as long as it will be: a full disk shows now, not in the middle."""
        path = folder / "pixels.npy"
        try:
            with path.open("wb") as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": self.shape}
                np.lib.format.write_array_header_1_0(file, header)
                file.flush()
                self.offset = file.tell()
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), self.offset, max(1, self.bytes))
                file.truncate(self.offset + self.bytes)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise atomic.explain(error, path, self.bytes) from error

    @property
    def pixels(self) -> Path:
        """The file that takes the pixels, from `offset` on."""
        assert self.folder is not None
        return self.folder / "pixels.npy"

    def __enter__(self) -> UnfinishedEntry:
        return self

    def __exit__(self, *_: object) -> None:
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def finish(self, key: str, state: str, index: Index) -> PixelFile:
        """Give the entry its final name, and return its pixels."""
        assert self.folder is not None
        folder, self.folder = self.folder, None
        if not self.kept:
            return _passing(folder)
        home = folder.parent
        final = home / f"{key}-{state}"
        facts: dict[str, Any] = {"bad": index.bad, "changes": index.changes}
        try:
            with (folder / "index.npz").open("wb") as file:
                np.savez(file, contents=index.contents, digests=index.digests, sums=index.sums)
            # a power cut must not leave a complete name on pixels that never reached the disk
            for name in ("pixels.npy", "index.npz"):
                with (folder / name).open("rb+") as file:
                    os.fsync(file.fileno())
            atomic.write_json(folder / "entry.json", facts)
            for old in home.glob(f"{key}-*"):  # the same folder in an earlier state
                shutil.rmtree(old, ignore_errors=True)
            folder.rename(final)
        except (OSError, ConvlensError):
            # another process was first, or the disk filled up: these pixels serve this run
            return _passing(folder)
        return PixelFile(final / "pixels.npy")


def _passing(folder: Path) -> PixelFile:
    """Return pixels whose folder goes when they are no longer read."""
    pixels = PixelFile(folder / "pixels.npy")
    weakref.finalize(pixels, shutil.rmtree, folder, ignore_errors=True)
    return pixels


def _home() -> Path | None:
    chosen = place()
    return None if chosen is None else chosen / "folders"


@dataclass(frozen=True)
class _Entry:
    path: Path
    size: int
    used: float


def _entries(home: Path | None) -> list[_Entry]:
    """Return the complete entries, the longest unused first."""
    entries = []
    for path in [] if home is None or not home.is_dir() else home.iterdir():
        with contextlib.suppress(OSError):
            if not path.is_dir() or atomic.is_temporary(path):
                continue
            taken = sum(file.stat().st_size for file in path.iterdir())
            entries.append(_Entry(path, taken, (path / "entry.json").stat().st_mtime))
    return sorted(entries, key=lambda entry: entry.used)


def _make_room(home: Path, allowed: int) -> None:
    """Remove the longest unused entries until the rest takes at most `allowed` bytes."""
    for path in home.iterdir():
        with contextlib.suppress(OSError):
            if atomic.is_temporary(path):
                touched = max(file.stat().st_mtime for file in (path, *path.iterdir()))
                if time.time() - touched > STALE_SECONDS:
                    shutil.rmtree(path, ignore_errors=True)
    entries = _entries(home)
    taken = sum(entry.size for entry in entries)
    for entry in entries:
        if taken <= allowed:
            return
        shutil.rmtree(entry.path, ignore_errors=True)
        taken -= entry.size
