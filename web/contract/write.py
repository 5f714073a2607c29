"""Write docs/openapi.json: the server's description of itself, and of a published site's files.

Run from the repository root: `make contract`, which then makes the page's types of it.
`python web/contract/write.py` alone writes the document.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from convlens.serve import schemas
from convlens.serve.api import shapes_of
from convlens.serve.app import create_app
from convlens.serve.http.access import Access
from convlens.serve.http.counters import Counters
from convlens.serve.http.limits import Limits
from convlens.serve.models.registry import Registry
from convlens.serve.services import Services

DOCUMENT = Path(__file__).parents[2] / "docs/openapi.json"
FILES = (schemas.Site.__name__, schemas.SiteSamples.__name__)
"""What `convlens publish` writes beside the page, which no address of the server answers with."""


def document() -> dict[str, Any]:
    """Return the description of a server that has no runs; it is the same for all."""
    with tempfile.TemporaryDirectory() as folder:
        limits = Limits()
        registry = Registry((), Path(folder), limits)
        services = Services.start(registry, limits, Counters())
        try:
            app = create_app(registry, services, Access()).app
            assert isinstance(app, FastAPI)
            described = app.openapi()
        finally:
            services.close()
    shapes = described["components"]["schemas"] | shapes_of(FILES)
    described["components"]["schemas"] = dict(sorted(shapes.items()))
    return described


def text() -> str:
    """Return the document as it is committed: a line per address, and per shape."""
    described = document()
    parts = {key: _lines(values) for key, values in described.pop("components").items()}
    components = ",\n".join(f"{_json(key)}: {text}" for key, text in parts.items())
    lines = [f"{_json(key)}: {_json(value)}" for key, value in described.items() if key != "paths"]
    lines += [f'"paths": {_lines(described["paths"])}', f'"components": {{\n{components}\n}}']
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _lines(values: dict[str, Any]) -> str:
    lines = (f"{_json(key)}: {_json(value)}" for key, value in values.items())
    return "{\n" + ",\n".join(lines) + "\n}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    DOCUMENT.write_text(text(), encoding="utf-8")
