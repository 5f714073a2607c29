"""Weights and images that a formula gives, the same in every environment; needs NumPy only.

Nobody's files are needed to compare two implementations of a network: both are filled with these
numbers, by the name that torchvision gives to each array.
"""

from __future__ import annotations

import hashlib

import numpy as np

Array = np.ndarray


def uniform(name: str, shape: tuple[int, ...]) -> Array:
    """Return float32 numbers from -1 to 1: the bits of SplitMix64, begun with the name's sha256."""
    seed = np.uint64(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))
    z = np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = z * np.uint64(0x9E3779B97F4A7C15) + seed
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    # 24 bits are what float32 holds exactly
    return ((z >> np.uint64(40)).astype(np.float32) / np.float32(2**23) - 1).reshape(shape)


def weight(name: str, shape: tuple[int, ...], gain: float) -> Array:
    """Return one array of a network.

    Parameters
    ----------
    name : str
        What torchvision calls it.
    shape : tuple of int
        In PyTorch's axis order.
    gain : float
        Weights of several inputs have a standard deviation of `gain / sqrt(inputs)`.
    """
    numbers = uniform(name, shape)
    if name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
        return 1 + numbers / 4
    if name.endswith("layer_scale"):
        return (1 + numbers / 4) / 4
    if len(shape) == 1:  # biases and running means
        return numbers / 10
    inputs = int(np.prod(shape[1:]))
    return numbers * np.float32(gain * np.sqrt(3 / inputs))


def images(side: int) -> Array:
    """Return two images, float32 `(2, 3, side, side)`: noise on a ramp, downwards and sideways."""
    ramp = np.linspace(-1, 1, side, dtype=np.float32)
    ramps = np.stack([np.broadcast_to(ramp[:, None], (side, side)), np.tile(ramp, (side, 1))])
    return uniform("images", (2, 3, side, side)) + ramps[:, None]


def summary(output: Array) -> Array:
    """Return mean and root mean square of each image's part of a layer's output, `(2, N)`."""
    flat = output.reshape(len(output), -1).astype(np.float64)
    return np.stack([flat.mean(1), np.sqrt((flat**2).mean(1))])
