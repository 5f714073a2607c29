"""The arithmetic of a CNN in whole numbers: sizes, parameters, multiply-adds, receptive fields.

Nothing here knows about tensors or layers; every function takes and returns plain integers,
one axis at a time where the axes do not meet. Source of the formulas: Dumoulin and Visin,
"A guide to convolution arithmetic for deep learning" (2016), https://arxiv.org/abs/1603.07285;
for receptive fields Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional
Neural Networks", Distill (2019), https://distill.pub/2019/computing-receptive-fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, prod

Pair = tuple[int, int]
Shape = tuple[int, ...]
"""`(channels, height, width)` of a stack of maps, or `(features,)` after flatten."""

FLOAT32_BYTES = 4


@dataclass(frozen=True, slots=True)
class Window:
    """How a filter slides along one axis.

    Parameters
    ----------
    kernel : int
        Length of the filter in cells.
    stride : int
        Cells between two neighbouring positions.
    before, after : int
        Zero cells added at the start and at the end of the axis.
    dilation : int
        Cells between two neighbouring taps of the filter.
    """

    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1

    @property
    def extent(self) -> int:
        """Cells from the first tap to the last: `dilation * (kernel - 1) + 1`.

        >>> Window(kernel=3, dilation=2).extent
        5
        """
        return self.dilation * (self.kernel - 1) + 1

    def room(self, size: int) -> int:
        """Return the cells left to slide over: `size + padding - extent` (negative: no fit)."""
        return size + self.before + self.after - self.extent

    def fits(self, size: int) -> bool:
        """Say whether the filter lands on the last cell exactly.

        >>> Window(kernel=4, stride=3).fits(32), Window(4, 3, before=1, after=1).fits(32)
        (False, True)
        """
        room = self.room(size)
        return room >= 0 and room % self.stride == 0

    def output(self, size: int) -> int:
        """Return the number of positions, `floor(room / stride) + 1`, or 0 where none fits.

        >>> Window(kernel=4).output(32), Window(4, 3, before=1, after=1).output(32)
        (29, 11)
        >>> Window(kernel=7).output(5)
        0
        """
        room = self.room(size)
        return room // self.stride + 1 if room >= 0 else 0

    def rounded_up(self, size: int) -> Window:
        """Return the window whose padding after the axis makes room for one more, cut position.

        That is PyTorch's `ceil_mode`: the added position counts only where it begins in the input
        or in the padding before it; else the window stays as it is, and the floor rule holds.
        Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html.

        >>> Window(kernel=3, stride=2).rounded_up(6)
        Window(kernel=3, stride=2, before=0, after=1, dilation=1)
        >>> Window(kernel=2, stride=2, before=1, after=1).rounded_up(3).output(3)
        2
        """
        missing = -self.room(size) % self.stride
        last = self.room(size) + missing  # where the last position begins, from the padding on
        if last >= size + self.before:
            return self
        return replace(self, after=self.after + missing)

    def dropped(self, size: int) -> int:
        """Return how many real cells at the end of the axis no window reaches under the floor rule.

        Left-over padding is not counted: losing a zero loses nothing.

        >>> Window(kernel=2, stride=2).dropped(11)
        1
        >>> Window(kernel=3, stride=2, before=1, after=1).dropped(32)
        0
        """
        room = self.room(size)
        return size if room < 0 else max(0, room % self.stride - self.after)

    def formula(self, size: int) -> str:
        """Write the output-size formula with its numbers.

        >>> Window(kernel=4, stride=3).formula(32)
        '(32 + 0 + 0 - 4)/3 + 1 = 10.33'
        >>> Window(kernel=3, stride=1, before=1, after=1).formula(32)
        '(32 + 1 + 1 - 3)/1 + 1 = 32'
        """
        value = self.room(size) / self.stride + 1
        kernel = str(self.kernel)
        if self.dilation > 1:
            kernel = f"({self.dilation}*({self.kernel} - 1) + 1)"
        shown = f"{value:.0f}" if value == int(value) else f"{value:.2f}"
        return f"({size} + {self.before} + {self.after} - {kernel})/{self.stride} + 1 = {shown}"


def same_window(size: int, kernel: int, stride: int = 1, dilation: int = 1) -> Window:
    """Return the window that "same" padding means: `ceil(size / stride)` outputs.

    The odd cell goes to the end, as in TensorFlow and Keras; at stride 1 PyTorch does the
    same. Source: https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2.

    Examples
    --------
    >>> window = same_window(32, kernel=3, stride=2)
    >>> window.before, window.after, window.output(32)
    (0, 1, 16)
    """
    outputs = -(-size // stride)
    total = max(0, (outputs - 1) * stride + dilation * (kernel - 1) + 1 - size)
    return Window(kernel, stride, total // 2, total - total // 2, dilation)


def fitting_paddings(size: int, window: Window) -> list[int]:
    """Return the symmetric paddings, smallest first, with which the window fits `size`.

    Padding stays below the filter's extent: more would make windows of nothing but zeros.

    >>> fitting_paddings(32, Window(kernel=4, stride=3))
    [1]
    >>> fitting_paddings(32, Window(kernel=3, stride=2))
    []
    """
    candidates = (
        (p, Window(window.kernel, window.stride, p, p, window.dilation))
        for p in range(min(window.extent, 64))
    )
    return [p for p, candidate in candidates if candidate.fits(size)]


def fitting_strides(size: int, window: Window) -> list[int]:
    """Return strides that divide the room, nearest to the given one first.

    >>> fitting_strides(32, Window(kernel=4, stride=3))
    [2, 4, 1, 7, 14, 28]
    """
    room = window.room(size)
    if room < 0:
        return []
    divisors = [s for s in range(1, min(max(room, 1), 1024) + 1) if room % s == 0]
    return sorted(divisors, key=lambda s: (abs(s - window.stride), s))


def fitting_kernels(size: int, window: Window) -> list[int]:
    """Return filter lengths that fit, nearest to the given one first.

    >>> fitting_kernels(32, Window(kernel=4, stride=3))[:3]
    [5, 2, 8]
    """
    longest = (size + window.before + window.after - 1) // window.dilation + 1
    low = max(1, min(window.kernel, longest) - 2 * window.stride)
    high = min(longest, window.kernel + 2 * window.stride)
    kernels = [
        k
        for k in range(low, high + 1)
        if Window(k, window.stride, window.before, window.after, window.dilation).fits(size)
    ]
    return sorted(kernels, key=lambda k: (abs(k - window.kernel), k))


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """The stretch of the input, along one axis, that a cell of a feature map depends on.

    Parameters
    ----------
    size : int
        Length in input pixels.
    jump : int
        Input pixels between the fields of two neighbouring cells; 0 where all see the same.
    offset : int
        First pixel of cell 0's field; negative when it begins in the padding.

    Examples
    --------
    >>> field = ReceptiveField().through(Window(3, before=1, after=1)).through(Window(2, 2))
    >>> field
    ReceptiveField(size=4, jump=2, offset=-1)
    >>> field.region(3)
    (5, 8)
    """

    size: int = 1
    jump: int = 1
    offset: int = 0

    def through(self, window: Window) -> ReceptiveField:
        """Return the field after one more sliding window."""
        return ReceptiveField(
            size=self.size + (window.extent - 1) * self.jump,
            jump=self.jump * window.stride,
            offset=self.offset - window.before * self.jump,
        )

    def whole(self, cells: int) -> ReceptiveField:
        """Return the field of what reads all `cells` cells: a linear layer, a global pool.

        >>> ReceptiveField(size=4, jump=2, offset=-1).whole(14)
        ReceptiveField(size=30, jump=28, offset=-1)
        """
        return ReceptiveField(
            size=self.size + (cells - 1) * self.jump,
            jump=self.jump * cells,
            offset=self.offset,
        )

    def over(self, reads: Sequence[Pair]) -> ReceptiveField:
        """Return the field after a layer that reads cells as listed, not by a sliding window.

        `reads` has the first and the last cell of this grid that each cell of the next one
        depends on. The fields of the result are the smallest of one size and with even jumps that
        hold them all.

        >>> ReceptiveField(size=4, jump=2).over([(0, 1), (2, 3)])
        ReceptiveField(size=6, jump=4, offset=0)
        >>> ReceptiveField().over([(0, 2), (1, 3), (3, 5), (4, 6)])
        ReceptiveField(size=4, jump=1, offset=0)
        >>> ReceptiveField().over([(0, 8), (0, 8)])
        ReceptiveField(size=9, jump=0, offset=0)
        """
        if len(reads) == 1:  # any jump would do: the next cell begins where this one ends
            step = reads[0][1] - reads[0][0] + 1
        else:
            slope = (reads[-1][0] - reads[0][0]) / (len(reads) - 1)
            step = min((floor(slope), ceil(slope)), key=lambda n: _spread(reads, n))
        first = min(start - i * step for i, (start, _) in enumerate(reads))
        return ReceptiveField(
            size=self.size + _spread(reads, step) * self.jump,
            jump=self.jump * step,
            offset=self.offset + first * self.jump,
        )

    def region(self, cell: int) -> Pair:
        """Return the first and last input pixel that cell number `cell` sees (both included)."""
        first = self.offset + cell * self.jump
        return first, first + self.size - 1

    @property
    def everywhere(self) -> ReceptiveField:
        """The field of cell 0 as that of every cell: what reads the only cell of a map has it.

        >>> ReceptiveField(size=30, jump=28, offset=-1).everywhere.region(5)
        (-1, 28)
        """
        return ReceptiveField(self.size, 0, self.offset)

    @staticmethod
    def union(fields: Sequence[ReceptiveField], cells: int) -> ReceptiveField:
        """Return the smallest field that covers those of several branches at each of `cells` cells.

        Where the branches jump alike this is exact. Where they do not, the distance between
        their fields is linear in the cell, so the first and the last cell bound all others.

        >>> ReceptiveField.union([ReceptiveField(5, 2, -2), ReceptiveField(1, 2, 0)], cells=8)
        ReceptiveField(size=5, jump=2, offset=-2)
        """
        return min(
            (_covering(fields, jump, cells) for jump in dict.fromkeys(f.jump for f in fields)),
            key=lambda field: field.size,
        )


def _covering(fields: Sequence[ReceptiveField], jump: int, cells: int) -> ReceptiveField:
    """Return the smallest field with a jump of its own that covers several at each cell."""
    starts, ends = [], []
    for cell in (0, cells - 1):
        for field in fields:
            first, last = field.region(cell)
            starts.append(first - cell * jump)
            ends.append(last - cell * jump)
    return ReceptiveField(max(ends) - min(starts) + 1, jump, min(starts))


def _spread(reads: Sequence[Pair], step: int) -> int:
    """Return how far the cells read lie apart, each counted from its own place `i * step`."""
    ends = [end - i * step for i, (_, end) in enumerate(reads)]
    return max(ends) - min(start - i * step for i, (start, _) in enumerate(reads))


def bins(size: int, count: int) -> list[Pair]:
    """Return the first and last cell of each of `count` parts of an axis, as PyTorch parts it.

    Part i goes from `floor(i * size / count)` to before `ceil((i + 1) * size / count)`: parts may
    share cells, and where there are more parts than cells, some are the same cell.

    >>> bins(7, 3), bins(2, 3)
    ([(0, 2), (2, 4), (4, 6)], [(0, 0), (0, 1), (1, 1)])
    """
    return [(i * size // count, -(-(i + 1) * size // count) - 1) for i in range(count)]


def conv_weight_shape(filters: int, kernel: Pair, channels: int, groups: int = 1) -> Shape:
    """Return the shape of a convolution's weight: `(filters, channels / groups, height, width)`.

    >>> conv_weight_shape(6, (5, 5), channels=3)
    (6, 3, 5, 5)
    """
    return (filters, channels // groups, *kernel)


def conv_multiply_adds(weight: Shape, output: Shape) -> int:
    """Return a convolution's multiply-adds for one image: every weight once an output position.

    Bias additions are not counted, as `torch.utils.flop_counter` does (it counts each
    multiply-add as two operations).

    >>> conv_multiply_adds((6, 3, 5, 5), (6, 32, 32))
    460800
    """
    return prod(weight) * prod(output[1:])


def usual_settings() -> list[tuple[int, int, int]]:
    """Return the (kernel, stride, padding) triples that keep the size, as most networks use them.

    >>> [Window(f, s, p, p).output(32) for f, s, p in usual_settings()]
    [32, 32, 32]
    """
    return [(3, 1, 1), (5, 1, 2), (1, 1, 0)]


def shape_text(shape: Shape) -> str:
    """Write a shape as `channels x height x width`.

    >>> shape_text((6, 32, 32)), shape_text((10,))
    ('6x32x32', '10')
    """
    return "x".join(map(str, shape))
