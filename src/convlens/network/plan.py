"""The table of a network: what each layer takes, gives, holds and costs.

One walk over the layers gives every number; the check of a network is that the walk
ends. It allocates nothing but the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import cast

from convlens.foundation.errors import InputError, NetworkError, nearest
from convlens.network.arithmetic import FLOAT32_BYTES, Pair, ReceptiveField, Shape
from convlens.network.layers import (
    Add,
    AnyLayer,
    GlobalAvgPool,
    GlobalMaxPool,
    Layer,
    Linear,
    Residual,
    Sliding,
    Softmax,
    Unfit,
)
from convlens.network.mistakes import Mistake, NetworkMistakes, Path, line_of

_WHOLE = (GlobalMaxPool, GlobalAvgPool, Linear, Softmax)
"""The layers whose every output cell depends on every input cell."""


IMAGE = -1
"""Stands among the inputs of a layer for the image itself."""


@dataclass(frozen=True)
class Limits:
    """The largest network that is accepted; beyond it lies a typing mistake or an attack."""

    layers: int = 10_000
    parameters: int = 2**31
    side: int = 16_384
    """Largest height, width or number of channels of the input."""
    activations: int = 2**33
    """Largest number of values in one layer's output for one image."""


@dataclass(frozen=True, slots=True)
class Row:
    """One layer in its place.

    `name` is the full path inside residual blocks, `residual1.conv2`, and the prefix of
    the layer's weights. `inputs` are the positions of the rows whose outputs the layer reads,
    `IMAGE` standing for the image; only a join has more than one. `input` is the shape of the
    first of them. `activation_bytes` is its float32 output for one image.
    """

    name: str
    layer: AnyLayer
    depth: int
    inputs: tuple[int, ...]
    input: Shape
    output: Shape
    parameters: int
    multiply_adds: int
    receptive_field: tuple[ReceptiveField, ReceptiveField]

    @property
    def kind(self) -> str:
        return self.layer.kind

    @property
    def own_name(self) -> str:
        """The layer's name inside its block: `conv2` of `residual1.conv2`."""
        return self.name.rpartition(".")[2]

    @property
    def activation_bytes(self) -> int:
        return prod(self.output) * FLOAT32_BYTES

    @property
    def dropped(self) -> Pair:
        """The bottom rows and right columns of the input that the floor rule loses."""
        return self.layer.dropped(self.input) if isinstance(self.layer, Sliding) else (0, 0)


@dataclass(frozen=True)
class Block:
    """A join with the rows of its branches, as a person writes them: inside it."""

    row: Row
    main: tuple[Row | Block, ...]
    shortcut: tuple[Row | Block, ...]

    @property
    def name(self) -> str:
        return self.row.name


@dataclass(frozen=True)
class Table:
    """The rows of a whole network and their totals (for one image)."""

    input: Shape
    rows: tuple[Row, ...]
    name: str = "network"
    """The network's."""

    @property
    def output(self) -> Shape:
        return self.rows[-1].output if self.rows else self.input

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        return sum(row.multiply_adds for row in self.rows)

    @property
    def activation_bytes(self) -> int:
        """Bytes of all outputs together with the input: what training keeps for one image."""
        return prod(self.input) * FLOAT32_BYTES + sum(row.activation_bytes for row in self.rows)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {row.name: position for position, row in enumerate(self.rows)}

    def position(self, name: str) -> int:
        """Return the position of one layer among the rows.

        Raises
        ------
        InputError
            Where there is no such layer; gives the nearest name.
        """
        if name in self._positions:
            return self._positions[name]
        known = list(self._positions)
        more = f" and {len(known) - 40} more" if len(known) > 40 else ""
        raise InputError(
            f'there is no layer "{name}"{nearest(name, known)}',
            "one of " + ", ".join(known[:40]) + more,
            "take a name from `convlens shapes`",
        )

    def row(self, name: str) -> Row:
        """Return the row of one layer; raises as `position` does."""
        return self.rows[self.position(name)]

    def sources(self, name: str) -> tuple[str | None, ...]:
        """Return the names of the layers whose outputs a layer reads; None for the image.

        A residual sum reads two: the end of its layers and the end of its shortcut.
        """
        return tuple(
            None if position == IMAGE else self.rows[position].name
            for position in self.row(name).inputs
        )

    def nested(self) -> tuple[Row | Block, ...]:
        """Return the rows as they are written, those of residual blocks inside their blocks."""
        items: list[Row | Block] = []
        for row in self.rows:
            if len(row.inputs) == 1:
                items.append(row)
                continue
            start = len(items)
            while start and items[start - 1].name.startswith(f"{row.name}."):
                start -= 1
            shortcut = [i for i in items[start:] if i.name.startswith(f"{row.name}.shortcut.")]
            main = items[start : len(items) - len(shortcut)]
            items[start:] = [Block(row, tuple(main), tuple(shortcut))]
        return tuple(items)

    @cached_property
    def released(self) -> tuple[tuple[int, ...], ...]:
        """The positions, for each row, whose outputs no later row reads: memory to let go."""
        last = {position: at for at, row in enumerate(self.rows) for position in row.inputs}
        return tuple(
            tuple(position for position in dict.fromkeys(row.inputs) if last[position] == at)
            for at, row in enumerate(self.rows)
        )

    @cached_property
    def logits(self) -> Table:
        """The rows without a softmax at the end: what training and evaluation work on."""
        if self.rows and isinstance(self.rows[-1].layer, Softmax):
            return replace(self, rows=self.rows[:-1])
        return self

    def cut(self, name: str) -> tuple[Table, Table]:
        """Part the network after one layer: what leads up to its output, and what follows.

        Both keep the layers' names, and receptive fields in pixels of the image. The input of
        the second is the layer's output.

        Raises
        ------
        InputError
            Where there is no such layer, or a later layer reads more than its output: inside a
            residual block two tensors cross every cut.

        Examples
        --------
        >>> from convlens import zoo
        >>> before, after = zoo.load("tutorial-torch").table().cut("max_pool1")
        >>> before.rows[-1].name, after.rows[0].name, after.input
        ('max_pool1', 'conv2', (32, 13, 13))
        """
        at = self.position(name)
        if name not in self.cuts:
            nearest_cuts = sorted(self.cuts, key=lambda cut: abs(self.position(cut) - at))[:3]
            raise InputError(
                f'the network cannot be cut after "{name}": later layers read others before it',
                "a layer whose output is all that later layers read, such as the end of a block",
                "cut after " + ", ".join(nearest_cuts),
            )
        after = tuple(
            replace(row, inputs=tuple(position - at - 1 for position in row.inputs))
            for row in self.rows[at + 1 :]
        )
        before = replace(self, rows=self.rows[: at + 1])
        return before, replace(self, input=before.output, rows=after)

    @cached_property
    def cuts(self) -> tuple[str, ...]:
        """The layers after which `cut` can part the network, in their order."""
        first_read = [len(self.rows)] * (len(self.rows) + 1)
        for row in reversed(self.rows):
            at = self._positions[row.name]
            first_read[at] = min([first_read[at + 1], *row.inputs])
        # after a row, nothing before it may be read any more
        return tuple(row.name for i, row in enumerate(self.rows) if first_read[i + 1] >= i)

    def weight_shapes(self) -> dict[str, Shape]:
        """Return the shape of every array that the network's weights consist of, by name."""
        return {
            f"{row.name}.{array}": shape
            for row in self.rows
            for shapes in (row.layer.weights(row.input), row.layer.buffers(row.input))
            for array, shape in shapes.items()
        }

    def __str__(self) -> str:
        return render(self)


class Misfit(NetworkMistakes):
    """Layers that do not fit together, with the layer at fault and the table up to it.

    Parameters
    ----------
    mistake : Mistake
        What is wrong. Its kind is one of "maps", "vector", "size", "padding", "groups",
        "branches", "names", "layers", "parameters", "activations", "softmax" and "classes".
    layer : str
        Full name of the layer at fault, such as `residual1.conv2`.
    table : Table
        The rows of the layers before it.
    shapes : tuple of Shape
        What the layer at fault gets; of a residual block also what its two sides give.
    where : str
        The file, or an empty string.
    """

    def __init__(
        self,
        mistake: Mistake,
        layer: str,
        table: Table,
        shapes: tuple[Shape, ...] = (),
        where: str = "",
    ) -> None:
        super().__init__([mistake], where)
        self.mistake = mistake
        self.layer = layer
        self.table = table
        self.shapes = shapes
        if mistake.kind in _WITH_TABLE and table.rows:
            self.what += _rows_above(table)

    def within(self, where: str, lines: Mapping[Path, int] | None = None) -> Misfit:
        """Return the same misfit with its file and its line in it."""
        line = line_of(self.mistake.at, lines or {})
        mistake = replace(self.mistake, line=line)
        return Misfit(mistake, self.layer, self.table, self.shapes, where)


_WITH_TABLE = ("maps", "vector", "size", "padding", "groups", "branches")
"""Kinds of misfit whose message shows the shapes before it."""


def _rows_above(table: Table) -> str:
    """Return the last rows before a mistake; a thousand more would bury it."""
    earlier = len(table.rows) - 12
    shown = Table(table.input if earlier <= 0 else (), table.rows[-12:])
    above = "\n".join("    " + line for line in render(shown, totals=False).splitlines())
    more = f" ({earlier} earlier layers not shown)" if earlier > 0 else ""
    return f"\n  the table up to it{more}:\n{above}"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk stands: a row, its shape, the grid of its cells, and what each cell sees."""

    row: int
    shape: Shape
    grid: Pair
    field: tuple[ReceptiveField, ReceptiveField]


class _Walk:
    """Follow one image through the layers, collecting rows."""

    def __init__(self, input_shape: Shape, floor: bool, limits: Limits, name: str) -> None:
        self.name = name
        self.input = input_shape
        self.floor = floor
        self.limits = limits
        self.rows: list[Row] = []
        self.parameters = 0

    def through(
        self, layers: tuple[Layer, ...], place: _Place, prefix: str, depth: int, at: Path
    ) -> _Place:
        for index, (own, layer) in enumerate(self._named(layers, prefix, at)):
            name, here = prefix + own, (*at, index)
            if len(self.rows) >= self.limits.layers:
                raise self._misfit(
                    *("layers", name, here, ""),
                    f"the network has more than {self.limits.layers:,} layers",
                    f"at most {self.limits.layers:,}",
                    "raise the limit: convlens shapes takes --max-layers",
                )
            if isinstance(layer, Residual):
                place = self._residual(layer, name, here, place, depth)
            else:
                place = self._layer(layer, name, here, place, depth)
        return place

    def _named(
        self, layers: tuple[Layer, ...], prefix: str, at: Path
    ) -> Iterator[tuple[str, Layer]]:
        taken: set[str] = set()
        own = {layer.name for layer in layers if layer.name}
        for index, (name, layer) in enumerate(zip(own_names(layers), layers, strict=True)):
            if name in taken or (not layer.name and name in own):
                raise self._misfit(
                    *("names", prefix + name, (*at, index), ""),
                    f'two layers are called "{name}"',
                    "a name that no other layer has",
                )
            taken.add(name)
            yield name, layer

    def _layer(self, layer: Layer, name: str, at: Path, place: _Place, depth: int) -> _Place:
        try:
            output = layer.output(place.shape, floor=self.floor)
        except Unfit as error:
            raise self._misfit(
                *(error.reason, name, at, _subject(name, layer, place.shape)),
                error.what,
                error.expected,
                shapes=(place.shape,),
            ) from None
        after = self._seen(layer, place, output)
        row = Row(
            name,
            cast("AnyLayer", layer),  # every kind but the one handled in `_residual`
            depth,
            (place.row,),
            place.shape,
            output,
            layer.parameters(place.shape),
            layer.multiply_adds(place.shape, output),
            after.field,
        )
        self._add(row, at)
        return after

    def _seen(self, layer: Layer, place: _Place, output: Shape) -> _Place:
        at = len(self.rows)
        vertical, horizontal = place.field
        if isinstance(layer, Sliding):
            rows, columns = layer.windows(place.shape)
            field = vertical.through(rows), horizontal.through(columns)
            return _Place(at, output, (output[1], output[2]), field)
        if isinstance(layer, _WHOLE):
            field = vertical.whole(place.grid[0]), horizontal.whole(place.grid[1])
            return _Place(at, output, (1, 1), field)
        return _Place(at, output, place.grid, place.field)

    def _residual(self, block: Residual, name: str, at: Path, place: _Place, depth: int) -> _Place:
        inside = (*at, "residual"), (*at, "shortcut")
        main = self.through(block.layers, place, f"{name}.", depth + 1, inside[0])
        side = self.through(block.shortcut, place, f"{name}.shortcut.", depth + 1, inside[1])
        if main.shape != side.shape:
            raise self._misfit(
                *("branches", name, at, _subject(name, block, place.shape)),
                f"the layers give {shape_text(main.shape)} and the shortcut gives "
                f"{shape_text(side.shape)}",
                "one shape on both sides of the sum",
                shapes=(place.shape, main.shape, side.shape),
            )
        heights = main.field[0].union(side.field[0], main.grid[0])
        widths = main.field[1].union(side.field[1], main.grid[1])
        after = _Place(len(self.rows), main.shape, main.grid, (heights, widths))
        inputs = main.row, side.row
        self._add(Row(name, Add(), depth, inputs, main.shape, main.shape, 0, 0, after.field), at)
        return after

    def _add(self, row: Row, at: Path) -> None:
        self.parameters += row.parameters
        if self.parameters > self.limits.parameters:
            raise self._misfit(
                *("parameters", row.name, at, f'"{row.name}"'),
                f"up to here the network has {self.parameters:,} parameters "
                f"({row.parameters:,} in this layer)",
                f"at most {self.limits.parameters:,}",
                "raise the limit: convlens shapes takes --max-parameters",
                shapes=(row.input,),
            )
        if prod(row.output) > self.limits.activations:
            raise self._misfit(
                *("activations", row.name, at, f'"{row.name}"'),
                f"it gives {prod(row.output):,} values for one image",
                f"at most {self.limits.activations:,}",
                shapes=(row.input,),
            )
        self.rows.append(row)

    @property
    def table(self) -> Table:
        """The rows so far."""
        return Table(self.input, tuple(self.rows), self.name)

    def _misfit(
        self,
        kind: str,
        name: str,
        at: Path,
        subject: str,
        what: str,
        expected: str,
        fix: str = "",
        shapes: tuple[Shape, ...] = (),
    ) -> Misfit:
        mistake = Mistake(at, kind, what, expected, fix=fix, subject=subject)
        return Misfit(mistake, name, self.table, shapes)


def _subject(name: str, layer: Layer, shape: Shape) -> str:
    settings = f" ({layer.settings()})" if layer.settings() else ""
    return f'"{name}", {layer.kind}{settings} on {shape_text(shape)}'


def own_names(layers: tuple[Layer, ...]) -> Iterator[str]:
    """Yield the name of each layer of one list: given, or its kind and number (`conv2`)."""
    counts: dict[str, int] = {}
    for layer in layers:
        counts[layer.kind] = counts.get(layer.kind, 0) + 1
        yield layer.name or f"{layer.kind}{counts[layer.kind]}"


def named(layers: tuple[Layer, ...]) -> Iterator[tuple[str, Layer]]:
    """Yield each layer of one list with its name."""
    yield from zip(own_names(layers), layers, strict=True)


def walk(
    input_shape: Shape,
    layers: tuple[Layer, ...],
    *,
    classes: int | None = None,
    floor: bool = False,
    limits: Limits | None = None,
    name: str = "network",
) -> Table:
    """Follow one image through the layers.

    Parameters
    ----------
    input_shape : tuple of int
        `(channels, height, width)`.
    layers : tuple of Layer
        The network.
    classes : int, optional
        What the last layer must give one value each.
    floor : bool
        Apply the floor rule of PyTorch and Keras instead of refusing sizes that do not divide.
    limits : Limits, optional
        What is too large to be meant.
    name : str
        The network's name.

    Raises
    ------
    Misfit
        At the first layer that cannot take its input. It has no advice yet:
        `convlens.network.advice` gives it.
    NetworkError
        Where the input is too large.
    """
    limits = limits or Limits()
    if max(input_shape) > limits.side:
        raise NetworkError(
            f"the input is {shape_text(input_shape)}",
            f"at most {limits.side:,} a side",
            "use a smaller input, or raise the limit: convlens shapes takes --max-side",
        )
    steps = _Walk(input_shape, floor, limits, name)
    grid = input_shape[1], input_shape[2]
    start = _Place(IMAGE, input_shape, grid, (ReceptiveField(), ReceptiveField()))
    steps.through(layers, start, "", 0, ("layers",))
    _check_end(layers, steps.table, classes)
    return steps.table


def _check_end(layers: tuple[Layer, ...], table: Table, classes: int | None) -> None:
    """Refuse a softmax before other layers, and outputs that are not one for each class."""
    for row in table.rows[:-1]:
        if isinstance(row.layer, Softmax):
            mistake = Mistake(
                path_of(layers, row.name),
                "softmax",
                "softmax stands before other layers",
                "softmax as the last layer, or none: training works on the logits before it",
                subject=f'"{row.name}"',
            )
            raise Misfit(mistake, row.name, table)
    if classes is not None and table.output != (classes,):
        last = table.rows[-1] if table.rows else None
        mistake = Mistake(
            ("layers", len(layers) - 1) if layers else ("layers",),
            "classes",
            f"the last layer gives {shape_text(table.output)} and the network has "
            f"{classes} classes",
            f"an output of shape ({classes},)",
            subject=f'"{last.name}"' if last else "",
        )
        raise Misfit(mistake, last.name if last else "", table)


def path_of(layers: tuple[Layer, ...], name: str, at: Path = ("layers",)) -> Path:
    """Return where the layer of a full name stands in a written network.

    >>> block = Residual(layers=(Linear(features=3), Softmax()))
    >>> path_of((Softmax(), block), "residual1.softmax1")
    ('layers', 1, 'residual', 1)
    """
    for index, (own, layer) in enumerate(named(layers)):
        if own == name:
            return (*at, index)
        if isinstance(layer, Residual) and name.startswith(f"{own}."):
            inner = name.removeprefix(f"{own}.")
            side = inner.removeprefix("shortcut.")
            if side == inner:
                return path_of(layer.layers, inner, (*at, index, "residual"))
            return path_of(layer.shortcut, side, (*at, index, "shortcut"))
    return at


def shape_text(shape: Shape) -> str:
    """Write a shape as `channels x height x width`.

    >>> shape_text((6, 32, 32)), shape_text((10,))
    ('6x32x32', '10')
    """
    return "x".join(map(str, shape))


NUMBERS = (4, 5)
"""Columns of the rendered table whose cells stand at the right: parameters, multiply-adds."""


def render(table: Table, *, totals: bool = True) -> str:
    """Write the table as aligned plain text."""
    header = (
        "layer",
        "kind",
        "settings",
        "output",
        "parameters",
        "multiply-adds",
        "receptive field",
    )
    lines = [header]
    if table.input:
        lines.append(("input", "", "", shape_text(table.input), "", "", "1x1"))
    for row in table.rows:
        vertical, horizontal = row.receptive_field
        lines.append(
            (
                "  " * row.depth + row.name.rsplit(".", 1)[-1]
                if ".shortcut." not in row.name
                else "  " * row.depth + "shortcut." + row.name.rsplit(".", 1)[-1],
                row.kind,
                row.layer.settings(),
                shape_text(row.output),
                f"{row.parameters:,}" if row.parameters else "",
                f"{row.multiply_adds:,}" if row.multiply_adds else "",
                f"{vertical.size}x{horizontal.size}",
            )
        )
    columns = [
        _aligned([line[i] for line in lines], right=i in NUMBERS) for i in range(len(header))
    ]
    text = "\n".join("  ".join(cells).rstrip() for cells in zip(*columns, strict=True))
    notes = [
        f"{row.name} drops {rows} bottom {_plural('row', rows)} and {columns} right "
        f"{_plural('column', columns)} of its {shape_text(row.input)} input"
        for row in table.rows
        for rows, columns in [row.dropped]
        if rows or columns
    ]
    if totals:
        notes.append(
            f"{table.parameters:,} parameters, {table.multiply_adds:,} multiply-adds, "
            f"{table.activation_bytes / 1024:,.1f} KiB of activations for one image"
        )
    return "\n".join([text, *notes])


def _aligned(cells: list[str], *, right: bool) -> list[str]:
    width = max(map(len, cells))
    return [cell.rjust(width) if right else cell.ljust(width) for cell in cells]


def _plural(word: str, count: int) -> str:
    return word if count == 1 else word + "s"
