"""The OpenAPI document tells of every route, and of every error."""

from typing import Any

import pytest

from tests.api.installation import Installation

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
async def openapi(standing: Installation) -> dict[str, Any]:
    answer = await standing.http.get("/openapi.json")
    document: dict[str, Any] = answer.json()
    return document


def operations(openapi: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method} {path}": operation
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }


def references(value: Any) -> set[str]:
    match value:
        case {"$ref": str(reference)}:
            return {reference}
        case dict():
            return set[str]().union(*map(references, value.values()))
        case list():
            return set[str]().union(*map(references, value))
    return set()


async def test_every_route_says_what_it_is_and_what_can_go_wrong(openapi: dict[str, Any]) -> None:
    for name, operation in operations(openapi).items():
        assert operation["summary"], name
        assert operation["tags"], name
        if name == "get /healthz":
            continue
        problems = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert problems, name
        for answer in problems.values():
            assert answer["content"].keys() == {"application/problem+json"}, name


async def test_every_reference_leads_somewhere_and_no_operation_is_named_twice(openapi: dict[str, Any]) -> None:
    schemas = {f"#/components/schemas/{name}" for name in openapi["components"]["schemas"]}
    named = [operation["operationId"] for operation in operations(openapi).values()]

    assert references(openapi) - {"#/$defs/"} <= schemas
    assert len(named) == len(set(named))
    assert openapi["openapi"].startswith("3.1")


async def test_routes_that_need_a_key_say_so(openapi: dict[str, Any]) -> None:
    open_to_all = {name for name, operation in operations(openapi).items() if "security" not in operation}

    assert open_to_all == {
        "get /healthz",
        "get /readyz",
        "get /api/store/{key}",
        "post /api/webhooks/{provider}/{token}",
    }


async def test_handing_in_a_job_comes_with_examples(openapi: dict[str, Any]) -> None:
    body = openapi["paths"]["/api/jobs"]["post"]["requestBody"]["content"]["application/json"]

    assert body["examples"]["a link"]["value"]["model_id"] == "replicate_imageupscale_v1"


async def test_the_page_may_load_its_script(standing: Installation) -> None:
    page = await standing.http.get("/docs")

    assert "swagger" in page.text
    assert "script-src https:" in page.headers["Content-Security-Policy"]
