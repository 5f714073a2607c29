"""What the images of a folder are brought to: size, channels and how to fit, from a sample.

Sizes come from headers; pixels are decoded only to tell grey from colour, and the first colour
image settles that. What is chosen is said in a note, and every choice can be overruled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from convlens.data.decode import decode, size_of, strict_pillow
from convlens.data.preprocessing import Fit
from convlens.foundation.errors import DataError, nearest

SAMPLE = 200
SMALLEST_SIDE, LARGEST_SIDE, STEP = 28, 64, 4
"""Sides that are chosen when no network says another: multiples of 4, which two poolings of the
default networks divide evenly."""

PAD_LOSS = 1 / 3
"""Half of the images lose more than this share of their area by cropping: pad instead."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Policy:
    """Input `(C, H, W)` and fit that all images of a folder are brought to, and why.

    `draft` says whether large JPEGs are decoded at a part of their size.
    """

    input: tuple[int, int, int]
    fit: Fit
    notes: tuple[str, ...] = ()
    draft: bool = True


def choose_policy(
    files: Sequence[Path], input_shape: tuple[int, int, int] | None, fit: str | None
) -> Policy:
    """Settle what was not asked for, from a sample of the images.

    Parameters
    ----------
    files : sequence of Path
        The folder's images.
    input_shape : (C, H, W), optional
        The input asked for, by the user or by the network.
    fit : {"crop", "pad", "stretch"}, optional
        The fit asked for.

    Raises
    ------
    DataError
        Where the fit is none of these, or no network could take the input.
    """
    check_fit(fit)
    if input_shape is not None and (input_shape[0] not in (1, 3) or min(input_shape) < 1):
        raise DataError(
            f"the input is {input_shape}",
            "1 channel (grey) or 3 (RGB), height and width of at least 1",
            "use `input_shape=(1, 28, 28)` or `input_shape=(3, 64, 64)`",
        )
    sample = files[:: max(1, len(files) // SAMPLE)][:SAMPLE]
    with strict_pillow():
        sizes = [size for size in map(_size, sample) if size is not None]
        shape = input_shape or (_channels(sample), *_side(sizes))
    notes = []
    if input_shape is None:
        kind = "grey" if shape[0] == 1 else "RGB"
        notes.append(f"images are brought to {kind} {shape[1]}x{shape[2]}; {_range(sizes)}")
    if not sizes or set(sizes) == {shape[1:]}:
        return Policy(shape, as_fit(fit or "crop"), tuple(notes))
    if fit is None:
        lost = float(np.median([lost_by_cropping(size, shape[1:]) for size in sizes]))
        chosen = "pad" if lost > PAD_LOSS else "crop"
        notes.append(_WHY[chosen].format(lost=lost))
    else:
        chosen = fit
    return Policy(shape, as_fit(chosen), tuple(notes))


_WHY = {
    "pad": "images are padded: cropping would cut {lost:.0%} off half of them (`fit` changes it)",
    "crop": "images are cropped to the middle: half of them lose under {lost:.0%} "
    "(`fit='pad'` keeps all)",
}


def check_fit(fit: str | None) -> None:
    """Refuse a fit that does not exist."""
    choices = [choice for choice in get_args(Fit) if choice != "exact"]
    if fit is not None and fit not in choices:
        raise DataError(f'the fit is "{fit}"{nearest(fit, choices)}', "crop, pad or stretch")


def as_fit(text: str) -> Fit:
    """Return a checked word as the type it is of."""
    return next(fit for fit in get_args(Fit) if fit == text)


def lost_by_cropping(size: Size, target: Size) -> float:
    """Return the share of an image (height, width) that cropping to the target's shape cuts off.

    >>> lost_by_cropping((100, 200), (64, 64)), lost_by_cropping((30, 30), (64, 64))
    (0.5, 0.0)
    """
    aspect, wanted = size[1] / size[0], target[1] / target[0]
    return 1 - min(aspect, wanted) / max(aspect, wanted)


def looked_at(files: Sequence[Path]) -> tuple[int, int]:
    """Return the channels of a folder's images and the median of their shorter sides.

    Both are of a sample; 0 where none of it can be read.
    """
    sample = files[:: max(1, len(files) // SAMPLE)][:SAMPLE]
    with strict_pillow():
        sides = [min(size) for size in map(_size, sample) if size is not None]
        return _channels(sample), int(np.median(sides)) if sides else 0


def _size(file: Path) -> Size | None:
    try:
        return size_of(file)
    except DataError:
        return None  # counted and named when all files are decoded


def _channels(sample: Sequence[Path]) -> int:
    """Return 1 where every image of the sample is grey; many grey files are saved as RGB."""
    for file in sample:
        try:
            if decode(file)[0].mode != "L":
                return 3
        except DataError:
            continue
    return 1


def _side(sizes: Sequence[Size]) -> Size:
    if not sizes:
        return LARGEST_SIDE, LARGEST_SIDE
    if len(set(sizes)) == 1 and SMALLEST_SIDE <= min(sizes[0]) <= max(sizes[0]) <= LARGEST_SIDE:
        height, width = sizes[0]
        return height // STEP * STEP, width // STEP * STEP
    side = min(max(int(np.median([min(size) for size in sizes])), SMALLEST_SIDE), LARGEST_SIDE)
    return (side // STEP * STEP,) * 2


def _range(sizes: Sequence[Size]) -> str:
    if not sizes:
        return "no image of the sample could be read"
    (low, high) = (f(sizes, key=lambda size: size[0] * size[1]) for f in (min, max))
    if low == high:
        return f"the {len(sizes)} looked at are {low[0]}x{low[1]} (height x width)"
    return (
        f"the {len(sizes)} looked at are {low[0]}x{low[1]} to {high[0]}x{high[1]} (height x width)"
    )
