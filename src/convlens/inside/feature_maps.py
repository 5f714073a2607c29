"""Every layer's feature maps for one image, with their statistics.

Two notions are kept apart. A map is *silent* on an image where every cell of it is zero for
that image. It is *dead* where that holds for every image of a given set: then no image of that
kind makes it speak, and its filter is wasted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convlens.data import Preprocessing
from convlens.engines import Float32, Model
from convlens.foundation.progress import track
from convlens.inside import places
from convlens.network.arithmetic import Shape

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BATCH_BYTES = 64 * 2**20
"""A pass over a data set holds at most about this much of a network's activations at a time."""


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """One layer's output for one image, as maps.

    Parameters
    ----------
    layer, kind : str
        Full name of the layer, as in the table, and its kind.
    maps : float32 array (channels, height, width)
        The values.
    minimum, maximum, mean, zeros : float64 array (channels,)
        Statistics of each map; `zeros` is the share of its cells that are exactly zero.
    silent : bool array (channels,)
        Whether every cell is zero for this image.
    dead : bool array (channels,), optional
        Whether every cell is zero for every image of a set; None where no set was looked at.
    """

    layer: str
    kind: str
    maps: Float32
    minimum: Floats
    maximum: Floats
    mean: Floats
    zeros: Floats
    silent: Bools
    dead: Bools | None = None

    @property
    def shape(self) -> Shape:
        """`(channels, height, width)`."""
        return self.maps.shape

    def strongest(self, count: int) -> Integers:
        """Return the numbers of the maps with the largest mean absolute value, in map order.

        The first of equally strong maps wins, so the choice is the same every time.
        """
        strength = np.abs(self.maps).mean(axis=(1, 2), dtype=np.float64)
        return np.sort(np.argsort(-strength, kind="stable")[:count])


@dataclass(frozen=True, eq=False)
class FeatureVector:
    """One layer's output for one image, as features: hidden ones, logits or probabilities.

    Parameters
    ----------
    layer, kind : str
        Full name of the layer, as in the table, and its kind.
    values : float32 array (features,)
        The values.
    silent : bool array (features,)
        Whether the feature is exactly zero for this image.
    dead : bool array (features,), optional
        Whether it is zero for every image of a set; None where no set was looked at.
    """

    layer: str
    kind: str
    values: Float32
    silent: Bools
    dead: Bools | None = None

    @property
    def shape(self) -> Shape:
        """`(features,)`."""
        return self.values.shape


@dataclass(frozen=True, eq=False)
class DeadMaps:
    """Which maps were zero for every image of a set.

    Parameters
    ----------
    images : int
        How many images were looked at.
    dead : dict of str to bool array (channels,)
        By layer; features count as maps of one cell.
    """

    images: int
    dead: Mapping[str, Bools]

    def count(self, layer: str) -> int:
        """Return the number of dead maps of a layer."""
        return int(self.dead[layer].sum())


def feature_maps(
    model: Model,
    image: Float32,
    layers: Sequence[str] | None = None,
    *,
    dead: DeadMaps | None = None,
) -> tuple[FeatureMaps | FeatureVector, ...]:
    """Return the layers' outputs for one image, in the order of computation.

    Parameters
    ----------
    model : Model
        The network with its weights.
    image : float32 array (C, H, W)
        One normalised image.
    layers : sequence of str, optional
        Full layer names; all of them by default.
    dead : DeadMaps, optional
        What `find_dead_maps` found; marks the dead maps.

    Raises
    ------
    InputError
        Where a layer does not exist, or the image is not of the network's input shape.
    """
    places.check_image(model.plan, image)
    outputs = model.activations(image[None], layers)
    kinds = {step.name: step.kind for step in model.plan.steps}
    return tuple(
        _described(name, kinds[name], batch[0], None if dead is None else dead.dead[name])
        for name, batch in outputs.items()
    )


def _described(
    layer: str, kind: str, values: Float32, dead: Bools | None
) -> FeatureMaps | FeatureVector:
    if values.ndim == 1:
        return FeatureVector(layer, kind, values, values == 0, dead)
    cells = values.reshape(len(values), -1)
    return FeatureMaps(
        layer,
        kind,
        values,
        minimum=cells.min(axis=1).astype(np.float64),
        maximum=cells.max(axis=1).astype(np.float64),
        mean=cells.mean(axis=1, dtype=np.float64),
        zeros=(cells == 0).mean(axis=1, dtype=np.float64),
        silent=np.asarray(~cells.any(axis=1)),
        dead=dead,
    )


def find_dead_maps(
    model: Model, images: NDArray[np.uint8], preprocessing: Preprocessing
) -> DeadMaps:
    """Find the maps that are zero in every cell for every image of a set.

    The images stream through in batches; about `BATCH_BYTES` of activations are held at a time.

    Parameters
    ----------
    model : Model
        The network with its weights.
    images : uint8 array (N, C, H, W)
        The set, for example `dataset.train.images`.
    preprocessing : Preprocessing
        How its pixels are normalised.

    Returns
    -------
    DeadMaps
        Which maps of each layer are dead, and on how many images.

    Raises
    ------
    InputError
        Where there is no image, or the images are not of the network's input shape.
    """
    places.check_images(model.plan, images)
    alive: dict[str, Bools] = {}
    for start, stop in track(list(batches(model, len(images))), "batches of images looked at"):
        normalised = preprocessing.normalise(images[start:stop])
        for name, values in model.activations(normalised).items():
            # any value that is not zero: over the batch, and over the cells of maps
            axes = tuple(axis for axis in range(values.ndim) if axis != 1)
            spoke = np.asarray(values.any(axis=axes))
            alive[name] = alive[name] | spoke if name in alive else spoke
    return DeadMaps(len(images), {name: ~spoke for name, spoke in alive.items()})


def batches(model: Model, count: int) -> Iterator[tuple[int, int]]:
    """Yield the first and last-plus-one image of each batch that keeps within `BATCH_BYTES`.

    Every layer's activations are counted, also where only one layer's are kept: the others
    exist for a moment on the way.

    Parameters
    ----------
    model : Model
        Its table says how much the activations of one image take.
    count : int
        Number of images.
    """
    size = min(max(1, BATCH_BYTES // model.plan.activation_bytes), 256)
    for start in range(0, count, size):
        yield start, min(start + size, count)
