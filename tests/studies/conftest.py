"""Studies on a machine that seems quiet: what other work does to their times has its own tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from convlens.studies import study


@pytest.fixture(scope="package", autouse=True)
def quiet() -> Iterator[None]:
    """Let no thread have waited for a core."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "waited_seconds", lambda: 0.0)
        yield
