"""A folder of real photos in two classes: tiles of the two pictures that scikit-learn brings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_image

CLASSES = ("china", "flower")


def tiles(name: str, side: int = 64) -> list[NDArray[np.uint8]]:
    """Return the tiles of one picture, uint8 (side, side, 3), row by row: 60 at 64 pixels."""
    picture = load_sample_image(f"{name}.jpg")
    height, width = (length // side * side for length in picture.shape[:2])
    rows = picture[:height, :width].reshape(height // side, side, width // side, side, 3)
    return list(rows.swapaxes(1, 2).reshape(-1, side, side, 3))


def write(folder: Path, count: int = 24) -> Path:
    """Write `count` tiles of each picture as PNG, one folder a class; return the folder."""
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        # every second tile: sky beside sky is nearly one picture
        for number, tile in enumerate(tiles(name)[-2 * count :: 2]):
            Image.fromarray(tile).save(folder / name / f"{number:02}.png")
    return folder
