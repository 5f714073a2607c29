"""A step as a person would write it: its products, their sum, and what the cell sees.

What is printed adds up: where rounding the terms changes their sum, the difference stands among
them as a term of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from convlens.foundation.errors import InputError
from convlens.inside.printed import Rounded, SumRow, aligned_sum, product_rows
from convlens.inside.steps import (
    Addition,
    Correlation,
    Elementwise,
    Pooling,
    Step,
    WeightedSum,
)
from convlens.network.plan import shape_text

LARGEST = 10
"""How many terms of a long sum are written out."""


def explain(step: Step, *, channels: Iterable[int] = ()) -> str:
    """Write a step as text.

    A sum over one channel is written product by product. A sum over several is written
    channel by channel, with its three largest products; a linear layer's as its ten largest
    products and the rest.

    Parameters
    ----------
    step : Step
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
    match step:
        case Correlation():
            lines = _correlation(step, list(channels))
        case WeightedSum():
            lines = _weighted_sum(step)
        case Pooling():
            lines = _pooling(step)
        case Addition():
            lines = _addition(step)
        case Elementwise():
            lines = _elementwise(step)
        case _:
            raise TypeError(f"no words for {step!r}")
    return "\n".join([*lines, *_agreement(step), _sight(step)])


def _bias(step: Correlation | WeightedSum, shown: Rounded) -> list[SumRow]:
    return [] if step.bias is None else [("+ bias", "", shown(step.bias))]


def channel_positions(step: Correlation, channels: Iterable[int]) -> list[int]:
    """Return where input channels stand in `step.channels`.

    Raises
    ------
    InputError
        Where the cell's filter does not see one of them; names the nearest that it sees.
    """
    known = [int(c) for c in step.channels]
    positions = []
    for channel in channels:
        if channel not in known:
            raise InputError(
                f'filter {step.cell[0]} of "{step.layer}" does not see channel {channel}',
                f"channels {known[0]} to {known[-1]}",
                f"the nearest is {min(known, key=lambda c: abs(c - channel))}",
            )
        positions.append(known.index(channel))
    return positions


def _correlation(step: Correlation, channels: list[int]) -> list[str]:
    shown = Rounded(step.patch, step.kernel, step.products, step.bias or 0.0, step.total)
    known = [int(c) for c in step.channels]
    opened = channel_positions(step, channels)
    height, width = step.padding.shape
    over = f"channel {known[0]}" if len(known) == 1 else f"{len(known)} channels"
    lines = [f"{title_of(step)}: a {height}x{width} kernel over {over}"]
    if len(known) == 1:
        terms = [*_channel_terms(step, 0, shown), *_bias(step, shown)]
        return [*lines, *aligned_sum(terms, shown(step.total)), *_note(shown)]
    order = np.argsort(-np.abs(step.channel_sums), kind="stable")
    kept = sorted(order[:LARGEST]) if len(known) > 16 else range(len(known))
    terms = [(f"channel {known[k]}", "", shown(step.channel_sums[k])) for k in kept]
    if len(kept) < len(known):
        rest = step.channel_sums.sum() - step.channel_sums[list(kept)].sum()
        lines.append(f"  the {len(kept)} channels with the largest sums, and the others:")
        terms.append((f"{len(known) - len(kept)} other channels", "", shown(rest)))
    lines += aligned_sum([*terms, *_bias(step, shown)], shown(step.total))
    lines += ["  the three largest products:", *_largest_products(step, shown)]
    for k in opened:
        lines.append(f"  channel {known[k]}:")
        total = shown(step.channel_sums[k])
        block = aligned_sum(_channel_terms(step, k, shown), total, f"= channel {known[k]}")
        lines += [f"  {line}" for line in block]
    return [*lines, *_note(shown)]


def _channel_terms(step: Correlation, k: int, shown: Rounded) -> list[SumRow]:
    places = [
        f"row {row}, column {column}" + (" (padding)" if step.padding[i, j] else "")
        for i, row in enumerate(step.rows)
        for j, column in enumerate(step.columns)
    ]
    return product_rows(places, step.patch[k], step.kernel[k], step.products[k], shown)


def _largest_products(step: Correlation, shown: Rounded) -> list[str]:
    flat = np.argsort(-np.abs(step.products), axis=None, kind="stable")[:3]
    k, i, j = np.unravel_index(flat, step.products.shape)
    places = [
        f"channel {step.channels[a]}, row {step.rows[b]}, column {step.columns[c]}"
        for a, b, c in zip(k, i, j, strict=True)
    ]
    at = (k, i, j)
    rows = product_rows(places, step.patch[at], step.kernel[at], step.products[at], shown)
    first, width = max(len(row[0]) for row in rows), max(len(f"{row[2]:f}") for row in rows)
    return [f"    {name:<{first}}  {factors} {value:>{width}f}" for name, factors, value in rows]


def _weighted_sum(step: WeightedSum) -> list[str]:
    shown = Rounded(step.patch, step.kernel, step.products, step.bias or 0.0, step.total)
    count = len(step.products)
    kept = np.argsort(-np.abs(step.products), kind="stable")[:LARGEST]
    places = []
    for feature in kept:
        place = step.place(int(feature))
        where = "" if place is None else f" (map {place[0]}, row {place[1]}, column {place[2]})"
        places.append(f"input {feature}{where}")
    terms = product_rows(places, step.patch[kept], step.kernel[kept], step.products[kept], shown)
    head = f"{title_of(step)}: a weighted sum of {count} inputs"
    if count > len(kept):
        head += f", the {len(kept)} largest products first"
        rest = float(step.products.sum() - step.products[kept].sum())
        terms.append((f"{count - len(kept)} other inputs", "", shown(rest)))
    terms += _bias(step, shown)
    return [head, *aligned_sum(terms, shown(step.total)), *_note(shown)]


def _pooling(step: Pooling) -> list[str]:
    height, width = step.padding.shape
    shown = Rounded(step.patch, step.total)
    cells = [
        (f"row {row}, column {column}", "", shown(step.patch[i, j]))
        for i, row in enumerate(step.rows)
        for j, column in enumerate(step.columns)
        if not step.padding[i, j]
    ]
    hidden = height * width - step.counted
    left_out = f" ({hidden} of padding left out)" if hidden else ""
    head = f"{title_of(step)}: a {height}x{width} window{left_out}"
    if step.winner is None:
        sum_ = shown(step.total * step.counted)
        lines = aligned_sum(cells, sum_, "= sum") if len(cells) <= 64 else [f"  sum {sum_:f}"]
        mean = shown(step.total)
        sign = "=" if mean * step.counted == sum_ else "~"
        lines.append(f"  mean: {sum_:f} / {step.counted} {sign} {mean:f}")
        return [head, *lines, *_note(shown)]
    best = f"row {step.winner[0]}, column {step.winner[1]}"
    ties = int(np.count_nonzero(step.patch == step.total))
    first = f", the first of {ties} equal values" if ties > 1 else ""
    wide = max(len(name) for name, _, _ in cells), max(len(f"{v:f}") for _, _, v in cells)
    lines = [
        f"  {name:<{wide[0]}}  {value:>{wide[1]}f}{'  <- the largest' if name == best else ''}"
        for name, _, value in (cells if len(cells) <= 64 else [])
    ]
    return [
        head,
        *lines,
        f"  max = {shown(step.total):f} at {best}{first}",
        *_note(shown, factors=False),
    ]


def _addition(step: Addition) -> list[str]:
    shown = Rounded(step.addends, step.total)
    terms = [
        (name, "", shown(value)) for name, value in zip(step.sources, step.addends, strict=True)
    ]
    terms[1] = (f"+ {terms[1][0]}", "", terms[1][2])
    head = f"{title_of(step)}: the sum of both branches"
    return [head, *aligned_sum(terms, shown(step.total)), *_note(shown, factors=False)]


def _elementwise(step: Elementwise) -> list[str]:
    numbers = {"x": step.value, **step.constants, "result": step.total}
    rounded = any(float(f"{value:.6g}") != value for value in numbers.values())
    lines = [f"  {name} = {value:.6g}" for name, value in numbers.items()]
    if step.source != step.cell:
        channel, row, column = step.source
        lines[0] += f" (map {channel}, row {row}, column {column})"
    note = ["  (rounded to six digits)"] if rounded else []
    return [f"{title_of(step)}: {step.formula}", *lines, *note]


def title_of(step: Step) -> str:
    """Return the layer and the cell in words: `conv1, filter 3, row 5, column 7`."""
    if len(step.cell) == 1:
        return f"{step.layer}, output {step.cell[0]}"
    first = "filter" if isinstance(step, Correlation) else "channel"
    return f"{step.layer}, {first} {step.cell[0]}, row {step.cell[1]}, column {step.cell[2]}"


def _note(shown: Rounded, *, factors: bool = True) -> list[str]:
    if not shown.rounded:
        return []
    signs = "; ~ stands where the factors were rounded too" if factors else ""
    return [f"  (rounded to {shown.decimals} decimals{signs})"]


def _agreement(step: Step) -> list[str]:
    difference = abs(step.computed - step.total)
    if difference <= 1e-10 * max(abs(step.total), 1.0):
        return []
    return [f"the model itself put out {step.computed:.9g} (a difference of {difference:.1e})"]


def _sight(step: Step) -> str:
    size = shape_text(step.image_shape[1:])
    if step.visible is None:
        return f"receptive field: nothing of the {size} image; {step.sees} is all padding"
    pixels = f"{step.sees.height}x{step.sees.width} pixels"
    if step.visible != step.sees:
        inside = f"{step.visible} of the {size} image"
        return f"receptive field: {inside} ({pixels} with the padding: {step.sees})"
    return f"receptive field: {step.visible} of the {size} image ({pixels})"
