"""A whole folder of images: listed, decoded or taken from the cache, with facts on each image.

Images lie in the order of a checksum of their paths. That order mixes the classes, so that a part
of it read in one piece is a sample of all, and a new image changes nothing about the others'.
"""

from __future__ import annotations

import os
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.decode import shown
from convlens.data.folders import cache
from convlens.data.folders.cache import Index
from convlens.data.folders.decoding import Decoded, chunk_size, decode_chunk
from convlens.data.folders.listing import Listing, list_folder
from convlens.data.folders.policy import Policy, check_fit, choose_policy
from convlens.data.folders.pool import decode_in_processes
from convlens.data.preprocessing import Preprocessing
from convlens.data.stored import PixelFile, StoredImages
from convlens.foundation.errors import DataError, InputError
from convlens.foundation.machine import available_cores, available_memory, size_text
from convlens.foundation.progress import counted

MEMORY_SHARE = 0.5
"""Share of the free memory that decoded images may take when nothing else is said."""

POOL_IMAGES, POOL_BYTES = 500, 20 * 2**20
"""Images, and bytes of files, below both of which this process decodes: starting others costs more
than it saves."""

SHOW_SECONDS = 0.2
NAMED = 10
"""Bad files named in a message; the notes name all."""

Event = dict[str, Any]
Images = NDArray[np.uint8] | StoredImages


@dataclass(frozen=True)
class FolderSet:
    """The images of a folder, all of one size, with what is known of each.

    Parameters
    ----------
    listing : Listing
        The files that are images, in the order of the arrays.
    policy : Policy
        What they were brought to.
    images : uint8 array (N, C, H, W), or StoredImages of that shape
        Stored where they were decoded into a file.
    contents, digests : uint8 arrays (N, 16)
        See `Decoded`.
    sums : int64 array (N, 2, C)
        See `pixel_sums`.
    bad : dict of str to str
        The files that are no images, and why.
    memory : int or None
        Bytes that the images may take, where they would take more; None where they fit.
    notes : tuple of str
        What a user should know.
    """

    listing: Listing
    policy: Policy
    images: Images
    contents: NDArray[np.uint8]
    digests: NDArray[np.uint8]
    sums: NDArray[np.int64]
    bad: dict[str, str]
    memory: int | None
    notes: tuple[str, ...]


def read_folder(
    path: Path,
    input_shape: tuple[int, int, int] | None = None,
    bad_images: str = "fail",
    *,
    fit: str | None = None,
    draft: bool = True,
    memory: int | None = None,
    workers: int | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
) -> FolderSet:
    """Decode every image below a folder, or take the pixels from the cache.

    Parameters
    ----------
    path : Path
        The folder; see `list_folder`.
    input_shape : (C, H, W), optional
        What to bring the images to; chosen from a sample by default, see `choose_policy`.
    bad_images : {"fail", "skip"}
        Stop at unreadable files, all named; or leave them out, all named in the notes.
    fit : {"crop", "pad", "stretch"}, optional
        How to bring images of another shape to it.
    draft : bool
        Whether large JPEGs are decoded at a part of their size; see `Preprocessing`.
    memory : int, optional
        Bytes that the images may take in memory; half of what is free by default.
    workers : int, optional
        Decoding processes: as many as there are cores by default, for a folder that is worth it.
    on_event : callable
        Receives `{"event": "decoding", "done": n, "images": N, ...}` a few times a second.

    Raises
    ------
    DataError
        Where a class is empty or files are unreadable.
    WorkerError, StorageError
        Where a decoding process is killed, or no disk has room.
    """
    if bad_images not in ("fail", "skip"):
        raise DataError(f'`bad_images` is "{bad_images}"', "fail or skip")
    check_fit(fit)
    listing = list_folder(path)
    policy = replace(choose_policy(_Paths(listing), input_shape, fit), draft=draft)
    listing = listing.take(_mixed_order(listing.paths))
    allowed = int(available_memory() * MEMORY_SHARE) if memory is None else memory
    shape = (len(listing), *policy.input)
    fits = int(np.prod(shape)) <= allowed
    pixels: NDArray[np.uint8] | PixelFile
    with counted("images decoded", len(listing)) as advance:
        decoding = _Decoding(listing, policy, on_event, workers, advance)
        if fits and not cache.worth_keeping(listing):
            pixels, index, note = *decoding.in_memory(), ""
        else:
            pixels, index, note = decoding.in_file(keep=cache.worth_keeping(listing))
    bad = {listing.paths[row]: reason for row, reason in sorted(index.bad.items())}
    if bad and bad_images == "fail":
        reasons = sorted(bad.values())
        more = f"\n    and {len(bad) - NAMED:,} more" if len(bad) > NAMED else ""
        raise DataError(
            f"{len(bad)} of {len(listing)} images cannot be read:\n    "
            + "\n    ".join(reasons[:NAMED])
            + more,
            "readable images",
            "mend or remove them, or leave them out with `bad_images='skip'`",
        )
    good = np.ones(len(listing), bool)
    good[list(index.bad)] = False
    rows = np.flatnonzero(good)
    if not len(rows):
        raise DataError(f"{shown(path)} has no readable image", "images")
    notes = [*listing.notes, *policy.notes]
    notes += [f"{change}: {n:,} images" for change, n in sorted(index.changes.items())]
    notes += [f"skipped: {reason}" for reason in sorted(bad.values())]
    notes += [note] if note else []
    if not fits:
        notes.append(
            f"{size_text(int(np.prod(shape)))} of images are read from disk while training: "
            f"{size_text(allowed)} of memory may be used (`memory` changes it)"
        )
    return FolderSet(
        listing.take(rows) if bad else listing,
        policy,
        pixels[rows] if isinstance(pixels, np.ndarray) else StoredImages(pixels, rows),
        index.contents[rows],
        index.digests[rows],
        index.sums[rows],
        bad,
        None if fits else allowed,
        tuple(notes),
    )


def _mixed_order(paths: Sequence[str]) -> NDArray[np.int64]:
    keys = [zlib.crc32(path.encode("utf-8", "surrogatepass")) for path in paths]
    return np.argsort(np.asarray(keys, np.uint32), kind="stable").astype(np.int64)


class _Paths(Sequence[Path]):
    """The paths of a listing, made when they are asked for."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing

    def __len__(self) -> int:
        return len(self.listing)

    def __getitem__(self, key: Any) -> Any:
        numbers = range(len(self.listing))[key]
        if isinstance(numbers, int):
            return self.listing.path(numbers)
        return [self.listing.path(number) for number in numbers]


class _Decoding:
    """The decoding of a listing, where it is needed; reports how far it is."""

    def __init__(
        self,
        listing: Listing,
        policy: Policy,
        on_event: Callable[[Event], None],
        workers: int | None,
        advance: Callable[[int], None],
    ) -> None:
        self.listing, self.policy, self.on_event = listing, policy, on_event
        self.advance = advance
        shape = policy.input
        # the statistics do not matter here: decoding stops before normalisation
        unit = (0.0,) * shape[0], (1.0,) * shape[0]
        self.preparing = Preprocessing(shape, *unit, fit=policy.fit, draft=policy.draft)
        self.workers = _workers(listing) if workers is None else workers
        self.shape = (len(listing), *shape)
        self.index = Index.empty(len(listing), shape[0])
        self.changes: Counter[str] = Counter()
        self.done = 0
        self.started = self.last_shown = time.monotonic()

    def in_memory(self) -> tuple[NDArray[np.uint8], Index]:
        """Decode into an array."""
        images = np.empty(self.shape, np.uint8)

        def keep(row: int, decoded: Decoded) -> None:
            images[row : row + len(decoded.images)] = decoded.images
            self._note(row, decoded)

        self._here(keep)
        return images, self.index

    def in_file(self, *, keep: bool) -> tuple[PixelFile, Index, str]:
        """Find the images in the cache, or decode them into a file."""
        key, state = cache.names_of(self.listing, self.policy)
        cached = cache.find(key, state, self.shape) if keep else None
        if cached is not None:
            return *cached, ""
        with cache.UnfinishedEntry(self.shape, keep=keep) as draft:
            if self.workers > 1:
                decode_in_processes(
                    self._files(),
                    self.preparing,
                    draft.pixels,
                    draft.offset,
                    self.workers,
                    self._chunk(),
                    self._note,
                )
            else:
                with draft.pixels.open("rb+") as file:

                    def write(row: int, decoded: Decoded) -> None:
                        file.seek(draft.offset + row * decoded.images[0].nbytes)
                        file.write(decoded.images.data)
                        self._note(row, decoded)

                    self._here(write)
            return draft.finish(key, state, self.index), self.index, draft.note

    def _here(self, keep: Callable[[int, Decoded], None]) -> None:
        files, size = self._files(), self._chunk()
        for row in range(0, len(files), size):
            keep(row, decode_chunk(files[row : row + size], self.preparing))

    def _chunk(self) -> int:
        mean = float(self.listing.sizes.mean())
        return chunk_size(int(np.prod(self.policy.input)), max(0.0, mean))

    def _files(self) -> list[str]:
        root = os.path.join(os.fspath(self.listing.root), "")  # noqa: PTH118
        return [root + path for path in self.listing.paths]

    def _note(self, row: int, decoded: Decoded) -> None:
        end = row + len(decoded.contents)
        self.index.contents[row:end] = decoded.contents
        self.index.digests[row:end] = decoded.digests
        self.index.sums[row:end] = decoded.sums
        self.index.bad.update({row + place: reason for place, reason in decoded.bad.items()})
        self.changes.update(decoded.changes)
        self.index.changes = dict(self.changes)
        self.done += len(decoded.contents)
        self.advance(len(decoded.contents))
        now = time.monotonic()
        ended = self.done == len(self.listing) and now - self.started > SHOW_SECONDS
        if now - self.last_shown > SHOW_SECONDS or ended:
            self.last_shown = now
            self.on_event(
                {
                    "event": "decoding",
                    "done": self.done,
                    "images": len(self.listing),
                    "images_per_second": self.done / max(now - self.started, 1e-9),
                }
            )


def _workers(listing: Listing) -> int:
    """Return how many processes decode the images; `CONVLENS_WORKERS` overrules."""
    chosen = os.environ.get("CONVLENS_WORKERS", "")
    if chosen:
        if not chosen.isascii() or not chosen.isdigit() or not 1 <= int(chosen) <= 256:
            raise InputError(
                f"CONVLENS_WORKERS is {chosen!r}", "a whole number from 1 to 256", "use 2"
            )
        return int(chosen)
    few = len(listing) < POOL_IMAGES and int(listing.sizes.sum()) < POOL_BYTES
    return 1 if few else min(available_cores(), 32)
