"""Claim: no digit is called a copy of another, and copies saved again as JPEG are found.

Protocol: training and test images of each set as they come, all searched at once. Then 300 images
chosen with a fixed seed are saved again in six ways with Pillow; a copy is found where its hash and
its pixels agree with the original's by the rule and the threshold that the set itself got. Counts,
no times: the result is the same on every machine, but for another Pillow's JPEG.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convlens import data
from convlens.data.duplicates import FURTHEST, dct_hash, exact_groups, near_pairs
from measure import keep

SETS = ("digits-5k", "mnist", "fashion-mnist", "cifar10-subset")
BILINEAR = Image.Resampling.BILINEAR


def jpeg(quality: int) -> Callable[[Image.Image], Image.Image]:
    def save(picture: Image.Image) -> Image.Image:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return save


def halved(picture: Image.Image) -> Image.Image:
    small = picture.resize((picture.width // 2, picture.height // 2), BILINEAR)
    return small.resize(picture.size, BILINEAR)


def cut(picture: Image.Image) -> Image.Image:
    inner = picture.crop((1, 1, picture.width - 1, picture.height - 1))
    return inner.resize(picture.size, BILINEAR)


WAYS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "jpeg 90": jpeg(90),
    "jpeg 75": jpeg(75),
    "jpeg 50": jpeg(50),
    "a fifth darker": lambda picture: picture.point(lambda value: int(0.8 * value)),
    "half the size and back": halved,
    "a pixel cut off each side": cut,
}


def copied(image: NDArray[np.uint8], way: Callable[[Image.Image], Image.Image]) -> Any:
    grey = len(image) == 1
    picture = Image.fromarray(image[0] if grey else image.transpose(1, 2, 0))
    pixels = np.asarray(way(picture))
    return pixels[None] if grey else pixels.transpose(2, 0, 1)


def measure(name: str) -> dict[str, Any]:
    dataset = data.load(name)
    parts = [dataset.part(split) for split in ("train", "validation", "test")]
    images = np.concatenate([part.images for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    pairs = near_pairs(images)
    chosen = images[np.random.default_rng(0).choice(len(images), 300, replace=False)]
    flat = chosen.reshape(300, -1)
    found = {}
    for way, change in WAYS.items():
        copies = np.stack([copied(image, change) for image in chosen])
        near = np.bitwise_count(dct_hash(chosen) ^ dct_hash(copies)) <= FURTHEST
        same = [
            np.corrcoef(one, two)[0, 1] >= pairs.threshold
            for one, two in zip(flat, copies.reshape(300, -1), strict=True)
        ]
        found[way] = round(float((near & same).mean()), 3)
    return {
        "images": len(images),
        "exact_groups": len(exact_groups(images)),
        "threshold": pairs.threshold,
        "near_pairs": len(pairs),
        "of_different_labels": int((labels[pairs.first] != labels[pairs.second]).sum()),
        "complete": pairs.complete,
        "copies_found": found,
    }


def main() -> None:
    there = [name for name in SETS if data.describe(name)["found"] is not None]
    keep("near_duplicates", {name: measure(name) for name in there})


if __name__ == "__main__":
    main()
