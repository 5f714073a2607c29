"""The API's description: it holds for what schemathesis makes up, and its examples work."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from serving import Server

schemathesis = pytest.importorskip("schemathesis")
from schemathesis.specs.openapi.checks import positive_data_acceptance  # noqa: E402


@pytest.fixture(scope="module")
def description(server: Server) -> dict[str, Any]:
    return server.get("/openapi.json").json()


@pytest.fixture(scope="module")
def api_schema(server: Server, description: dict[str, Any]) -> Any:
    loaded = schemathesis.openapi.from_dict(description)
    loaded.config.update(base_url=f"http://127.0.0.1:{server.port}")
    # a training that is made up would run; they have tests of their own
    return loaded.exclude(path_regex="^/v1/trainings")


schema = schemathesis.pytest.from_fixture("api_schema")


@schema.parametrize()
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_the_server_does_what_its_description_says(case: Any) -> None:
    # a body of the right form may still hold an image of the wrong size, or a name of nothing here
    case.call_and_validate(timeout=20, excluded_checks=[positive_data_acceptance])


def test_the_examples_of_the_description_are_answered(
    server: Server, description: dict[str, Any]
) -> None:
    tried = 0
    for path, operations in description["paths"].items():
        body = operations.get("post", {}).get("requestBody")
        if body is None or path == "/v1/trainings":
            continue
        example = body["content"]["application/json"]["example"]
        reply = server.post(path.replace("{name}", "first"), example)
        assert reply.status == 200, (path, reply.body)
        tried += 1
    assert tried == 5


def test_every_operation_says_what_it_is_for(description: dict[str, Any]) -> None:
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert "500" in operation["responses"]
    assert "127.0.0.1" not in json.dumps(description)
