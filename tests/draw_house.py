"""Draw the rooms of `src/convlens` and which imports which, as `docs/house.svg`.

    make house

Rooms stand from the top floor to the ground floor, as in the contract that `lint-imports` checks.
A dot in a room's row says that it imports the room of the column; the larger the dot, the more of
its modules do. Imports point down, so every dot lies right of the diagonal.
"""

from __future__ import annotations

import tomllib
from math import sqrt
from pathlib import Path
from xml.sax.saxutils import escape

import grimp

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs/house.svg"
CELL, LEFT, TOP = 34, 150, 112
"""Side of a cell of the matrix, and the space for names at its left and above it; pixels."""
STYLE = """
text { font: 14px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
.quiet { fill: #6a737d; font-size: 12px; }
line { stroke: #d5d9dd; }
.self { fill: #e3e6e8; }
circle { fill: #0072B2; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .quiet { fill: #9aa4ae; }
  line { stroke: #3a424b; }
  .self { fill: #2c333b; }
  circle { fill: #56B4E9; }
}
"""


def floors() -> list[list[str]]:
    """Return the rooms of each floor of the checked contract, the top one first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    house = next(one for one in settings["contracts"] if one["containers"] == ["convlens"])
    return [floor.split(" | ") for floor in house["layers"]]


def imports() -> dict[tuple[str, str], int]:
    """Return how many modules of one room import another, by the names of both."""
    graph = grimp.build_graph("convlens", exclude_type_checking_imports=True, cache_dir=None)
    counts: dict[tuple[str, str], int] = {}
    for module in graph.modules:
        used = (name.split(".") for name in graph.find_modules_directly_imported_by(module))
        there = {parts[1] for parts in used if len(parts) > 1}
        for room in there:
            here = module.partition(".")[2].partition(".")[0]
            if here and room != here:
                counts[here, room] = counts.get((here, room), 0) + 1
    return counts


def draw() -> str:
    """Return the picture as SVG text."""
    rooms = [(room, number) for number, floor in enumerate(reversed(floors())) for room in floor]
    rooms.reverse()
    counts, size = imports(), CELL * len(rooms)
    width, height, end = LEFT + size + 56, TOP + size + 34, TOP + size
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"',
        f'     width="{width}" height="{height}" role="img">',
        "<title>The rooms of convlens, and which imports which</title>",
        f"<style>{STYLE}</style>",
        f'<text x="14" y="{TOP - 14}" class="quiet">floor</text>',
    ]
    place = {room: index for index, (room, _) in enumerate(rooms)}
    for index, (room, floor) in enumerate(rooms):
        left, top = LEFT + CELL * index, TOP + CELL * index
        down, across = top + CELL / 2 + 5, left + CELL / 2 + 5
        parts += [
            f'<line x1="14" y1="{top}" x2="{LEFT + size}" y2="{top}"/>',
            f'<rect class="self" x="{left}" y="{top}" width="{CELL}" height="{CELL}"/>',
            f'<text x="14" y="{down}" class="quiet">{floor}</text>',
            f'<text x="44" y="{down}">{escape(room)}</text>',
            f'<text transform="translate({across} {TOP - 10}) rotate(-50)">{escape(room)}</text>',
        ]
    parts.append(f'<line x1="14" y1="{end}" x2="{LEFT + size}" y2="{end}"/>')
    for (here, there), count in sorted(counts.items()):
        if here in place and there in place:
            x, y = LEFT + CELL * (place[there] + 0.5), TOP + CELL * (place[here] + 0.5)
            radius = min(3 + 1.6 * sqrt(count), CELL / 2 - 2)
            modules = "1 module" if count == 1 else f"{count} modules"
            parts.append(
                f'<circle cx="{x}" cy="{y}" r="{radius:.1f}">'
                f"<title>{modules} of {here} import {there}</title></circle>"
            )
    parts.append(
        f'<text x="14" y="{end + 24}" class="quiet">A dot: the room of the row imports the room '
        "of the column. The larger, the more of its modules do.</text>"
    )
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(draw(), "utf-8")
