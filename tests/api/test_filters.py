"""Every list refuses unknown filters, and cursors that a database cannot take."""

import re
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from api.app import ROUTES
from tests.api.installation import ApiUnderTest

#: Where others decide what is in the address: providers, health checks, and a front end's own parameters.
OTHERS = (
    "/api/webhooks/",
    "/api/store/",
    "/api/progress/track",
    "/healthz",
    "/readyz",
    "/metrics",
    "/.well-known/",
    "/docs",
    "/openapi",
    "/asyncapi",
)
LISTS = (
    "/api/jobs",
    "/api/events",
    "/api/points",
    "/api/points/entries",
    "/api/photo-reviews",
    "/api/templates",
    "/api/templates/contract_zh/rows",
    "/api/templates/contract_zh/versions",
    "/api/webhook-endpoints",
    "/api/webhook-deliveries",
    "/api/models",
    "/api/dicts",
)


def addresses() -> Iterator[str]:
    """The paths of every GET route of the API."""
    for context in iter_route_contexts([route for module in ROUTES for route in module.router.routes]):
        path = context.path or ""
        is_of_ours = isinstance(context.original_route, APIRoute) and not path.startswith(OTHERS)
        if is_of_ours and "GET" in (context.methods or ()):
            yield path


@pytest.mark.parametrize("path", sorted(addresses()))
async def test_no_address_takes_a_parameter_that_it_does_not_know(shared_api: ApiUnderTest, path: str) -> None:
    answer = await shared_api.http.get(re.sub(r"{[^}]*}", "x", path), params={"statsu": "FAILED"})

    assert answer.status_code == 422, answer.text
    assert {"pointer": "/query/statsu", "message": "There is no such parameter here."} in answer.json()["errors"]


async def test_nor_does_one_that_makes_something(shared_api: ApiUnderTest) -> None:
    for path in ("/api/jobs", "/api/tokens", "/api/tickets", "/api/webhook-endpoints", "/api/files"):
        assert (await shared_api.http.post(path, params={"user_id": "ada"})).status_code == 422, path


CURSORS = ("9223372036854775808", "9" * 4000, "-1", "9" * 5000, "%00", "", "é" * 200)


@pytest.mark.parametrize("path", LISTS)
async def test_no_cursor_is_too_much_for_a_list(shared_api: ApiUnderTest, path: str) -> None:
    for cursor in CURSORS:
        answer = await shared_api.http.get(f"{path}?cursor={cursor}", headers={"Aijobs-User": "ada"})

        assert answer.status_code in {200, 404, 422}, (path, cursor, answer.text[:200])


@pytest.mark.parametrize("path", ["/api/points/entries", "/api/templates/contract_zh/rows"])
async def test_a_cursor_is_no_larger_than_an_id(shared_api: ApiUnderTest, path: str) -> None:
    await shared_api.http.put(
        "/api/templates/contract_zh", json={"name": "x", "prompt": "x", "columns": [{"name": "a"}]}
    )
    too_large = await shared_api.http.get(path, params={"cursor": str(2**63)})
    largest = await shared_api.http.get(path, params={"cursor": str(2**63 - 1)})

    assert (too_large.status_code, largest.status_code) == (422, 200)


async def test_nul_is_in_no_parameter(shared_api: ApiUnderTest) -> None:
    for path in ("/api/jobs?model=%00", "/api/jobs?cursor=a%00", "/api/webhook-deliveries?job=%00"):
        assert (await shared_api.http.get(path)).status_code == 422, path


@pytest.mark.parametrize(
    ("field", "value"),
    [("strict_order", 0), ("strict_order", "true"), ("max_stages", "3"), ("max_stages", True), ("max_stages", 3.0)],
)
async def test_types_are_strict_within_objects_too(shared_api: ApiUnderTest, field: str, value: object) -> None:
    preview = {"prompt": "阶段1 x", "stages": {field: value}}
    template = {"name": "x", "prompt": "x", "columns": [{"name": "a"}], "stages": {field: value}}
    for answer in (
        await shared_api.http.post("/api/templates/preview", json=preview),
        await shared_api.http.put("/api/templates/strict", json=template),
    ):
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"/stages/{field}"]


async def test_a_columns_flag_is_a_flag(shared_api: ApiUnderTest) -> None:
    template = {"name": "x", "prompt": "x", "columns": [{"name": "a", "required": 1}]}
    answer = await shared_api.http.put("/api/templates/strict", json=template)

    assert answer.json()["errors"][0]["pointer"] == "/columns/0/required"
