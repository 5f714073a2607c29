"""Pictures that occur more than once: bit for bit, or changed a little on the way.

A picture saved again as JPEG or brightened has other bytes and is the same picture. Its 64-bit DCT
hash, the signs of its coarsest structure, hardly changes. Pairs of near hashes are found by
multi-index hashing, without comparing all pairs; but digits are alike in their coarse structure,
and so are shoes. A pair is therefore only called a near-duplicate when its pixels agree as well,
and the more alike the different pictures of a set are, the more they must agree (`near_pairs`).

References
----------
Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010 (the DCT hash).
Norouzi, Punjani and Fleet, "Fast Search in Hamming Space with Multi-Index Hashing", CVPR 2012.
Barz and Denzler, "Do We Train on Test Data? Purging CIFAR of Near-Duplicates", J. Imaging 2020.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convlens.data.dataset import Split
from convlens.data.stored import StoredImages
from convlens.foundation.progress import track

Images = NDArray[np.uint8]
Indices = NDArray[np.int64]

FURTHEST = 7
"""Most of the 64 bits in which the hashes of a near pair differ."""
ALIKE, SAME, SAME_AMONG_ALIKE = 0.90, 0.95, 0.99
"""Correlations of pixels: of pictures that are alike; of near-duplicates; and of near-duplicates
in a set whose pictures are alike anyway. docs/data-check.md has the measurements."""
FEW = 10
MOST_BYTES = 2**30
MAX_CANDIDATES = 100_000_000
"""Pairs of near hashes that are looked at; a set of one picture in many copies has more."""

_BANDS, _BAND_BITS = 4, 16
_CHUNK = 1 << 20


@dataclass(frozen=True)
class NearPairs:
    """Pairs of images that are nearly the same.

    Parameters
    ----------
    first, second : int64 arrays (P,)
        Numbers of the images, `first` below `second`; ascending.
    correlation : float32 array (P,)
        Correlation of the pixels of each pair.
    threshold : float
        Least correlation that was asked for in this set.
    complete : bool
        Whether all pairs of near hashes were looked at.
    """

    first: Indices
    second: Indices
    correlation: NDArray[np.float32]
    threshold: float
    complete: bool

    def __len__(self) -> int:
        return len(self.first)


def exact_groups(images: Images) -> list[Indices]:
    """Return the groups of two or more images whose pixels are all equal.

    Parameters
    ----------
    images : uint8 array (N, C, H, W)
        Any images of one size.

    Returns
    -------
    list of int64 arrays
        Numbers of the images, ascending; groups in the order of their first image.

    Examples
    --------
    >>> pixels = np.array([5, 7, 5, 9, 7], np.uint8).reshape(5, 1, 1, 1)
    >>> [group.tolist() for group in exact_groups(pixels)]
    [[0, 2], [1, 4]]
    """
    members: dict[bytes, list[int]] = {}
    for number, image in enumerate(track(images, "images compared")):
        digest = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
        members.setdefault(digest, []).append(number)
    return [np.array(group, np.int64) for group in members.values() if len(group) > 1]


def dct_hash(images: Images) -> NDArray[np.uint64]:
    """Return 64 bits of each image's coarse structure.

    The channels are averaged. Each of the 8 x 8 lowest frequencies of their cosine transform gives
    one bit: whether its coefficient is above the median. The mean brightness, frequency (0, 0),
    gives none.

    Parameters
    ----------
    images : uint8 array (N, C, H, W)
        Any images of one size.

    Returns
    -------
    uint64 array (N,)
        Bit 8 * y + x is of the frequency y down and x across; bit 0 is never set.
    """
    return _signs(_waves(images))


def near_pairs(images: Images) -> NearPairs:
    """Find pairs of images that are nearly the same, exact duplicates included.

    Two images are a pair where their hashes differ in at most 7 bits and their pixels correlate
    to at least 0.95; or to 0.99 in a set whose pictures are alike anyway. It is one where more
    than one pair in 200 images, and more than ten, correlate from 0.90 to 0.95, as digits do.

    Parameters
    ----------
    images : uint8 array (N, C, H, W)
        Any images of one size. Constant images have no structure to compare and pair with none.

    Returns
    -------
    NearPairs
        In ascending order.
    """
    kept = np.flatnonzero(~constant(images))
    structured = images if len(kept) == len(images) else images[kept]
    waves, lengths = _waves(structured), _lengths(structured)
    units = waves / lengths[:, None]
    few = max(FEW, len(images) // 200)
    pairs, agreeing = np.zeros((2, 0), np.int64), np.zeros(0, np.float32)
    least, looked = ALIKE, 0
    for left, right in _near_hashes(_signs(waves)):
        looked += len(left)
        if looked > MAX_CANDIDATES:
            break
        # the distance of two unit vectors is 2 - 2 r, and a projection never lengthens it: what
        # is too far apart in 64 coefficients is too far apart in all pixels
        apart = np.square(units[left] - units[right]).sum(axis=1)
        close = apart <= 2 - 2 * least + 1e-4
        candidates = np.sort(np.stack([kept[left[close]], kept[right[close]]]), axis=0)
        pairs = np.concatenate([pairs, candidates], axis=1)
        agreeing = np.concatenate([agreeing, _correlations(images, *candidates)])
        # a pair may share several bands
        _, once = np.unique(pairs[0] * len(images) + pairs[1], return_index=True)
        once = once[agreeing[once] >= least]
        pairs, agreeing = pairs[:, once], agreeing[once]
        if least == ALIKE and (agreeing < SAME).sum() > few:
            least = SAME_AMONG_ALIKE  # settled: the merely alike need no longer be counted
    least = max(least, SAME)
    same = agreeing >= least
    first, second = pairs[:, same]
    return NearPairs(first, second, agreeing[same], least, looked <= MAX_CANDIDATES)


def across_note(train: Split, validation: Split, test: Split, most: int = 20_000) -> list[str]:
    """Return a sentence about near-duplicates in different parts; none where there are none.

    Parameters
    ----------
    train, validation, test : Split
        The parts of a set.
    most : int
        Sets with more images are not searched, which would take seconds; nor are those of over a
        gigabyte, which it would take twice, and those that do not fit in memory.
    """
    parts = {"train": train, "validation": validation, "test": test}
    sizes = [len(part) for part in parts.values()]
    if sum(sizes) > most or any(isinstance(p.images, StoredImages) for p in parts.values()):
        return []
    if sum(part.images.nbytes for part in parts.values()) > MOST_BYTES:
        return []
    images = np.concatenate([part.images for part in parts.values()])
    part = np.repeat(np.arange(len(parts)), sizes)
    pairs = near_pairs(images)
    across = part[pairs.first] != part[pairs.second]
    if not across.any():
        return []
    names, count = list(parts), int(across.sum())
    i, j = pairs.first[across][0], pairs.second[across][0]
    return [
        f"{count} {'pairs' if count > 1 else 'pair'} of nearly the same picture in different "
        f"splits, such as one in {names[part[i]]} and one in {names[part[j]]}: convlens data "
        "check names them"
    ]


def constant(images: Images) -> NDArray[np.bool_]:
    """Return which images have one colour all over: bool (N,)."""
    flat = images.reshape(*images.shape[:2], -1)
    same: NDArray[np.bool_] = (flat.max(axis=2) == flat.min(axis=2)).all(axis=1)
    return same


def _waves(images: Images) -> NDArray[np.float32]:
    """Return the lowest coefficients of the orthonormal cosine transform: float32 (N, 64)."""
    rows, columns = (_cosines(side) for side in images.shape[2:])
    waves = np.zeros((len(images), 64), np.float32)
    step = _at_once(images)
    for start in track(range(0, len(images), step), "batches of images hashed"):
        # a mean over channels times their root: a projection, like the transform itself
        grey = images[start : start + step].sum(axis=1, dtype=np.float32)
        grey /= np.float32(np.sqrt(images.shape[1]))
        waves[start : start + step] = (rows @ grey @ columns.T).reshape(-1, 64)
    waves[:, 0] = 0  # the mean brightness is not structure
    return waves


def _cosines(side: int) -> NDArray[np.float32]:
    """Return the 8 lowest orthonormal cosines of a side, (8, side); zero where it has fewer."""
    frequency, place = np.arange(8)[:, None], np.arange(side)
    waves = np.cos(np.pi * frequency * (2 * place + 1) / (2 * side)) * np.sqrt(2 / side)
    waves[0] /= np.sqrt(2)
    waves[side:] = 0
    lowest: NDArray[np.float32] = waves.astype(np.float32)
    return lowest


def _signs(waves: NDArray[np.float32]) -> NDArray[np.uint64]:
    above = waves > np.median(waves[:, 1:], axis=1, keepdims=True)
    above[:, 0] = False
    weights = np.left_shift(np.uint64(1), np.arange(64, dtype=np.uint64))
    bits: NDArray[np.uint64] = (above * weights).sum(axis=1, dtype=np.uint64)
    return bits


def _lengths(images: Images) -> NDArray[np.float32]:
    """Return the length of each image's pixels less their mean, float32 (N,)."""
    lengths = np.empty(len(images), np.float32)
    step = _at_once(images)
    for start in range(0, len(images), step):
        pixels = images[start : start + step].reshape(-1, images[0].size).astype(np.float32)
        lengths[start : start + step] = pixels.std(axis=1) * np.sqrt(pixels.shape[1])
    return lengths


def _at_once(images: Images) -> int:
    """Return how many images are worked on at a time: what stays near the processor."""
    return max(1, min(1024, 4_000_000 // max(1, images[0].size))) if len(images) else 1


def _near_hashes(hashes: NDArray[np.uint64]) -> Iterator[tuple[Indices, Indices]]:
    """Yield pairs of hashes at most 7 bits apart, some more than once, a million at a time.

    Two hashes that differ in at most 7 bits differ in at most one bit of one of the 4 bands of 16:
    it is enough to look up each band as it is, and with each of its bits turned.
    """
    turned = [0, *(1 << bit for bit in range(_BAND_BITS))]
    for band in range(_BANDS):
        part = (hashes >> np.uint64(band * _BAND_BITS)).astype(np.uint16)
        order = np.argsort(part, kind="stable")
        ordered = part[order]
        for mask in turned:
            wanted = part ^ np.uint16(mask)
            start = np.searchsorted(ordered, wanted, "left")
            counts = np.searchsorted(ordered, wanted, "right") - start
            for rows in _chunks(counts):
                left = np.repeat(rows, counts[rows])
                offset = np.arange(len(left)) - np.repeat(
                    np.cumsum(counts[rows]) - counts[rows], counts[rows]
                )
                right = order[start[left] + offset]
                once = left < right
                left, right = left[once], right[once]
                near = np.bitwise_count(hashes[left] ^ hashes[right]) <= FURTHEST
                yield left[near], right[near]


def _chunks(counts: Indices) -> Iterator[Indices]:
    """Yield consecutive numbers of rows whose counts add up to about `_CHUNK`."""
    parts = np.cumsum(counts) // _CHUNK
    borders = np.flatnonzero(np.diff(parts)) + 1
    yield from np.split(np.arange(len(counts)), borders)


def _correlations(images: Images, first: Indices, second: Indices) -> NDArray[np.float32]:
    """Return the correlation of the pixels of pairs of images, float32 (P,)."""
    correlations = np.empty(len(first), np.float32)
    step = max(1, 4_000_000 // max(1, images[0].size))
    for start in range(0, len(first), step):
        here = slice(start, start + step)
        left, right = (
            images[which[here]].reshape(-1, images[0].size).astype(np.float32)
            for which in (first, second)
        )
        left -= left.mean(axis=1, keepdims=True)
        right -= right.mean(axis=1, keepdims=True)
        product = np.einsum("pi,pi->p", left, right)
        lengths = np.einsum("pi,pi->p", left, left) * np.einsum("pi,pi->p", right, right)
        correlations[here] = product / np.sqrt(lengths)
    return correlations
