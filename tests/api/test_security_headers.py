"""The headers that tell browsers what our responses may do, and whom to tell of a weakness."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from aijobs.process_settings import ApiSettings
from api.app import build_app
from api.connections.middleware import HEADERS, TLS_HEADERS
from api.dependencies import ApiDependencies
from tests.api.installation import ApiUnderTest
from tests.patience import http_client

CONTACT = "mailto:security@example.com"


@asynccontextmanager
async def client_of(dependencies: ApiDependencies, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = build_app(replace(dependencies, **changes))
    async with http_client(transport=httpx.ASGITransport(app), base_url="http://aijobs.test") as http:
        yield http


@pytest.mark.parametrize("path", ["/healthz", "/api/jobs", "/nowhere", "/openapi.json", "/docs", "/login"])
async def test_every_response_has_them(shared_api: ApiUnderTest, path: str) -> None:
    answer = await shared_api.http.get(path)

    assert HEADERS.keys() <= {name.title() for name in answer.headers} | set(answer.headers)
    assert "Strict-Transport-Security" not in answer.headers


async def test_behind_tls_browsers_keep_to_it(dependencies: ApiDependencies) -> None:
    async with client_of(dependencies, base_url="https://aijobs.test") as http:
        answer = await http.get("/healthz")

    assert answer.headers["Strict-Transport-Security"] == TLS_HEADERS["Strict-Transport-Security"]


async def test_whom_to_tell_of_a_weakness(dependencies: ApiDependencies) -> None:
    settings = dependencies.settings.model_copy(update={"security_contact": CONTACT})

    async with client_of(dependencies, settings=settings) as http:
        answer = await http.get("/.well-known/security.txt")

    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert fields["Contact"] == CONTACT
    assert fields["Canonical"] == "http://aijobs.test/.well-known/security.txt"
    remaining = datetime.fromisoformat(fields["Expires"]) - datetime.now(UTC)
    assert timedelta(0) < remaining < timedelta(days=366)


async def test_nobody_is_named_who_was_not_set(dependencies: ApiDependencies) -> None:
    async with client_of(dependencies) as http:
        answer = await http.get("/.well-known/security.txt")

    assert answer.status_code == 404


@pytest.mark.parametrize(
    "contact", ["security@example.com", "http://example.com", "mailto:a b@c", "https://a\nExpires: x"]
)
def test_a_contact_that_is_no_uri_is_refused(contact: str) -> None:
    with pytest.raises(ValidationError, match="security_contact"):
        ApiSettings(security_contact=contact)
