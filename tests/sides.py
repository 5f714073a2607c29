"""Images that are twice as wide as high: a grey square in the left half or in the right one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from convlens.network import Network

NETWORK = Network.read(
    {
        "name": "wide",
        "input": [1, 20, 40],
        "classes": 2,
        "layers": [
            {"conv": 6, "kernel": 3, "padding": 1},
            {"relu": True},
            {"max_pool": 2},
            {"conv": 8, "kernel": [3, 5]},
            {"relu": True},
            {"flatten": True},
            {"linear": 2},
            {"softmax": True},
        ],
    }
)


def write(folder: Path, count: int = 24) -> Path:
    """Write `count` images a class as PNG, one folder a class; return the folder."""
    places = np.random.default_rng(0)
    for side, name in enumerate(("left", "right")):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            image = np.zeros((20, 40), np.uint8)
            y, x = places.integers(0, 15, 2)
            image[y : y + 5, 20 * side + x : 20 * side + x + 5] = 220
            Image.fromarray(image).save(folder / name / f"{number:02}.png")
    return folder
