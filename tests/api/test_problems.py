"""Every error has the one problem format."""

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from aijobs.domain import errors
from aijobs.domain.errors import AijobsError
from api.app import build_app
from api.dependencies import ApiDependencies
from api.problems import STATUS_OF, status_of
from api.server import serving
from tests.api.installation import ApiUnderTest
from tests.patience import http_client

JSON = {"Content-Type": "application/json"}


def every_error(known: type[AijobsError] = AijobsError) -> Iterator[type[AijobsError]]:
    yield known
    for narrower in known.__subclasses__():
        yield from every_error(narrower)


def test_no_error_is_forgotten() -> None:
    named = {error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, AijobsError)}

    assert named == set(STATUS_OF)
    assert all(status_of(error) >= 400 for error in every_error())


def check(answer: httpx.Response, status: int, code: str) -> None:
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert list(problem) == ["type", "title", "status", "detail", "code", "request_id", "errors", "errors_total"]
    assert problem["type"] == f"http://aijobs.test/problems/{code}"
    assert problem["request_id"] == answer.headers["X-Request-Id"]


async def test_paths_and_methods_that_we_do_not_have(shared_api: ApiUnderTest) -> None:
    check(await shared_api.http.get("/api/nothing"), 404, "not_found")
    check(await shared_api.http.delete("/api/jobs"), 405, "method_not_allowed")


@pytest.mark.parametrize(
    "body",
    [
        b'{"model_id": NaN}',
        b'{"model_id": Infinity}',
        b'{"model_id": -Infinity}',
        b'{"model_id": 1e999}',
        b'{"model_id": 1, "model_id": 2}',
        b'{"model_id": ' + b"9" * 5000 + b"}",
        b"[" * 10_000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b'{"model_id"',
        b"not json",
        b"\xff\xfe",
        '{"model_id": "x"}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
    ],
)
async def test_what_is_not_decent_json(shared_api: ApiUnderTest, body: bytes) -> None:
    check(await shared_api.http.post("/api/jobs", content=body, headers=JSON), 400, "invalid_json")


async def test_text_that_cannot_be_stored_is_pointed_at(shared_api: ApiUnderTest) -> None:
    body = b'{"params": {"image": "a\\u0000b"}, "metadata": {"a/b": ["x", "\\ud800"]}, "user_id": "ok"}'
    answer = await shared_api.http.post("/api/jobs", content=body, headers=JSON)

    check(answer, 422, "bad_input")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/params/image", "/metadata/a~1b/1"]


async def test_a_body_of_another_kind(shared_api: ApiUnderTest) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = await shared_api.http.post("/api/jobs", content=b"{}", headers={"Content-Type": kind})
        check(answer, 415, "unsupported_media_type")
    check(await shared_api.http.post("/api/jobs"), 422, "invalid_parameters")


async def test_a_body_that_is_too_large_announced_or_not(shared_api: ApiUnderTest) -> None:
    async def in_chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 1024

    large = json.dumps({"model_id": "x" * 17_000}).encode()
    check(await shared_api.http.post("/api/jobs", content=large, headers=JSON), 413, "body_too_large")
    check(await shared_api.http.post("/api/jobs", content=in_chunks(), headers=JSON), 413, "body_too_large")


async def test_a_long_name_of_a_field_is_not_repeated_in_full(shared_api: ApiUnderTest) -> None:
    answer = await shared_api.http.post("/api/jobs", json={"x" * 5000: 1})

    check(answer, 422, "invalid_parameters")
    assert len(answer.text) < 1000


async def test_the_callers_own_request_id_is_kept_when_it_is_decent(shared_api: ApiUnderTest) -> None:
    kept = await shared_api.http.get("/healthz", headers={"X-Request-Id": "trace-1"})
    replaced = await shared_api.http.get("/healthz", headers={"X-Request-Id": 'a b"<script>'})

    assert kept.headers["X-Request-Id"] == "trace-1"
    assert replaced.headers["X-Request-Id"].startswith("req_")


async def test_an_unexpected_error_tells_nothing_but_its_number(dependencies: ApiDependencies) -> None:
    app = build_app(dependencies)

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError("internals")

    async with (
        serving(app, dependencies.live, host="127.0.0.1", port=0) as url,
        http_client(base_url=url) as http,
    ):
        answer = await http.get("/broken")

    check(answer, 500, "internal_error")
    assert "internals" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
