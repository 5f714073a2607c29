"""A few thousand damaged forms and heads; `serving.py` runs a million."""

from __future__ import annotations

from fuzz.serving import forms, heads
from serving import Server


def test_forms_that_are_damaged_are_read_or_refused() -> None:
    forms(3000, 0)


def test_heads_that_are_damaged_are_answered_or_closed(server: Server) -> None:
    heads(500, 0, server)
    assert server.get("/readyz").status == 200
