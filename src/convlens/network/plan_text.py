"""A plan as the table that people read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convlens.foundation.columns import in_columns
from convlens.network.arithmetic import shape_text

if TYPE_CHECKING:
    from convlens.network.plan import Plan

NUMBERS = (4, 5)
"""Columns of the rendered table whose cells stand at the right: parameters, multiply-adds."""


def render(plan: Plan, *, totals: bool = True) -> str:
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
    if plan.input:
        lines.append(("input", "", "", shape_text(plan.input), "", "", "1x1"))
    for step in plan.steps:
        vertical, horizontal = step.receptive_field
        lines.append(
            (
                "  " * step.depth + step.name_in_block,
                step.kind,
                step.layer.settings(),
                shape_text(step.output),
                f"{step.parameters:,}" if step.parameters else "",
                f"{step.multiply_adds:,}" if step.multiply_adds else "",
                f"{vertical.size}x{horizontal.size}",
            )
        )
    text = "\n".join(in_columns(lines, right=NUMBERS))
    notes = [
        f"{step.name} drops {rows} bottom {_plural('row', rows)} and {columns} right "
        f"{_plural('column', columns)} of its {shape_text(step.input)} input"
        for step in plan.steps
        for rows, columns in [step.dropped]
        if rows or columns
    ]
    if totals:
        notes.append(
            f"{plan.parameters:,} parameters, {plan.multiply_adds:,} multiply-adds, "
            f"{plan.activation_bytes / 1024:,.1f} KiB of activations for one image"
        )
    return "\n".join([text, *notes])


def _plural(word: str, count: int) -> str:
    return word if count == 1 else word + "s"
