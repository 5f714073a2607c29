"""The patches of a data set that activate a map most: what its filter responds to in real images.

A cell of a map depends on one rectangle of the image, its receptive field; the patch is that
rectangle at the winning cell. Showing the strongest patches of a set is how Zeiler and Fergus
(2013, "Visualizing and Understanding Convolutional Networks", arXiv:1311.2901) describe filters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convlens.data import Preprocessing
from convlens.engines import Float32, Model
from convlens.foundation.errors import InputError
from convlens.foundation.progress import track
from convlens.inside import places
from convlens.inside.feature_maps import batches
from convlens.network.arithmetic import Pair, ReceptiveField
from convlens.network.plan import Step


@dataclass(frozen=True, eq=False)
class TopPatches:
    """The patches that activate one map most, strongest first, at most one from each image.

    Only values above zero activate it; a dead map of a ReLU has no patches at all.

    Parameters
    ----------
    layer : str
        Full name of the layer.
    map_number : int
        Which of its maps.
    patches : uint8 array (K, C, height, width)
        The pixels, K of them at most what was asked for. An axis on which the receptive field
        is longer than the image shows the whole image. Zero where `seen` is False.
    seen : bool array (K, height, width)
        Where the patch is a pixel of the image that the winning cell depends on; False on the
        padding outside of the image.
    values : float32 array (K,)
        The winning cells' values.
    images : int64 array (K,)
        Numbers of the images in the set.
    cells : int64 array (K, 2)
        The winning cells, `(y, x)`.
    """

    layer: str
    map_number: int
    patches: NDArray[np.uint8]
    seen: NDArray[np.bool_]
    values: Float32
    images: NDArray[np.int64]
    cells: NDArray[np.int64]


def top_patches(
    model: Model,
    layer: str,
    map_numbers: Sequence[int] | None,
    images: NDArray[np.uint8],
    preprocessing: Preprocessing,
    *,
    count: int = 9,
    most: int | None = None,
) -> tuple[TopPatches, ...]:
    """Find the images that activate maps of a layer most, and cut out the receptive fields.

    The images stream through in batches; only the best of each map so far are kept. Of equal
    values the earlier image, and in it the upper, then the left cell wins.

    Parameters
    ----------
    model : Model
        The network with its weights.
    layer : str
        Full name of a layer with maps.
    map_numbers : sequence of int, optional
        Which of its maps; None for all of them.
    images : uint8 array (N, C, H, W)
        The set, for example `dataset.train.images`.
    preprocessing : Preprocessing
        How its pixels are normalised.
    count : int
        Most patches a map.
    most : int, optional
        Return at most so many of these maps: those with the strongest responses, the strongest
        first. All of them in their own order by default.

    Raises
    ------
    InputError
        Where the layer has no maps or not that map, `count` is below 1, or the images do not
        fit the network.
    """
    step = places.find_maps(model.plan, layer)
    chosen = list(range(step.output[0]) if map_numbers is None else map_numbers)
    for number in chosen:
        places.check_map(step, number)
    if count < 1:
        raise InputError(f"count is {count}", "at least 1 patch per map", "use count=9")
    places.check_images(model.plan, images)
    best = _Best(len(chosen), count)
    for start, stop in track(list(batches(model, len(images))), "batches of images looked at"):
        normalised = preprocessing.normalise(images[start:stop])
        cells = model.activations(normalised, [layer])[layer][:, chosen]
        flat = cells.reshape(len(cells), len(chosen), -1)
        best.merge(flat.max(axis=2), flat.argmax(axis=2), first_image=start)
    kept = range(len(chosen)) if most is None else best.strongest(most)
    return tuple(_cut(step, chosen[i], *best.of(i), images) for i in kept)


class _Best:
    """The largest values of some maps so far, their images and flat cell numbers."""

    def __init__(self, maps: int, count: int) -> None:
        self.count = count
        self.values = np.empty((0, maps), np.float32)
        self.images = np.empty((0, maps), np.int64)
        self.cells = np.empty((0, maps), np.int64)

    def merge(self, values: Float32, cells: NDArray[np.int64], first_image: int) -> None:
        """Take in a batch: values and cells `(N, maps)`."""
        numbers = first_image + np.arange(len(values), dtype=np.int64)
        values = np.concatenate([self.values, values])
        images = np.concatenate([self.images, np.broadcast_to(numbers[:, None], cells.shape)])
        cells = np.concatenate([self.cells, cells])
        # stable, and earlier images stand first: ties go to them
        order = np.argsort(-values, axis=0, kind="stable")[: self.count]
        self.values, self.images, self.cells = (
            np.take_along_axis(array, order, axis=0) for array in (values, images, cells)
        )

    def strongest(self, most: int) -> list[int]:
        """Return the positions of the maps with the largest values, the largest first."""
        return [int(i) for i in np.argsort(-self.values[0], kind="stable")[:most]]

    def of(self, position: int) -> tuple[Float32, NDArray[np.int64], NDArray[np.int64]]:
        """Return values, images and cells of one map, without those that do not activate it."""
        excited = self.values[:, position] > 0
        return (
            self.values[excited, position],
            self.images[excited, position],
            self.cells[excited, position],
        )


def _cut(
    step: Step,
    number: int,
    values: Float32,
    numbers: NDArray[np.int64],
    flat_cells: NDArray[np.int64],
    images: NDArray[np.uint8],
) -> TopPatches:
    """Cut the receptive field of each winning cell out of its image."""
    cells = np.stack(np.unravel_index(flat_cells, step.output[1:]), axis=1).astype(np.int64)
    channels, height, width = images.shape[1:]
    vertical, horizontal = step.receptive_field
    shape = min(vertical.size, height), min(horizontal.size, width)
    patches = np.zeros((len(values), channels, *shape), np.uint8)
    seen = np.zeros((len(values), *shape), bool)
    for i, (image, (y, x)) in enumerate(zip(numbers, cells, strict=True)):
        patches[i], seen[i] = seen_by_cell(step, (int(y), int(x)), images[image])
    return TopPatches(step.name, number, patches, seen, values, numbers, cells)


def seen_by_cell(
    step: Step, cell: Pair, image: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Cut the receptive field of one cell of a layer out of an image.

    Parameters
    ----------
    step : Step
        The layer, as the network's table has it.
    cell : (int, int)
        `(y, x)` of the cell.
    image : uint8 array (C, H, W)
        The pixels.

    Returns
    -------
    uint8 array (C, height, width)
        The receptive field; an axis on which it is longer than the image is the whole image.
        Zero where the field lies outside of the image.
    bool array (height, width)
        Where it is a pixel of the image that the cell depends on.
    """
    height, width = image.shape[1:]
    vertical, horizontal = step.receptive_field
    rows, rows_seen = _along(vertical, cell[0], height)
    columns, columns_seen = _along(horizontal, cell[1], width)
    seen = rows_seen[:, None] & columns_seen
    # what lies outside is read at the border, then blanked
    inside = np.ix_(np.arange(len(image)), rows.clip(0, height - 1), columns.clip(0, width - 1))
    return np.where(seen, image[inside], np.uint8(0)), seen


def _along(
    field: ReceptiveField, cell: int, size: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the pixels of one axis that a patch shows, and which of them the cell sees.

    >>> _along(ReceptiveField(size=4, jump=2, offset=-1), 0, 8)
    (array([-1,  0,  1,  2]), array([False,  True,  True,  True]))
    """
    first, last = field.region(cell)
    shown: Pair = (first, last) if field.size <= size else (0, size - 1)
    pixels = np.arange(shown[0], shown[1] + 1)
    return pixels, (pixels >= max(first, 0)) & (pixels <= min(last, size - 1))
