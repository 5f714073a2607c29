"""Random numbers that are a function of (seed, epoch, image, purpose), computed where needed.

A generator gives its numbers in the order in which they are asked for; a batch would have to know
how many were drawn before it. A hash needs no memory: the number for image 7 is the same whoever
asks, in whatever batch and on whatever device, because whole numbers are exact everywhere.

The hash is SplitMix64: a counter that grows by the golden ratio, and a mixing of its bits that
passes BigCrush. Every (seed, epoch, purpose) starts its counter somewhere else.

References
----------
Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import torch
from torch import Tensor

_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_WORD = 2**64


class Purpose(IntEnum):
    """What a number is for. A number here is never used again, so that runs stay repeatable."""

    FLIP = 0
    ROTATE = 1
    SCALE = 2
    SHEAR = 3
    SHIFT_X = 4
    SHIFT_Y = 5
    CROP_X = 6
    CROP_Y = 7
    BRIGHTNESS = 8
    CONTRAST = 9
    SATURATION = 10
    HUE = 11
    CUTOUT_X = 12
    CUTOUT_Y = 13
    ERASE = 14
    ERASE_AREA = 15
    ERASE_ASPECT = 16
    ERASE_X = 17
    ERASE_Y = 18
    PARTNER = 19
    MIX_KIND = 20
    MIX_SHARE = 21
    MIX_X = 22
    MIX_Y = 23
    AREA = 24
    AREA_ASPECT = 25
    AREA_X = 26
    AREA_Y = 27


@dataclass(frozen=True)
class Draws:
    """The random numbers of one epoch of one seed."""

    seed: int
    epoch: int

    def bits(self, index: Tensor, *purposes: Purpose) -> Tensor:
        """Return 63 random bits for each purpose and image.

        Parameters
        ----------
        index : Tensor, int64 (B,)
            The images' numbers in their set.
        purposes : Purpose
            P of them.

        Returns
        -------
        Tensor, int64 (P, B)
            From 0 to 2**63 - 1, on the device of `index`.
        """
        starts = _starts(self.seed, self.epoch, purposes, index.device)
        return _mixed(index * _signed(_GOLDEN) + starts) & (2**63 - 1)

    def uniform(self, index: Tensor, *purposes: Purpose) -> Tensor:
        """Return numbers from 0 up to, but without, 1: float32 (P, B), the same on every device.

        >>> Draws(seed=0, epoch=1).uniform(torch.tensor([3, 4]), Purpose.HUE).shape
        torch.Size([1, 2])
        """
        # 24 bits are all that a float32 below 1 can hold evenly: no rounding, hence never 1
        leading: Tensor = self.bits(index, *purposes) >> 39
        return leading.float() * 2.0**-24

    def below(self, limit: int, index: Tensor, *purposes: Purpose) -> Tensor:
        """Return whole numbers from 0 to `limit` - 1, int64 (P, B)."""
        return self.bits(index, *purposes) % limit


@lru_cache(maxsize=64)
def _starts(seed: int, epoch: int, purposes: tuple[Purpose, ...], device: torch.device) -> Tensor:
    """Return where each purpose's counter starts, int64 (P, 1); the same all epoch long."""
    epochs = _mix(_mix(seed) + epoch)
    return torch.tensor([[_signed(_mix(epochs + p))] for p in purposes], device=device)


def _mix(state: int) -> int:
    """Return SplitMix64's output for one step from a state, as Python's unbounded integers."""
    z = (state + _GOLDEN) % _WORD
    z = (z ^ z >> 30) * _FIRST % _WORD
    z = (z ^ z >> 27) * _SECOND % _WORD
    return z ^ z >> 31


def _mixed(state: Tensor) -> Tensor:
    """Return what `_mix` does to a state after its step, for int64, whose products wrap around."""
    z: Tensor = (state ^ _shifted(state, 30)) * _signed(_FIRST)
    z = (z ^ _shifted(z, 27)) * _signed(_SECOND)
    return z ^ _shifted(z, 31)


def _shifted(bits: Tensor, places: int) -> Tensor:
    """Shift right and fill with zeros; PyTorch fills with the sign."""
    shifted: Tensor = (bits >> places) & (2 ** (64 - places) - 1)
    return shifted


def _signed(word: int) -> int:
    return word - _WORD if word >= _WORD // 2 else word
