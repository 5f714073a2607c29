"""Folders of real pictures: embedded digits, and scikit-learn's two photographs cut to pieces."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_images

from convlens.data import digits


@cache
def digit_images() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The embedded digits, uint8 (4000, 28, 28), and their labels."""
    train, _ = digits.read()
    return train.images[:, 0], train.labels


def digit_folder(folder: Path, per_class: int, classes: int = 10, form: str = "png") -> Path:
    """Write different digits, one subfolder a class."""
    images, labels = digit_images()
    for label in range(classes):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        for number in np.flatnonzero(labels == label)[:per_class]:
            Image.fromarray(images[number]).save(folder / str(label) / f"{number:05}.{form}")
    return folder


def photo_pieces(count: int, seed: int = 0) -> list[tuple[str, Image.Image]]:
    """Random pieces of the two photographs, of many sizes and shapes, with their names."""
    rng = np.random.default_rng(seed)
    pieces = []
    for name, photo in zip(("temple", "flower"), load_sample_images().images, strict=True):
        for _ in range(count):
            height, width = (int(side) for side in rng.integers(60, 200, 2))
            top = int(rng.integers(photo.shape[0] - height))
            left = int(rng.integers(photo.shape[1] - width))
            pieces.append((name, Image.fromarray(photo[top : top + height, left : left + width])))
    return pieces


def photo_folder(folder: Path, count: int) -> Path:
    """Write pieces of photographs as PNG and JPEG files of every mode that photos come in."""
    modes = ("RGB", "RGBA", "L", "P", "CMYK")
    for number, (name, piece) in enumerate(photo_pieces(count)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        mode = modes[number % len(modes)]
        form = "jpg" if mode in ("CMYK", "RGB") else "png"
        piece.convert(mode).save(folder / name / f"{number:03} {mode}.{form}")
    return folder
