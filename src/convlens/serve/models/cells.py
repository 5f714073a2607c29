"""One output cell taken apart, as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from convlens.inside.explain import explain
from convlens.inside.records import (
    Addition,
    CellComputation,
    Concatenation,
    Correlation,
    Elementwise,
    Pooling,
    Product,
    Region,
    WeightedSum,
)
from convlens.serve import schemas


def cell_json(computation: CellComputation, notes: list[str]) -> schemas.Window:
    """Return a cell's computation with all of its numbers; what is padding is null in `patch`."""
    common: schemas.Cell = {
        "kind": computation.kind,
        "layer": computation.layer,
        "cell": list(computation.cell),
        "total": computation.total,
        "computed": computation.computed,
        "sees": _region(computation.receptive_field),
        "visible": None if computation.visible is None else _region(computation.visible),
        "text": explain(computation),
        "notes": notes,
    }
    match computation:
        case Correlation():
            return {
                **common,
                "channels": computation.channels.tolist(),
                "rows": computation.rows.tolist(),
                "columns": computation.columns.tolist(),
                "padding": computation.padding.tolist(),
                "patch": computation.patch.tolist(),
                "kernel": computation.kernel.tolist(),
                "products": computation.products.tolist(),
                "channel_sums": computation.channel_sums.tolist(),
                "bias": computation.bias,
            }
        case WeightedSum():
            return {
                **common,
                "patch": computation.patch.tolist(),
                "kernel": computation.kernel.tolist(),
                "products": computation.products.tolist(),
                "bias": computation.bias,
                "maps": None if computation.maps is None else list(computation.maps),
            }
        case Pooling():
            return {
                **common,
                "patch": _with_nulls(computation.patch),
                "rows": computation.rows.tolist(),
                "columns": computation.columns.tolist(),
                "padding": computation.padding.tolist(),
                "winner": computation.winner,
            }
        case Addition():
            return {
                **common,
                "addends": list(computation.addends),
                "sources": list(computation.sources),
            }
        case Product():
            return {
                **common,
                "factors": list(computation.factors),
                "sources": list(computation.sources),
                "cells": [list(cell) for cell in computation.cells],
            }
        case Concatenation():
            return {
                **common,
                "branch": computation.branch,
                "source_layer": computation.source,
                "source": list(computation.source_cell),
                "value": computation.value,
            }
        case Elementwise():
            return {
                **common,
                "source": None if computation.source is None else list(computation.source),
                "value": computation.value,
                "formula": computation.formula,
                "constants": computation.constants,
            }
    raise TypeError(f"there is no answer for {type(computation).__name__}")


def _with_nulls(values: np.ndarray[Any, Any]) -> list[list[float | None]]:
    """Return numbers as nested lists; NaN, which JSON cannot say, becomes null."""
    return [[None if np.isnan(x) else float(x) for x in row] for row in values]


def _region(region: Region) -> schemas.Region:
    return {
        "first_row": region.first_row,
        "last_row": region.last_row,
        "first_column": region.first_column,
        "last_column": region.last_column,
    }
