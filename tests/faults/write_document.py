"""Write `docs/faults.md`: each row of `rows.md`, what is promised, and the tests that show it.

    python tests/faults/write_document.py

A test belongs to a row by its name: `test_fault_12_...`, or `test_faults_12_and_13_...`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "faults.md"
ROW = re.compile(r"\| (\d+) \| (.*) \| (.*) \|")
TEST = re.compile(r"^(?:async )?def (test_faults?_[\w]+)\(", re.MULTILINE)

WITHOUT = {
    29: "comes with training in several processes",
    30: "comes with training in several processes",
    60: "comes with folders dropped on the page",
    61: "comes with training in several processes",
}
"""Rows that cannot have a test yet, and why."""

INTRODUCTION = """# Faults and bad inputs

What convlens promises when files are damaged, inputs hostile, disks full and processes killed, and
the tests that show it. Written by `python tests/faults/write_document.py` from the names of the
tests; a test says when it is out of date.

| # | given | must happen | tests |
|---|---|---|---|
"""


FUZZED = """
## Damaged inputs that were tried

The text files of a run folder by `python tests/fuzz/run_files.py COUNT SEED [FILE...]`; forms, and
heads and trailers over a real socket, by `python tests/fuzz/serving.py forms|heads COUNT SEED`.
Texts are damaged byte by byte, or have odd values in the place of theirs. `found` counts what was
neither read nor refused, or kept its connection open; each is mended and has a test.

| reader | inputs | seconds | found |
|---|---|---|---|
"""


def tests_by_row() -> dict[int, list[str]]:
    """Return the names of the tests, with their files, by the number of their row."""
    rows: dict[int, list[str]] = {}
    for path in sorted(HERE.parent.rglob("test_*.py")):
        for name in TEST.findall(path.read_text("utf-8")):
            head = re.match(r"test_faults?_(\d+(?:_(?:and|to)_\d+|_\d+)*)_", name)
            if head:
                for number in map(int, re.findall(r"\d+", head[1])):
                    rows.setdefault(number, []).append(
                        f"`{path.relative_to(HERE.parent).as_posix()}`: {name}"
                    )
    return rows


def document() -> str:
    """Return the whole document."""
    found = tests_by_row()
    lines = []
    for line in (HERE / "rows.md").read_text("utf-8").splitlines():
        match = ROW.fullmatch(line)
        assert match, line
        number = int(match[1])
        tests = found.get(number)
        shown = "<br>".join(tests) if tests else f"none: {WITHOUT.get(number, 'not written yet')}"
        lines.append(f"| {number} | {match[2]} | {match[3]} | {shown} |\n")
    return INTRODUCTION + "".join(lines) + FUZZED + "".join(_counts())


def _counts() -> list[str]:
    """Return a line per reader that damaged inputs were given to."""
    counts = json.loads((HERE.parent / "fuzz" / "counts.json").read_text())
    return [
        f"| {name} | {row['inputs']:,} | {row['seconds']:,.1f} | {row['found']} |\n"
        for name, row in sorted(counts.items())
    ]


if __name__ == "__main__":
    DOCUMENT.write_text(document(), "utf-8")
