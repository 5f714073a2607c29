"""The page has words of its own for every note that the server makes on an image."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_page_knows_every_note_on_an_image() -> None:
    sources = [ROOT / "src/convlens/data" / name for name in ("decode.py", "preprocessing.py")]
    text = "\n".join(path.read_text() for path in sources)
    notes = re.findall(r'notes\.append\(\s*"([^"]+)"', text)
    assert len(notes) >= 5
    page = (ROOT / "web/src/explore/notes.ts").read_text()
    known = re.findall(r'^  \["([^"]+)", "note\.', page, re.MULTILINE)
    assert [note for note in notes if not note.startswith(tuple(known))] == []
