"""Write the table of the published networks into `docs/published.md`.

python tests/published/write_table.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from convlens.network import zoo
from convlens.network.zoo import Facts

DOCUMENT = Path(__file__).parents[2] / "docs" / "published.md"
DIFFERENCES = Path(__file__).parent / "differences.json"
BEGIN, END = "<!-- the table begins -->\n", "<!-- the table ends -->\n"

HEAD = """| network | year | parameters | published | multiply-adds, 10^9 | published | difference |
|---|---|---|---|---|---|---|
"""


def table() -> str:
    """Return the table, and the notes below it."""
    measured = json.loads(DIFFERENCES.read_text())
    lines, notes = [], []
    for name in zoo.groups()["published"]:
        facts = zoo.facts(name)
        if facts.published_parameters is None:
            continue
        mark = ""
        if facts.note:
            notes.append(f"{name}: {facts.note}.")
            mark = " *"
        lines.append(_line(facts, mark, measured[name]["logits"]))
    return HEAD + "".join(lines) + "".join(f"\n\\* {note}\n" for note in notes)


def _line(facts: Facts, mark: str, difference: float) -> str:
    billions = facts.multiply_adds / 1e9
    cells = (
        f"`{facts.name}`{mark}",
        facts.year,
        f"{facts.parameters:,}",
        f"{facts.published_parameters:,}",
        f"{billions:.3f}",
        f"{facts.published_giga_multiply_adds:.3f}",
        f"{difference:.0e}" if difference else "0",
    )
    return f"| {' | '.join(map(str, cells))} |\n"


def document(text: str) -> str:
    """Return the document with the table in it."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    DOCUMENT.write_text(document(DOCUMENT.read_text("utf-8")), "utf-8")
