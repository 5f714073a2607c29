"""Activation maximisation: the image that a map, a cell or a class responds to most.

Gradient ascent on the image itself (Erhan, Bengio, Courville and Vincent 2009, "Visualizing
higher-layer features of a deep network"), from seeded noise. Without more, it ends in noise
that no eye reads, so each step is taken on a shifted image (jitter) and its gradient is blurred
(both: Olah, Mordvintsev and Schubert 2017, "Feature visualization", Distill,
https://distill.pub/2017/feature-visualization/), and the image decays towards the zero of the
normalised scale (Yosinski et al. 2015, "Understanding neural networks through deep
visualization", arXiv:1506.06579).

What comes out is one image that activates the place, made by these choices; it is neither a
typical image of the data nor all that the place answers to. Look at `top_patches` beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

from convlens.data import Preprocessing
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import InputError
from convlens.inside import places
from convlens.inside.cells import checked_cell
from convlens.network.arithmetic import Pair

STARTS = 16
"""Number of random images of which the best is the start: a ReLU that is zero has no gradient."""


@dataclass(frozen=True)
class Ascent:
    """How the image is made.

    Parameters
    ----------
    steps : int
        Steps of ascent; always all of them.
    rate : float
        Root mean square change of a pixel in one step, before blur, on the normalised scale.
    jitter : int
        Most pixels by which the image is shifted (cyclically) for each step; 0 for none.
    blur : float
        Standard deviation, in pixels, of the Gaussian over each gradient; 0 for none.
    decay : float
        Share of the image's values that is taken off after each step.
    noise : float
        Standard deviation of the starting noise, on the normalised scale.
    """

    steps: int = 128
    rate: float = 0.1
    jitter: int = 1
    blur: float = 0.7
    decay: float = 0.005
    noise: float = 0.1

    def __post_init__(self) -> None:
        if self.steps < 1 or self.rate <= 0 or self.noise <= 0:
            raise InputError(
                f"steps={self.steps}, rate={self.rate}, noise={self.noise}",
                "at least 1 step, and rate and noise above 0",
            )
        if self.jitter < 0 or self.blur < 0 or not 0 <= self.decay < 1:
            raise InputError(
                f"jitter={self.jitter}, blur={self.blur}, decay={self.decay}",
                "jitter and blur of at least 0, and a decay from 0 to below 1",
            )


@dataclass(frozen=True, eq=False)
class Maximised:
    """An image made to activate one place of a network, and how the activation grew.

    Parameters
    ----------
    place : str
        What was maximised, in words.
    image : uint8 array (C, H, W)
        The image, in pixels: the last of the ascent.
    activations : float64 array (steps + 1,)
        The value at the start and after each step, of the image as it lies, without jitter.
    """

    place: str
    image: NDArray[np.uint8]
    activations: NDArray[np.float64]

    @property
    def rose(self) -> bool:
        """Whether the ascent found anything: False for a place that no start could activate."""
        return bool(self.activations[-1] > self.activations[0])


def maximise_map(
    model: TorchModel,
    preprocessing: Preprocessing,
    layer: str,
    map_number: int,
    *,
    cell: Pair | None = None,
    seed: int = 0,
    ascent: Ascent | None = None,
) -> Maximised:
    """Make an image that activates a map on average, or one of its cells.

    Parameters
    ----------
    model : TorchModel
        The network with its weights.
    preprocessing : Preprocessing
        Where pixels lie on the normalised scale.
    layer : str
        Full name of the layer; features count as maps of one cell.
    map_number : int
        Which of its maps.
    cell : (int, int), optional
        `(y, x)` of a cell; the mean over the map by default.
    seed : int
        Seed of the start and the jitter. The same seed gives the same image on the CPU.
    ascent : Ascent, optional
        How it is made.

    Raises
    ------
    InputError
        Where there is no such layer, map or cell.
    """
    step = model.plan.step(layer)
    places.check_map(step, map_number)
    where = "mean"
    if cell is not None:
        checked_cell(step, cell, map_number)
        where = f"cell {cell[0]},{cell[1]}"
    module = model.module.frozen()

    def activation(images: Tensor) -> Tensor:
        maps = next(output for name, output in module.outputs(images) if name == layer)
        maps = maps[:, map_number]
        return (
            maps.flatten(1).mean(1)
            if cell is None and maps.ndim > 1
            else maps[(..., *(cell or ()))]
        )

    kind = "map" if len(step.output) == 3 else "feature"
    place = f"{layer}, {kind} {map_number}" + (f", {where}" if kind == "map" else "")
    return _ascend(activation, model, preprocessing, place, seed, ascent or Ascent())


def maximise_class(
    model: TorchModel,
    preprocessing: Preprocessing,
    target: int,
    *,
    seed: int = 0,
    ascent: Ascent | None = None,
) -> Maximised:
    """Make an image that raises the logit of a class.

    The logit and not the probability: a probability also rises where other logits fall.

    Parameters
    ----------
    model, preprocessing, seed, ascent
        As for `maximise_map`.
    target : int
        Number of the class.

    Raises
    ------
    InputError
        Where there is no such class.
    """
    places.check_class(model.plan, target)
    module = model.module.frozen()
    return _ascend(
        lambda images: module(images)[:, target],
        model,
        preprocessing,
        f"logit of class {target}",
        seed,
        ascent or Ascent(),
    )


def _ascend(
    activation: Callable[[Tensor], Tensor],
    model: TorchModel,
    preprocessing: Preprocessing,
    place: str,
    seed: int,
    ascent: Ascent,
) -> Maximised:
    """Climb `activation`, which gives one value `(N,)` per image `(N, C, H, W)`."""
    # drawn by NumPy on the CPU, so that every device starts and jitters alike
    draw = np.random.default_rng(seed)
    shape = (STARTS, *model.plan.input)
    noise = draw.standard_normal(shape, np.float32) * np.float32(ascent.noise)
    # some starts are strong: a weak noise may leave every ReLU of the place at zero
    noise *= np.geomspace(1, 10, STARTS, dtype=np.float32)[:, None, None, None]
    low, high = (
        torch.from_numpy(preprocessing.normalise(np.full((1, *shape[1:]), level, np.uint8)))
        for level in (0, 255)
    )
    low, high = low.to(model.device), high.to(model.device)
    starts = torch.from_numpy(noise).to(model.device).clamp(low, high)
    with torch.no_grad():
        values = activation(starts)
        start = int(values.argmax())
    # the weakest noise is preferred wherever it has something to climb
    image = starts[:1] if _gradient(activation, starts[:1]).any() else starts[start : start + 1]
    history = []
    for _ in range(ascent.steps):
        shifts = tuple(int(n) for n in draw.integers(-ascent.jitter, ascent.jitter + 1, 2))
        gradient = _gradient(activation, image.roll(shifts, (2, 3))).roll(
            (-shifts[0], -shifts[1]), (2, 3)
        )
        with torch.no_grad():
            history.append(float(activation(image)))
            size = gradient.square().mean().sqrt()
            if size > 0:
                step = ascent.rate * _blurred(gradient / size, ascent.blur)
                image = ((image + step) * (1 - ascent.decay)).clamp(low, high)
    with torch.no_grad():
        history.append(float(activation(image)))
    return Maximised(place, _pixels(image, preprocessing), np.array(history))


def _gradient(activation: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
    image = image.detach().requires_grad_(True)
    return torch.autograd.grad(activation(image).sum(), image)[0]


def _blurred(gradient: Tensor, sigma: float) -> Tensor:
    if sigma == 0:
        return gradient
    smooth = gaussian_filter(gradient.cpu().numpy(), (0, 0, sigma, sigma))
    return torch.from_numpy(smooth).to(gradient.device)


def _pixels(image: Tensor, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Undo the normalisation: float (1, C, H, W) to uint8 (C, H, W)."""
    mean, std = (
        np.array(values, np.float64)[:, None, None]
        for values in (preprocessing.mean, preprocessing.std)
    )
    scaled = 255 * (image[0].cpu().numpy().astype(np.float64) * std + mean)
    pixels: NDArray[np.uint8] = scaled.round().clip(0, 255).astype(np.uint8)
    return pixels
