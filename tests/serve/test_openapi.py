"""The API's description: it holds for what schemathesis makes up, and its examples work."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from convlens.network.layers import COMPUTED
from serving import Server

schemathesis = pytest.importorskip("schemathesis")
from schemathesis.specs.openapi.checks import positive_data_acceptance  # noqa: E402


@pytest.fixture(scope="module")
def description(server: Server) -> dict[str, Any]:
    return server.get("/openapi.json").json()


def test_the_server_does_what_its_description_says(
    server: Server, description: dict[str, Any]
) -> None:
    """Requests made up from the description, right and wrong, over real HTTP."""
    schema = schemathesis.openapi.from_dict(description)
    checked = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.startswith("/v1/trainings"):
            continue  # they would train; tests of their own ask for what is wrong

        @given(case=operation.as_strategy())
        @settings(
            max_examples=10,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def check(case: Any) -> None:
            case.call_and_validate(
                base_url=f"http://127.0.0.1:{server.port}",
                timeout=20,
                # what has the right form may still name nothing here: 404 or 422
                excluded_checks=[positive_data_acceptance],
            )

        check()
        checked += 1
    assert checked == 32


def test_the_examples_of_the_description_are_answered(
    server: Server, description: dict[str, Any]
) -> None:
    tried = 0
    for path, operations in description["paths"].items():
        body = operations.get("post", {}).get("requestBody")
        if body is None or path == "/v1/trainings" or "{collection}" in path:
            continue
        example = body["content"]["application/json"]["example"]
        reply = server.post(path.replace("{name}", "first"), example)
        assert reply.status == 200, (path, reply.body)
        tried += 1
    assert tried == 6


def test_every_operation_says_what_it_is_for(description: dict[str, Any]) -> None:
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert "500" in operation["responses"]
    assert "127.0.0.1" not in json.dumps(description)


def test_the_committed_description_is_the_servers(description: dict[str, Any]) -> None:
    """The page's types are made of it; `make contract` writes both."""
    root = Path(__file__).parents[2]
    fresh = runpy.run_path(str(root / "web/contract/write.py"))["text"]()
    assert (root / "docs/openapi.json").read_text("utf-8") == fresh, "run make contract"
    committed = json.loads(fresh)
    assert committed["paths"] == description["paths"]
    shapes = committed["components"]["schemas"]
    assert description["components"]["schemas"].items() <= shapes.items()
    assert {"Site", "SiteSamples"} <= shapes.keys()


def test_every_kind_of_layer_is_in_the_description(description: dict[str, Any]) -> None:
    assert description["components"]["schemas"]["Kind"]["enum"] == list(COMPUTED)
