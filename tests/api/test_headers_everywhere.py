"""Every kind of response has the headers for browsers: pages, answers, errors, files and streams."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx
import pytest
from PIL import Image
from pydantic import HttpUrl

from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.access.first_key import ensure_first_key
from api.app import build_app
from api.connections.middleware import TLS_HEADERS
from dashboard.assets import asset_urls
from tests.api.conftest import SMALL, opened_dependencies
from tests.api.installation import ApiUnderTest, opened_installation
from tests.patience import http_client
from workflows.client import TemporalJobEngine

WEB_UI: Final = "http://temporal.test:8233"
BASE_URL: Final = "https://aijobs.test"

#: What browsers must be told in any case.
ALWAYS: Final = {
    "X-Content-Type-Options": {"nosniff"},
    "X-Frame-Options": {"DENY"},
    "Cross-Origin-Opener-Policy": {"same-origin"},
    "Strict-Transport-Security": {TLS_HEADERS["Strict-Transport-Security"]},
}
#: What a cache of others may keep: files that are the same for everybody.
PUBLIC: Final = ("/static/", "/favicon.ico")

PICTURE: Final = io.BytesIO()
Image.new("RGB", (64, 48), "navy").save(PICTURE, "PNG")


@dataclass(frozen=True)
class BrowsedInstallation:
    """An installation with a finished job, its browser, and where its files are."""

    api: ApiUnderTest
    browser: httpx.AsyncClient
    code: str
    file_link: str


@pytest.fixture(scope="module")
async def place(
    tmp_path_factory: pytest.TempPathFactory, engine: TemporalJobEngine
) -> AsyncIterator[BrowsedInstallation]:
    folder = tmp_path_factory.mktemp("headers")
    settings = SMALL.model_copy(update={"temporal_ui": HttpUrl(WEB_UI)})
    async with opened_dependencies(folder, engine, url=BASE_URL, api=settings) as dependencies:
        key = await ensure_first_key(dependencies.database, dependencies.secret, folder)
        async with opened_installation(dependencies, key) as api, _signed_in(api, key) as browser:
            code = await api.job()
            await api.push(code, JobStatus.SUBMITTED, JobStatus.GENERATED, JobStatus.MIGRATING)
            await api.keep_output(code, PICTURE.getvalue())
            await api.push(code, JobStatus.SUCCESS)
            link = (await api.http.get(f"/api/jobs/{code}/outputs/0")).headers["Location"]
            yield BrowsedInstallation(api, browser, code, link.removeprefix(BASE_URL))


@asynccontextmanager
async def _signed_in(api: ApiUnderTest, key: str) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(base_url=api.url) as http:
        signed_in = await http.post("/api/sessions", json={"key": key})
        http.headers["Cookie"] = signed_in.headers["Set-Cookie"].partition(";")[0]
        yield http


Request = tuple[str, str, int, dict[str, Any]]

#: By a caller with a key: method, path, the status that it gets, and what else is sent.
BY_KEY: Final[dict[str, Request]] = {
    "answer": ("GET", "/api/jobs", 200, {}),
    "made": (
        "POST",
        "/api/jobs",
        202,
        {
            "json": {
                "model_id": "replicate_imageupscale_v1",
                "user_id": "a",
                "params": {"image": "https://example.com/a.jpg"},
            }
        },
    ),
    "uploaded": (
        "POST",
        "/api/files",
        201,
        {"files": {"file": ("a.png", PICTURE.getvalue())}, "headers": {"Aijobs-User": "ada"}},
    ),
    "table": ("GET", "/api/events", 200, {"headers": {"Accept": "application/json"}}),
    "redirect to a file": ("GET", "/api/jobs/{code}/outputs/0", 307, {}),
    "file": ("GET", "{file}", 200, {}),
    "part of a file": ("GET", "{file}", 206, {"headers": {"Range": "bytes=0-9"}}),
    "file with a bad signature": ("GET", "{file}x", 403, {}),
    "stream": ("GET", "/api/jobs/{code}/events", 200, {"headers": {"Accept": "text/event-stream"}}),
    "wrong key": ("GET", "/api/jobs", 401, {"headers": {"Authorization": "Bearer aijobs_wrong"}}),
    "not found": ("GET", "/nowhere", 404, {}),
    "no such job": ("GET", "/api/jobs/job_00000000000000000000000000", 404, {}),
    "wrong method": ("PUT", "/api/jobs", 405, {}),
    "too large": ("POST", "/api/jobs", 413, {"content": b"x" * 20_000}),
    "wrong type": ("POST", "/api/jobs", 415, {"content": b"x"}),
    "wrong fields": ("POST", "/api/jobs", 422, {"json": {}}),
    "wrong host": ("GET", "/api/jobs", 421, {"headers": {"Host": "evil.test"}}),
    "incoming webhook": ("POST", "/api/webhooks/replicate/none", 404, {"content": b"{}"}),
    "codec": ("POST", "/codec/decode", 200, {"json": {"payloads": []}, "headers": {"Origin": WEB_UI}}),
    "preflight": (
        "OPTIONS",
        "/codec/decode",
        200,
        {"headers": {"Origin": WEB_UI, "Access-Control-Request-Method": "POST"}},
    ),
    "health": ("GET", "/healthz", 200, {}),
    "readiness": ("GET", "/readyz", 503, {}),
    "metrics": ("GET", "/metrics", 200, {}),
    "documentation": ("GET", "/docs", 200, {}),
    "its document": ("GET", "/openapi.json", 200, {}),
    "no contact": ("GET", "/.well-known/security.txt", 404, {}),
}

#: By a browser that is signed in, unless it sends no cookie.
BY_BROWSER: Final[dict[str, Request]] = {
    "page": ("GET", "/jobs", 200, {}),
    "page of a job": ("GET", "/jobs/{code}", 200, {}),
    "piece of a page": ("GET", "/jobs/{code}/live", 200, {}),
    "thumbnail": ("GET", "/jobs/{code}/thumbnail/0", 200, {}),
    "page that is not there": ("GET", "/jobs/job_00000000000000000000000000", 404, {}),
    "form of another site": ("POST", "/logout", 403, {"headers": {"Origin": "http://evil.test"}}),
    "sign-in": ("GET", "/login", 200, {"headers": {"Cookie": ""}}),
    "way to the sign-in": ("GET", "/jobs", 303, {"headers": {"Cookie": ""}}),
    "script": ("GET", asset_urls()["live.js"], 200, {"headers": {"Cookie": ""}}),
    "icon": ("GET", "/favicon.ico", 200, {"headers": {"Cookie": ""}}),
}


@pytest.mark.parametrize("kind", [*BY_KEY, *BY_BROWSER])
async def test_every_kind_of_response_has_them(place: BrowsedInstallation, kind: str) -> None:
    client = place.api.http if kind in BY_KEY else place.browser
    method, path, status, sent = (BY_KEY | BY_BROWSER)[kind]

    answer = await client.request(method, path.format(code=place.code, file=place.file_link), **sent)

    assert answer.status_code == status, answer.text
    check_headers(path, answer.headers, is_file=kind in {"file", "part of a file"})


async def test_an_error_of_ours_has_them_too(place: BrowsedInstallation) -> None:
    app = build_app(replace(place.api.dependencies, catalogue=None))  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with http_client(transport=transport, base_url=BASE_URL, headers=place.api.http.headers) as http:
        answer = await http.get("/api/models")

    assert answer.status_code == 500
    check_headers("/api/models", answer.headers)


def check_headers(path: str, headers: httpx.Headers, *, is_file: bool = False) -> None:
    """A file of the store may be shown by pages of others, and does nothing there."""
    told = {name: set(headers.get_list(name)) for name in ALWAYS}
    policy = directives(headers["Content-Security-Policy"])

    assert told == ALWAYS
    assert headers["Referrer-Policy"] in {"no-referrer", "same-origin"}
    assert headers["Cross-Origin-Resource-Policy"] == ("cross-origin" if is_file else "same-origin")
    assert ("sandbox" in policy) == is_file
    assert policy["frame-ancestors"] == "'none'"
    assert policy["default-src"] in {"'none'", "'self'"}
    assert "unsafe" not in policy.get("script-src", "")
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["X-Request-Id"]
    assert "Server" not in headers
    may_be_kept = "public" in headers["Cache-Control"]
    assert may_be_kept == path.startswith(PUBLIC)


def directives(policy: str) -> dict[str, str]:
    pairs = (one.strip().partition(" ") for one in policy.split(";") if one.strip())
    return {name: value for name, _, value in pairs}
