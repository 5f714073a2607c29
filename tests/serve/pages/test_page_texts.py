"""The page has words of its own for every code that the server answers with."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_page_knows_every_code_of_the_server() -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "src/convlens/serve").rglob("*.py"))
    codes = set(re.findall(r'\b[45]\d\d,\s*"([a-z_]+)"', sources))
    codes |= set(re.findall(r'told = "([a-z_]+)"', sources))
    assert {"invalid", "bad_image", "overloaded", "no_such_model", "refused"} <= codes
    texts = (ROOT / "web/src/shell/problemTexts.ts").read_text()
    known = set(re.findall(r'^  ([a-z_]+): "\w+",$', texts, re.MULTILINE))
    assert codes <= known


def test_the_page_knows_every_note_on_an_image() -> None:
    sources = [ROOT / "src/convlens/data" / name for name in ("decode.py", "preprocessing.py")]
    text = "\n".join(path.read_text() for path in sources)
    notes = re.findall(r'notes\.append\(\s*"([^"]+)"', text)
    assert len(notes) >= 5
    page = (ROOT / "web/src/explore/notes.ts").read_text()
    known = re.findall(r'^  \["([^"]+)", "note\.', page, re.MULTILINE)
    assert [note for note in notes if not note.startswith(tuple(known))] == []
