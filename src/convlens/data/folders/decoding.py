"""Decode a chunk of files into arrays: the work of one decoding process.

Everything that is ever needed of an image besides its pixels is computed while they are at hand,
so that nothing has to be read twice: digests for the split and the fingerprint, sums for mean
and std.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from convlens.data.decode import decode_with_pixels, strict_pillow
from convlens.data.preprocessing import Preprocessing, pixel_sums
from convlens.foundation.errors import DataError

DIGEST_BYTES = 16
ENLARGED = 4
"""An image this many times smaller than the input is told of: little can be seen in it."""
CHUNK_IMAGES, CHUNK_BYTES = 256, 4 * 2**20
"""Most images, and bytes of their files or of their pixels, decoded between two words to the
parent process."""


def chunk_size(row_bytes: int, file_bytes: float = 0) -> int:
    """Return how many images are decoded at a time, given the bytes of one.

    Parameters
    ----------
    row_bytes : int
        Bytes of its pixels, as the network gets them.
    file_bytes : float
        Mean number of bytes of a file.

    Examples
    --------
    >>> chunk_size(3 * 32 * 32, 900), chunk_size(3 * 512 * 512), chunk_size(3 * 32 * 32, 4e6)
    (256, 5, 1)
    """
    return max(1, min(CHUNK_IMAGES, CHUNK_BYTES // row_bytes, int(CHUNK_BYTES / (file_bytes + 1))))


@dataclass
class Decoded:
    """What decoding some files gave.

    Parameters
    ----------
    images : uint8 array (n, C, H, W)
        Pixels; zeros where a file is bad.
    contents : uint8 array (n, 16)
        Digest of the whole decoded picture, before it is brought to the input: copies of a
        picture share it whatever they are called and however they are packed.
    digests : uint8 array (n, 16)
        Digest of the image as the network sees it; that of the picture where nothing was changed.
    sums : int64 array (n, 2, C)
        See `pixel_sums`.
    bad : dict of int to str
        Why a file could not be read, by its place in the chunk.
    changes : Counter of str
        What was changed on the way, and in how many images.
    """

    images: NDArray[np.uint8]
    contents: NDArray[np.uint8]
    digests: NDArray[np.uint8]
    sums: NDArray[np.int64]
    bad: dict[int, str] = field(default_factory=dict)
    changes: Counter[str] = field(default_factory=Counter)


def decode_chunk(
    files: Sequence[str],
    preparing: Preprocessing,
    on_file: Callable[[str], None] = lambda file: None,
) -> Decoded:
    """Decode files and bring them to the input.

    Parameters
    ----------
    files : sequence of str
        Paths of image files.
    preparing : Preprocessing
        Input and fit; its statistics do not matter here.
    on_file : callable
        Called with each file before it is opened, so that an error can name it.
    """
    count = len(files)
    decoded = Decoded(
        np.zeros((count, *preparing.input), np.uint8),
        np.zeros((count, DIGEST_BYTES), np.uint8),
        np.zeros((count, DIGEST_BYTES), np.uint8),
        np.zeros((count, 2, preparing.input[0]), np.int64),
    )
    contents, digests = [], []
    with strict_pillow():
        for place, file in enumerate(files):
            on_file(file)
            try:
                needed = preparing.needed if preparing.draft else None
                image, picture, size, coded, notes = decode_with_pixels(file, needed=needed)
            except DataError as error:
                decoded.bad[place] = error.what
                contents.append(b"")
                digests.append(b"")
                continue
            # a large photo is not decoded whole: its file says whether it is a copy
            content = hashlib.sha256(coded or str(picture.shape).encode())
            if not coded:
                content.update(picture.data)
            digest = content.digest()[:DIGEST_BYTES]
            contents.append(digest)
            if min(size) * ENLARGED < min(preparing.input[1:]):
                notes.append(f"of less than 1/{ENLARGED} of the input's side, enlarged")
            brought = preparing.bring(image, notes, picture, size)
            decoded.images[place] = brought
            if not np.may_share_memory(brought, picture):  # these are other pixels
                digest = hashlib.sha256(decoded.images[place].data).digest()[:DIGEST_BYTES]
            digests.append(digest)
            if notes:
                decoded.changes.update(note for note in notes if " brought to " not in note)
    for rows, values in ((decoded.contents, contents), (decoded.digests, digests)):
        joined = b"".join(digest.ljust(DIGEST_BYTES, b"\0") for digest in values)
        rows[:] = np.frombuffer(joined, np.uint8).reshape(count, DIGEST_BYTES)
    decoded.sums[:] = pixel_sums(decoded.images)
    return decoded
