"""What one output cell is computed from, with all its numbers: what `window` returns.

All arrays are float64 unless they say otherwise, and read-only by habit: a computation is a record.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convlens.foundation.notebook import Figure, drawn
from convlens.network.arithmetic import Shape

Float64 = NDArray[np.float64]
Cell = tuple[int, ...]
"""`(filter or channel, row, column)` of a stack of maps, or `(index,)` of features."""


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of the image in pixels; first and last row and column belong to it.

    Rows below 0 or beyond the image lie in the padding.
    """

    first_row: int
    last_row: int
    first_column: int
    last_column: int

    @property
    def height(self) -> int:
        return self.last_row - self.first_row + 1

    @property
    def width(self) -> int:
        return self.last_column - self.first_column + 1

    def clipped(self, height: int, width: int) -> Region | None:
        """Return the part that lies in a `height` x `width` image, or None where none does.

        >>> Region(-1, 1, 5, 7).clipped(28, 28)
        Region(first_row=0, last_row=1, first_column=5, last_column=7)
        >>> Region(-3, -1, 5, 7).clipped(28, 28) is None
        True
        """
        rows = max(self.first_row, 0), min(self.last_row, height - 1)
        columns = max(self.first_column, 0), min(self.last_column, width - 1)
        empty = rows[0] > rows[1] or columns[0] > columns[1]
        return None if empty else Region(*rows, *columns)

    def __str__(self) -> str:
        return (
            f"rows {self.first_row} to {self.last_row}, "
            f"columns {self.first_column} to {self.last_column}"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class CellComputation:
    """What every computation says, whatever the layer.

    Attributes
    ----------
    layer, kind : str
        The layer's full name, `residual1.conv1`, and its kind.
    cell : tuple of int
        The output cell: `(filter or channel, row, column)`, or `(index,)` of features.
    total : float
        The cell's value, computed here in float64 from the other numbers here.
    computed : float
        The same cell as the model put it out; a float32 engine differs in the seventh digit.
    input_shape, output_shape : tuple of int
        Shapes of the layer's input and output for one image.
    image_shape : (int, int, int)
        The network's input shape (C, H, W).
    receptive_field : Region
        The receptive field: the pixels that the cell can depend on. It may reach into the
        padding. In a residual block whose branches shift differently it is the smallest
        rectangle that holds both branches at every cell.
    """

    layer: str
    kind: str
    cell: Cell
    total: float
    computed: float
    input_shape: Shape
    output_shape: Shape
    image_shape: Shape
    receptive_field: Region

    @property
    def visible(self) -> Region | None:
        """The part of `receptive_field` that lies in the image; None where it is padding only."""
        return self.receptive_field.clipped(*self.image_shape[1:])

    def plot(self, image: NDArray[np.generic]) -> Figure:
        """Draw the computation: the cell's pixels in the image, and its terms beside them.

        Parameters
        ----------
        image : array (C, H, W)
            The image, uint8 as it was read or normalised.

        Returns
        -------
        Figure
            A notebook shows it, `str()` is its SVG.
        """
        return drawn("convlens.figures.windows:window_svg", self, image)


@dataclass(frozen=True, kw_only=True, eq=False)
class Correlation(CellComputation):
    """A cell of a `conv` or `depthwise` layer: `total = products.sum() + bias`.

    K is the number of input channels that the cell's filter reads: C / groups, or 1 for
    depthwise.

    Attributes
    ----------
    channels : int array (K,)
        Those channels' numbers in the layer's input.
    rows : int array (kernel height,)
        Rows of the layer's input under the kernel; negative, or past the end, in the padding.
    columns : int array (kernel width,)
        The same for its columns.
    padding : bool array (kernel height, kernel width)
        Which cells of the patch are padding.
    patch : array (K, kernel height, kernel width)
        The input under the kernel, 0 in the padding.
    kernel : array (K, kernel height, kernel width)
        The filter's weights.
    products : array (K, kernel height, kernel width)
        `patch * kernel`.
    channel_sums : array (K,)
        The products of each channel, summed.
    bias : float or None
        None for a layer without.
    """

    channels: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    padding: NDArray[np.bool_]
    patch: Float64
    kernel: Float64
    products: Float64
    channel_sums: Float64
    bias: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Pooling(CellComputation):
    """A cell of a pooling layer, global ones included: the largest value or the mean of a patch.

    Attributes
    ----------
    rows, columns : int arrays (kernel height,), (kernel width,)
        Rows and columns of the layer's input, in the cell's own channel.
    padding : bool array (kernel height, kernel width)
        Which cells of the patch are padding that takes no part. Padding that a mean counts is not
        among them: it is 0 in `patch`.
    patch : array (kernel height, kernel width)
        The input under the window, NaN in the padding.
    winner : (int, int) or None
        For a max pool the input's (row, column) that won, the first in reading order where
        several are equal.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    padding: NDArray[np.bool_]
    patch: Float64
    winner: tuple[int, int] | None

    @property
    def counted(self) -> int:
        """Number of cells in the window that take part: what a mean divides by."""
        return int(np.count_nonzero(~self.padding))


@dataclass(frozen=True, kw_only=True, eq=False)
class WeightedSum(CellComputation):
    """A cell of a `linear` layer: `total = products.sum() + bias`.

    Attributes
    ----------
    patch : array (F,)
        All features of the layer's input.
    kernel : array (F,)
        The weights of this output.
    products : array (F,)
        `patch * kernel`.
    bias : float or None
        None for a layer without.
    maps : tuple of int or None
        The `(channels, height, width)` that `flatten` laid out as these features, where they
        still stand in that order; None behind another linear layer.
    """

    patch: Float64
    kernel: Float64
    products: Float64
    bias: float | None
    maps: Shape | None

    def place(self, feature: int) -> tuple[int, int, int] | None:
        """Return the (map, row, column) that a feature was before `flatten`."""
        if self.maps is None:
            return None
        channel, row, column = (int(n) for n in np.unravel_index(feature, self.maps))
        return channel, row, column


@dataclass(frozen=True, kw_only=True, eq=False)
class Elementwise(CellComputation):
    """A cell of a layer that works on one value at a time (softmax: on one value among all).

    Attributes
    ----------
    source : tuple of int or None
        The cell of the layer's input; another than `cell` only for layers that move values. None
        for a zero that `pad` puts.
    value : float
        What stands there: x in the formula.
    formula : str
        The layer's formula in x and the constants.
    constants : dict of str to float
        The formula's other numbers, such as `mean` and `variance` of a batch norm.
    """

    source: Cell | None
    value: float
    formula: str
    constants: dict[str, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Addition(CellComputation):
    """A cell where branches are added: `total = sum(addends)`.

    Attributes
    ----------
    addends : tuple of float
        The same cell at the end of each branch.
    sources : tuple of str
        The layers that they come from; "image" where a branch adds the image itself.
    """

    addends: tuple[float, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Product(CellComputation):
    """A cell where branches are multiplied: `total` is the product of `factors`.

    Attributes
    ----------
    factors : tuple of float
        What each branch gives: the same cell, or the only cell of its map.
    sources : tuple of str
        The layers that they come from; "image" for the image itself.
    cells : tuple of Cell
        Where each of them stands in its layer's output.
    """

    factors: tuple[float, ...]
    sources: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Concatenation(CellComputation):
    """A cell where branches stand one after the other: it is a cell of one of them.

    Attributes
    ----------
    branch : int
        Which of them, from 0.
    source : str
        The layer at its end; "image" for the image itself.
    source_cell : Cell
        The cell of that layer's output.
    value : float
        What stands there, which is the total.
    """

    branch: int
    source: str
    source_cell: Cell
    value: float
