"""A computation as a person would write it: its products, their sum, the receptive field.

What is printed adds up: where rounding the terms changes their sum, the difference stands among
them as a term of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from convlens.foundation.errors import InputError
from convlens.inside.printed import Rounded, SumRow, aligned_sum, product_rows
from convlens.inside.records import (
    Addition,
    CellComputation,
    Concatenation,
    Correlation,
    Elementwise,
    Pooling,
    Product,
    WeightedSum,
)
from convlens.network.arithmetic import shape_text

LARGEST = 10
"""How many terms of a long sum are written out."""


def explain(computation: CellComputation, *, channels: Iterable[int] = ()) -> str:
    """Write a computation as text.

    A sum over one channel is written product by product. A sum over several is written
    channel by channel, with its three largest products; a linear layer's as its ten largest
    products and the rest.

    Parameters
    ----------
    computation : CellComputation
        What `window` returned.
    channels : iterable of int
        Input channels of a convolution whose products are written out as well.

    Returns
    -------
    str
        Lines of aligned text. The terms of each sum, as printed, add up to the printed total.

    Raises
    ------
    InputError
        Where the cell's filter does not see one of `channels`.

    Examples
    --------
    >>> from convlens.engines.reference import ReferenceModel
    >>> from convlens.inside.windows import window
    >>> from convlens.network import Network
    >>> model = ReferenceModel(Network(input=[1, 4, 4], layers=[{"conv": 1, "kernel": 2}]))
    >>> corner = np.array([[[[1.0, 0.0], [0.0, 0.0]]]])
    >>> model.load_weights({"conv1.weight": corner, "conv1.bias": np.array([0.5])})
    >>> print(explain(window(model, np.arange(16.0).reshape(1, 4, 4), "conv1", (0, 1, 2))))
    conv1, filter 0, row 1, column 2: a 2x2 kernel over channel 0
      row 1, column 2   6.0 x 1.0 = 6.0
      row 1, column 3   7.0 x 0.0 = 0.0
      row 2, column 2  10.0 x 0.0 = 0.0
      row 2, column 3  11.0 x 0.0 = 0.0
      + bias                        0.5
      = total                       6.5
    receptive field: rows 1 to 2, columns 2 to 3 of the 4x4 image (2x2 pixels)
    """
    match computation:
        case Correlation():
            lines = _correlation(computation, list(channels))
        case WeightedSum():
            lines = _weighted_sum(computation)
        case Pooling():
            lines = _pooling(computation)
        case Addition():
            lines = _addition(computation)
        case Product():
            lines = _product(computation)
        case Concatenation():
            lines = _concatenation(computation)
        case Elementwise():
            lines = _elementwise(computation)
        case _:
            raise TypeError(f"no words for {computation!r}")
    return "\n".join([*lines, *_agreement(computation), _sight(computation)])


def _bias(computation: Correlation | WeightedSum, shown: Rounded) -> list[SumRow]:
    return [] if computation.bias is None else [("+ bias", "", shown(computation.bias))]


def channel_positions(computation: Correlation, channels: Iterable[int]) -> list[int]:
    """Return where input channels stand in `computation.channels`.

    Raises
    ------
    InputError
        Where the cell's filter does not read one of them; names the nearest that it reads.
    """
    known = [int(c) for c in computation.channels]
    positions = []
    for channel in channels:
        if channel not in known:
            raise InputError(
                f'filter {computation.cell[0]} of "{computation.layer}" does not read channel '
                f"{channel}",
                f"channels {known[0]} to {known[-1]}",
                f"the nearest is {min(known, key=lambda c: abs(c - channel))}",
            )
        positions.append(known.index(channel))
    return positions


def _rounded_sum(computation: Correlation | WeightedSum) -> Rounded:
    """Return how the numbers of a sum of products are rounded: all of them alike."""
    return Rounded(
        computation.patch,
        computation.kernel,
        computation.products,
        computation.bias or 0.0,
        computation.total,
    )


def _correlation(computation: Correlation, channels: list[int]) -> list[str]:
    shown = _rounded_sum(computation)
    known = [int(c) for c in computation.channels]
    opened = channel_positions(computation, channels)
    height, width = computation.padding.shape
    over = f"channel {known[0]}" if len(known) == 1 else f"{len(known)} channels"
    lines = [f"{title_of(computation)}: a {height}x{width} kernel over {over}"]
    if len(known) == 1:
        terms = [*_channel_terms(computation, 0, shown), *_bias(computation, shown)]
        return [*lines, *aligned_sum(terms, shown(computation.total)), *_note(shown)]
    order = np.argsort(-np.abs(computation.channel_sums), kind="stable")
    kept = sorted(order[:LARGEST]) if len(known) > 16 else range(len(known))
    terms = [(f"channel {known[k]}", "", shown(computation.channel_sums[k])) for k in kept]
    if len(kept) < len(known):
        rest = computation.channel_sums.sum() - computation.channel_sums[list(kept)].sum()
        lines.append(f"  the {len(kept)} channels with the largest sums, and the others:")
        terms.append((f"{len(known) - len(kept)} other channels", "", shown(rest)))
    lines += aligned_sum([*terms, *_bias(computation, shown)], shown(computation.total))
    lines += ["  the three largest products:", *_largest_products(computation, shown)]
    for k in opened:
        lines.append(f"  channel {known[k]}:")
        total = shown(computation.channel_sums[k])
        block = aligned_sum(_channel_terms(computation, k, shown), total, f"= channel {known[k]}")
        lines += [f"  {line}" for line in block]
    return [*lines, *_note(shown)]


def _channel_terms(computation: Correlation, k: int, shown: Rounded) -> list[SumRow]:
    places = [
        f"row {row}, column {column}" + (" (padding)" if computation.padding[i, j] else "")
        for i, row in enumerate(computation.rows)
        for j, column in enumerate(computation.columns)
    ]
    return product_rows(
        places, computation.patch[k], computation.kernel[k], computation.products[k], shown
    )


def _largest_products(computation: Correlation, shown: Rounded) -> list[str]:
    flat = np.argsort(-np.abs(computation.products), axis=None, kind="stable")[:3]
    k, i, j = np.unravel_index(flat, computation.products.shape)
    places = [
        f"channel {channel}, row {row}, column {column}"
        for channel, row, column in zip(
            computation.channels[k], computation.rows[i], computation.columns[j], strict=True
        )
    ]
    at = (k, i, j)
    rows = product_rows(
        places, computation.patch[at], computation.kernel[at], computation.products[at], shown
    )
    first, width = max(len(row[0]) for row in rows), max(len(f"{row[2]:f}") for row in rows)
    return [f"    {name:<{first}}  {factors} {value:>{width}f}" for name, factors, value in rows]


def _weighted_sum(computation: WeightedSum) -> list[str]:
    shown = _rounded_sum(computation)
    count = len(computation.products)
    kept = np.argsort(-np.abs(computation.products), kind="stable")[:LARGEST]
    places = []
    for feature in kept:
        place = computation.place(int(feature))
        where = "" if place is None else f" (map {place[0]}, row {place[1]}, column {place[2]})"
        places.append(f"input {feature}{where}")
    terms = product_rows(
        places, computation.patch[kept], computation.kernel[kept], computation.products[kept], shown
    )
    head = f"{title_of(computation)}: a weighted sum of {count} inputs"
    if count > len(kept):
        head += f", the {len(kept)} largest products first"
        rest = float(computation.products.sum() - computation.products[kept].sum())
        terms.append((f"{count - len(kept)} other inputs", "", shown(rest)))
    terms += _bias(computation, shown)
    return [head, *aligned_sum(terms, shown(computation.total)), *_note(shown)]


def _pooling(computation: Pooling) -> list[str]:
    height, width = computation.padding.shape
    shown = Rounded(computation.patch, computation.total)
    cells = [
        (
            f"row {row}, column {column}{_outside(computation, row, column)}",
            "",
            shown(computation.patch[i, j]),
        )
        for i, row in enumerate(computation.rows)
        for j, column in enumerate(computation.columns)
        if not computation.padding[i, j]
    ]
    hidden = height * width - computation.counted
    left_out = f" ({hidden} of padding left out)" if hidden else ""
    head = f"{title_of(computation)}: a {height}x{width} window{left_out}"
    if computation.winner is None:
        sum_ = shown(computation.total * computation.counted)
        lines = aligned_sum(cells, sum_, "= sum") if len(cells) <= 64 else [f"  sum {sum_:f}"]
        mean = shown(computation.total)
        sign = "=" if mean * computation.counted == sum_ else "~"
        lines.append(f"  mean: {sum_:f} / {computation.counted} {sign} {mean:f}")
        return [head, *lines, *_note(shown)]
    best = f"row {computation.winner[0]}, column {computation.winner[1]}"
    ties = int(np.count_nonzero(computation.patch == computation.total))
    first = f", the first of {ties} equal values" if ties > 1 else ""
    wide = max(len(name) for name, _, _ in cells), max(len(f"{v:f}") for _, _, v in cells)
    lines = [
        f"  {name:<{wide[0]}}  {value:>{wide[1]}f}{'  <- the largest' if name == best else ''}"
        for name, _, value in (cells if len(cells) <= 64 else [])
    ]
    return [
        head,
        *lines,
        f"  max = {shown(computation.total):f} at {best}{first}",
        *_note(shown, factors=False),
    ]


def _outside(computation: Pooling, row: int, column: int) -> str:
    """Mark a cell of padding that a mean counts."""
    _, height, width = computation.input_shape
    return "" if 0 <= row < height and 0 <= column < width else " (padding)"


def _addition(computation: Addition) -> list[str]:
    shown = Rounded(computation.addends, computation.total)
    terms = [
        (name, "", shown(value))
        for name, value in zip(computation.sources, computation.addends, strict=True)
    ]
    terms[-1] = (f"+ {terms[-1][0]}", "", terms[-1][2])
    branches = "both branches" if len(terms) == 2 else f"{len(terms)} branches"
    head = f"{title_of(computation)}: the sum of {branches}"
    return [head, *aligned_sum(terms, shown(computation.total)), *_note(shown, factors=False)]


def _product(computation: Product) -> list[str]:
    branches = "both" if len(computation.factors) == 2 else str(len(computation.factors))
    numbers = [*computation.factors, computation.total]
    names = [
        source if cell == computation.cell else f"{source}, the only cell of map {cell[0]}"
        for source, cell in zip(computation.sources, computation.cells, strict=True)
    ]
    names = [*names[:-1], f"x {names[-1]}", "= total"]
    wide = max(map(len, names))
    lines = [f"  {name:<{wide}}  {value:.6g}" for name, value in zip(names, numbers, strict=True)]
    rounded = any(float(f"{value:.6g}") != value for value in numbers)
    note = ["  (rounded to six digits)"] if rounded else []
    return [f"{title_of(computation)}: the product of {branches} branches", *lines, *note]


def _concatenation(computation: Concatenation) -> list[str]:
    what = "map" if len(computation.cell) == 3 else "output"
    head = (
        f"{title_of(computation)}: {what} {computation.source_cell[0]} of branch "
        f"{computation.branch + 1}"
    )
    rounded = float(f"{computation.value:.6g}") != computation.value
    note = ["  (rounded to six digits)"] if rounded else []
    return [head, f"  {computation.source} = {computation.value:.6g}", *note]


def _elementwise(computation: Elementwise) -> list[str]:
    numbers = {"x": computation.value, **computation.constants, "result": computation.total}
    rounded = any(float(f"{value:.6g}") != value for value in numbers.values())
    lines = [f"  {name} = {value:.6g}" for name, value in numbers.items()]
    if computation.source is not None and computation.source != computation.cell:
        channel, row, column = computation.source
        lines[0] += f" (map {channel}, row {row}, column {column})"
    note = ["  (rounded to six digits)"] if rounded else []
    return [f"{title_of(computation)}: {computation.formula}", *lines, *note]


def title_of(computation: CellComputation) -> str:
    """Return the layer and the cell in words: `conv1, filter 3, row 5, column 7`."""
    if len(computation.cell) == 1:
        return f"{computation.layer}, output {computation.cell[0]}"
    first = "filter" if isinstance(computation, Correlation) else "channel"
    number, row, column = computation.cell
    return f"{computation.layer}, {first} {number}, row {row}, column {column}"


def _note(shown: Rounded, *, factors: bool = True) -> list[str]:
    if not shown.rounded:
        return []
    signs = "; ~ stands where the factors were rounded too" if factors else ""
    return [f"  (rounded to {shown.decimals} decimals{signs})"]


def _agreement(computation: CellComputation) -> list[str]:
    difference = abs(computation.computed - computation.total)
    if difference <= 1e-10 * max(abs(computation.total), 1.0):
        return []
    return [
        f"the model itself put out {computation.computed:.9g} (a difference of {difference:.1e})"
    ]


def _sight(computation: CellComputation) -> str:
    size = shape_text(computation.image_shape[1:])
    field, visible = computation.receptive_field, computation.visible
    if visible is None:
        return f"receptive field: nothing of the {size} image; {field} is all padding"
    pixels = f"{field.height}x{field.width} pixels"
    if visible != field:
        inside = f"{visible} of the {size} image"
        return f"receptive field: {inside} ({pixels} with the padding: {field})"
    return f"receptive field: {visible} of the {size} image ({pixels})"
