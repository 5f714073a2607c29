"""What frozen layers made of images, kept on disk by image, so that none is computed twice.

A folder belongs to the layers, their weights and how images are prepared for them; in it lie the
features of any number of images, each found by a key: the digest of the image's pixels, and of the
view where it was changed at random. So a class that is added later, another split and another
seed compute only what is new. Nothing can be stale, only unused; the longest unused files go
where all together pass half of the limit of decoded images.

`CONVLENS_CACHE` names another folder, or `off`. A cache that cannot be written costs the time of
computing again, nothing else: the features then lie with the system's temporary files as long as
they are read.
"""

from __future__ import annotations

import hashlib
import math
import os
import secrets
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convlens.data import Preprocessing
from convlens.data.folders.cache import limit
from convlens.data.folders.cache import place as cache_place
from convlens.data.stored import PixelFile
from convlens.engines.torch_engine import TorchModel
from convlens.foundation import atomic
from convlens.foundation.errors import DataError, StorageError

FORM = "3"
"""Version of the files; raised when their numbers change their meaning."""
KEY_BYTES = 16
PART_BYTES = 256 * 2**20
"""Most bytes of a file of features."""
STALE_SECONDS = 24 * 3600
"""An unfinished file untouched for so long belongs to a process that was killed."""

Keys = NDArray[np.uint8]
"""One key per image, `(N, 16)`."""


@dataclass(frozen=True)
class _Part:
    """The features of some images, written together: `path` and, beside it, their keys."""

    path: Path
    keys: Keys
    file: PixelFile
    """The features' bytes, `(n, 1, 1, bytes)`: a file that is read by position, never mapped."""


class Stored:
    """Features of images in an order, wherever they lie on disk.

    Parameters
    ----------
    files : sequence of PixelFile
        The files, open.
    file, row : int64 array (N,)
        Which of them, and which place in it, holds each image's features.
    shape : tuple of int
        Shape of an image's features.
    """

    def __init__(
        self,
        files: Sequence[PixelFile],
        file: NDArray[np.int64],
        row: NDArray[np.int64],
        shape: tuple[int, ...],
    ) -> None:
        self.files, self.file, self.row, self.shape = files, file, row, shape

    def __len__(self) -> int:
        return len(self.file)

    @property
    def nbytes(self) -> int:
        """Bytes that all of them take in memory."""
        return len(self) * 4 * math.prod(self.shape)

    def __getitem__(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the features of some images, float32 `(B, *shape)`."""
        file, row = self.file[numbers], self.row[numbers]
        features = np.empty((len(numbers), math.prod(self.shape)), np.float32)
        for number in np.unique(file):
            here = np.flatnonzero(file == number)
            rows = self.files[number].rows(row[here])
            features[here] = rows.reshape(len(here), -1).view("<f4")
        return features.reshape(-1, *self.shape)


class FeatureCache:
    """The features that some layers made of any images.

    Parameters
    ----------
    frozen : TorchModel
        The layers with their weights.
    preprocessing : Preprocessing
        How images are prepared for them.
    """

    def __init__(self, frozen: TorchModel, preprocessing: Preprocessing) -> None:
        self.shape = frozen.plan.output
        digest = hashlib.sha256(FORM.encode())
        digest.update(repr((preprocessing.mean, preprocessing.std)).encode())
        for step in frozen.plan.steps:
            digest.update(f"{step.name} {step.inputs} {step.layer!r}".encode())
        for array in frozen.weights().values():
            digest.update(array.tobytes())
        self._name = digest.hexdigest()[:32]
        self._temporary: Path | None = None

    @property
    def folder(self) -> Path:
        """Where the features lie: in the cache, or among temporary files."""
        root = cache_place()
        if self._temporary is None and root is not None:
            folder = root / "features" / self._name
            with suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                if os.access(folder, os.W_OK):
                    return folder
        if self._temporary is None:
            self._temporary = self._new_temporary()
        return self._temporary

    def _new_temporary(self) -> Path:
        try:
            folder = Path(tempfile.mkdtemp(prefix="convlens-"))
        except OSError as error:
            raise atomic.explain(error, Path(tempfile.gettempdir())) from error
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder

    def stored(
        self, keys: Keys, compute: Callable[[NDArray[np.int64]], Iterator[NDArray[np.float32]]]
    ) -> Stored:
        """Return the features of images, those computed that are not kept.

        Parameters
        ----------
        keys : uint8 array (N, 16)
            One per image; images with the same key have the same features.
        compute : callable
            Takes the numbers of images, int64 `(n,)`; yields their features in batches, float32
            `(B, *shape)`, in that order.
        """
        parts = self._parts()
        place = _places(parts)
        texts = [key.tobytes() for key in keys]
        missing = sorted({text: at for at, text in enumerate(texts) if text not in place}.values())
        # many images in several files, so that an interruption loses only the last of them
        rows = max(1, PART_BYTES // (4 * math.prod(self.shape)))
        for start in range(0, len(missing), rows):
            numbers = np.asarray(missing[start : start + rows], np.int64)
            try:
                parts.append(self._write(keys[numbers], compute(numbers)))
            except StorageError:
                if self._temporary is not None:
                    raise
                self._temporary = self._new_temporary()
                parts.append(self._write(keys[numbers], compute(numbers)))
        place = _places(parts) if missing else place
        where = np.asarray([place[text] for text in texts], np.int64).reshape(-1, 2)
        used = np.unique(where[:, 0])
        for number in used:  # the time of its last use
            with suppress(OSError):
                os.utime(parts[number].path)
        files = [parts[number].file for number in used]
        return Stored(files, np.searchsorted(used, where[:, 0]), where[:, 1], self.shape)

    def _parts(self) -> list[_Part]:
        parts = []
        for path in sorted(self.folder.glob("*.npy")):
            with suppress(OSError, ValueError, EOFError, DataError):
                part = _Part(path, np.load(path.with_suffix(".keys")), PixelFile(path))
                expected = (len(part.keys), 1, 1, 4 * math.prod(self.shape))
                if part.file.shape == expected and part.keys.shape[1:] == (KEY_BYTES,):
                    parts.append(part)
        return parts

    def _write(self, keys: Keys, batches: Iterator[NDArray[np.float32]]) -> _Part:
        """Write features batch by batch; they get their name when they are complete."""
        shape = (len(keys), 1, 1, 4 * math.prod(self.shape))
        folder = self.folder
        _make_room(folder.parent, math.prod(shape))
        draft, path = (folder / f"{secrets.token_hex(8)}{end}" for end in (".tmp", ".npy"))
        try:
            with draft.open("wb") as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
                for batch in batches:
                    file.write(np.ascontiguousarray(batch, "<f4").data)
            with path.with_suffix(".keys").open("wb") as file:
                np.save(file, keys)
            draft.rename(path)
        except OSError as error:
            raise atomic.explain(error, draft, math.prod(shape)) from error
        finally:
            draft.unlink(missing_ok=True)
        return _Part(path, keys, PixelFile(path))


def _places(parts: Sequence[_Part]) -> dict[bytes, tuple[int, int]]:
    """Return the file and the place in it of each key."""
    return {
        key.tobytes(): (number, row)
        for number, part in enumerate(parts)
        for row, key in enumerate(part.keys)
    }


def view_keys(digests: Keys, view: str) -> Keys:
    """Return the keys of images that were changed; `view` says all that decides how.

    >>> plain = np.zeros((1, 16), np.uint8)
    >>> bool((view_keys(plain, "1") == view_keys(plain, "2")).all())
    False
    """
    texts = (
        hashlib.blake2b(digest.tobytes() + view.encode(), digest_size=KEY_BYTES).digest()
        for digest in digests
    )
    return np.frombuffer(b"".join(texts), np.uint8).reshape(-1, KEY_BYTES)


def _make_room(home: Path, coming: int) -> None:
    """Remove the longest unused files until there is room for so many bytes more."""
    if home.name != "features":  # temporary files are nobody else's
        return
    files = []
    for path in home.glob("*/*"):
        with suppress(OSError):
            status = path.stat()
            if path.suffix == ".tmp" and time.time() - status.st_mtime > STALE_SECONDS:
                path.unlink()
                continue
            files.append((status.st_mtime, status.st_size, path))
    allowed, total = limit() // 2 - coming, sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= allowed:
            return
        if path.suffix == ".npy":
            with suppress(OSError):
                path.unlink()
                path.with_suffix(".keys").unlink(missing_ok=True)
                total -= size
