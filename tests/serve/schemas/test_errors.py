"""The codes of errors are those that the server gives, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from convlens.serve import schemas

SERVE = Path(__file__).parents[3] / "src/convlens/serve"


def test_every_code_is_given_somewhere() -> None:
    """That no other code is given, mypy proves; that the page has a text for each, tsc."""
    sources = [path for path in SERVE.rglob("*.py") if path.parent.name != "schemas"]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    codes = get_args(schemas.Code.__value__)
    assert len(codes) > 20
    assert [code for code in codes if f'"{code}"' not in text] == []
