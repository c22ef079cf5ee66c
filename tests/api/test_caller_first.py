"""Authentication comes before the body is read, and a body's values are counted before it is parsed."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from api.app import build_app
from api.dependencies import ApiDependencies
from api.requests.strict_json import MAX_DEPTH, MAX_VALUES
from tests.api.installation import ApiUnderTest, opened_installation
from tests.api.raw import head, raw_connection, request_once
from tests.patience import http_client

#: Whoever comes here has no key yet, or needs none.
OPEN = {"/api/sessions", "/login", "/login/person", "/logout", "/preferences"}
WITHOUT_BODY = {"GET", "HEAD"}

TEMPLATE = "/api/templates/hostile"


def routes_with_bodies(dependencies: ApiDependencies) -> Iterator[tuple[str, str]]:
    """Method and path of each route that takes a body."""
    for context in iter_route_contexts(build_app(dependencies).routes):
        if isinstance(context.original_route, APIRoute):
            for method in (context.methods or set()) - WITHOUT_BODY:
                yield method, re.sub(r"{[^}]*}", "x", context.path or "")


async def test_without_a_key_no_route_waits_for_a_body(shared_api: ApiUnderTest) -> None:
    routes = [(method, path) for method, path in routes_with_bodies(shared_api.dependencies) if path not in OPEN]
    assert len(routes) > 30
    for method, path in routes:
        for kind in ("application/json", "multipart/form-data; boundary=b", "application/x-www-form-urlencoded"):
            request = head(method, path, Content_Type=kind, Content_Length="100000")
            answer = await request_once(shared_api.url, request)

            expected = (
                404 if path.startswith("/api/webhooks/") else 401 if path.startswith(("/api/", "/codec/")) else 303
            )
            assert answer.status == expected, (method, path, kind)


async def test_a_caller_who_may_not_is_told_so_before_his_body_is_read(api: ApiUnderTest) -> None:
    ada = await api.key_for("ada")
    request = head("PUT", TEMPLATE, Content_Type="application/json", Content_Length="100000", **ada)

    assert (await request_once(api.url, request)).status == 403


async def test_of_somebody_unknown_only_a_small_body_is_read(shared_api: ApiUnderTest) -> None:
    for path in sorted(OPEN):
        request = head("POST", path, Content_Type="application/json", Content_Length="10000")

        answer = await request_once(shared_api.url, request)

        assert answer.status in {303, 403, 413}, path  # some look at the body no more than at their caller
        if path == "/api/sessions":
            assert answer.status == 413


STANDSTILL: Final = 3.0
"""Seconds: less than parsing four such bodies on the loop takes, more than a busy machine adds."""

HOSTILE = {
    "lists": "[" + "[]," * 600_000 + "[]]",
    "objects": "[" + "{}," * 600_000 + "{}]",
    "numbers": "[" + "1," * 900_000 + "1]",
    "strings": "[" + '"",' * 600_000 + '""]',
    "keys": "{" + ",".join(f'"{number}":1' for number in range(100_000)) + "}",
    "no commas": "[" * 40 + '""' * 800_000,
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_many_values_are_refused_without_keeping_anybody_waiting(
    dependencies: ApiDependencies, key: str, name: str
) -> None:
    body = HOSTILE[name].encode()
    headers = {"Content-Type": "application/json"}
    async with opened_installation(dependencies, key) as api:
        sending = asyncio.gather(*(api.http.put(TEMPLATE, content=body, headers=headers) for _ in range(4)))
        longest = await longest_gap(sending)

    assert {answer.status_code for answer in await sending} == {400}
    assert {answer.json()["code"] for answer in await sending} == {"invalid_json"}
    assert longest < STANDSTILL


async def longest_gap(sending: "asyncio.Future[Any]") -> float:
    """The longest time for which the event loop was blocked. The API runs in this process."""
    longest, last = 0.0, time.monotonic()
    while not sending.done():
        await asyncio.sleep(0.001)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    return longest


async def test_what_a_long_text_holds_counts_for_nothing(api: ApiUnderTest) -> None:
    columns = [{"name": "a"}]
    for text in ("[" * 200_000, "[]," * 60_000, '"\\' * 90_000):
        answer = await api.http.put(TEMPLATE, json={"name": "x", "prompt": text, "columns": columns})
        assert answer.status_code in {200, 201}, answer.text[:200]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("[" * MAX_DEPTH + "]" * MAX_DEPTH, 422),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), 400),
        ("[" + "1," * (MAX_VALUES - 1) + "1]", 422),
        ("[" + "1," * MAX_VALUES + "1]", 400),
        ('{"a":1,"a":2}', 400),
        ("[NaN]", 400),
        ("[1e999]", 400),
    ],
)
async def test_the_limits_are_where_they_are_said_to_be(api: ApiUnderTest, body: str, status: int) -> None:
    answer = await api.http.put(TEMPLATE, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == status, answer.text[:300]


@pytest.mark.parametrize(
    "body",
    [
        {"x": ["\0"] * 5000},
        {f"{number}{'x' * 500}": 1 for number in range(1000)},
        {"model_id": "replicate_imageupscale_v1", "params": {f"p{number}": "x" * 100 for number in range(1000)}},
        {"metadata": {f"{number}": number for number in range(2000)}},
    ],
    ids=["unfit", "unknown", "parameters", "types"],
)
async def test_an_answer_names_the_first_errors_and_says_how_many_there_are(
    dependencies: ApiDependencies, key: str, body: dict[str, Any]
) -> None:
    roomy = replace(dependencies, settings=dependencies.settings.model_copy(update={"max_body_bytes": 2**20}))
    async with opened_installation(roomy, key) as api:
        answer = await api.http.post("/api/jobs", json={"user_id": "ada", **body})

    problem = answer.json()
    assert (answer.status_code, len(problem["errors"])) == (422, 20)
    assert problem["errors_total"] >= 1000
    assert len(answer.content) < 16 * 1024


async def test_a_small_answer_says_how_many_errors_there_are(shared_api: ApiUnderTest) -> None:
    answer = await shared_api.http.post("/api/jobs", json={})
    missing = await shared_api.http.get("/api/nothing")

    assert answer.json()["errors_total"] == len(answer.json()["errors"]) == 2
    assert missing.json()["errors_total"] == 0


async def test_a_body_is_read_while_its_caller_is_known(api: ApiUnderTest, key: str) -> None:
    """Send half of the body first: the response waits for the rest."""
    body = json.dumps({"user_id": "ada", "ttl": 60})
    sent: dict[str, str] = {"Authorization": f"Bearer {key}", "Content_Type": "application/json"}
    async with raw_connection(api.url) as connection:
        await connection.send(head("POST", "/api/tokens", **sent, Content_Length=str(len(body))), body[:5])
        assert await connection.is_open(after=0.2)
        await connection.send(body[5:])

        assert (await connection.answer()).status == 201


async def test_a_page_shows_no_more_than_the_first_errors(shared_api: ApiUnderTest) -> None:
    statuses = "&".join("status=x" for _ in range(1000))
    async with http_client(base_url=shared_api.url) as browser:
        key = shared_api.http.headers["Authorization"].removeprefix("Bearer ")
        assert (await browser.post("/api/sessions", json={"key": key})).status_code == 204
        page = await browser.get(f"/jobs?{statuses}")

    assert page.status_code == 422
    assert len(page.content) < 32 * 1024
