"""`docs/faults.md` is what the tests are."""

from __future__ import annotations

from faults.write_document import DOCUMENT, document


def test_the_document_of_faults_is_up_to_date() -> None:
    assert DOCUMENT.read_text("utf-8") == document(), "python tests/faults/write_document.py"
