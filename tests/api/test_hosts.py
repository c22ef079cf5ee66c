"""Allowed hosts, and the responses to unknown paths."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from aijobs.process_settings import ApiSettings
from aijobs.settings import Settings, SettingsError
from api.connections.allowed_hosts import AllowedHosts, host_in
from api.dependencies import ApiDependencies
from tests.api.installation import ApiUnderTest, opened_installation
from tests.api.raw import RawResponse, head, request_once

OURS = "https://jobs.example.com"


@pytest.fixture
async def public(dependencies: ApiDependencies, key: str) -> AsyncIterator[ApiUnderTest]:
    settings = dependencies.settings.model_copy(update={"allowed_hosts": ("*.internal.example", "api")})
    async with opened_installation(replace(dependencies, base_url=OURS, settings=settings), key) as api:
        yield api


async def get_with_host(api: ApiUnderTest, host: str, path: str = "/api/jobs", **headers: str) -> RawResponse:
    return await request_once(api.url, head("GET", path, **{"Host": host, **headers}))


@pytest.mark.parametrize(
    "host",
    [
        "jobs.example.com",
        "JOBS.example.com:443",
        "jobs.example.com.",
        "localhost:8080",
        "127.0.0.1",
        "[::1]:80",
        "api",
        "a.internal.example:1",
        "internal.example",
    ],
)
async def test_our_own_names_are_answered(public: ApiUnderTest, host: str) -> None:
    assert (await get_with_host(public, host)).status == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "jobs.example.com.evil.example", "xinternal.example", "10.0.0.1", "evil.example:8080"]
)
async def test_other_names_are_misdirected(public: ApiUnderTest, host: str) -> None:
    answer = await get_with_host(public, host)

    assert (answer.status, answer.problem["code"]) == (421, "misdirected_request")
    assert "evil" not in str(answer)


@pytest.mark.parametrize("host", ["", "a b", "evil.example/x", "http://evil.example", "a@b", "jobs.example.com:x"])
async def test_what_is_no_host_is_a_bad_request(public: ApiUnderTest, host: str) -> None:
    assert (await get_with_host(public, host)).status == 400


async def test_a_host_is_named_once(public: ApiUnderTest) -> None:
    twice = "GET /api/jobs HTTP/1.1\r\nHost: jobs.example.com\r\nHost: evil.example\r\n\r\n"

    assert (await request_once(public.url, twice)).status == 400
    assert (await request_once(public.url, "GET /api/jobs HTTP/1.0\r\n\r\n")).status == 400


@pytest.mark.parametrize("target", ["http://evil.example/api/points", "HTTP://EVIL/", "http://jobs.example.com@evil/"])
async def test_a_request_line_names_no_other_host(public: ApiUnderTest, target: str) -> None:
    for line, status in ((target, 400), ("http://jobs.example.com/healthz", 200), ("/healthz", 200)):
        request = f"GET {line} HTTP/1.1\r\nHost: jobs.example.com\r\n\r\n"
        assert (await request_once(public.url, request)).status == status, line


async def test_health_checks_are_answered_under_every_name(public: ApiUnderTest) -> None:
    assert (await get_with_host(public, "10.0.0.7:8080", "/healthz")).status == 200
    assert (await request_once(public.url, "GET /healthz HTTP/1.0\r\n\r\n")).status == 200


async def test_a_websocket_of_another_host_is_refused(public: ApiUnderTest) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }

    assert (await get_with_host(public, "evil.example", "/api/ws", **upgrade)).status == 421


async def test_no_slash_redirects(public: ApiUnderTest) -> None:
    for path in ("/api/jobs/", "/login/", "/api/files/", "/healthz/"):
        answer = await get_with_host(public, "jobs.example.com", path)

        assert answer.status == 404, path
        assert "location" not in answer.headers


async def test_nul_is_in_no_path(public: ApiUnderTest) -> None:
    for path in ("/api/webhooks/replicate/a%00b", "/api/jobs/%00", "/%00"):
        assert (await get_with_host(public, "jobs.example.com", path)).status == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/jobs", "GET, POST"),
        ("POST", "/api/templates/x", "DELETE, GET, PUT"),
        ("PUT", "/api/webhook-endpoints/x", "DELETE, GET, PATCH"),
        ("PATCH", "/api/sessions", "DELETE, GET, POST"),
        ("POST", "/api/store/a/b", "GET, HEAD"),
        ("PATCH", "/api/photo-reviews", "GET, POST"),
        ("DELETE", "/login", "GET, POST"),
        ("POST", "/healthz", "GET"),
    ],
)
async def test_a_path_says_everything_that_it_answers_to(
    shared_api: ApiUnderTest, method: str, path: str, allowed: str
) -> None:
    answer = await shared_api.http.request(method, path)

    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize(
    ("header", "host"),
    [("A.example:80", "a.example"), ("[::1]", "::1"), ("a.", "a"), (".", None), ("a:b:c", None), ("é.example", None)],
)
def test_the_host_in_a_header(header: str, host: str | None) -> None:
    assert host_in(header) == host


def test_embedded_it_is_asked_by_loopback_names_and_by_where_it_listens() -> None:
    at_home = AllowedHosts("http://127.0.0.1:8080")
    on_one_address = AllowedHosts("http://192.168.1.5:8080")
    on_all = AllowedHosts("http://0.0.0.0:8080")

    assert all(at_home.has(host) for host in ("127.0.0.1", "localhost", "::1"))
    assert not any(at_home.has(host) for host in ("evil.example", "192.168.1.5"))
    assert on_one_address.has("192.168.1.5")
    assert on_all.has("192.168.1.5")
    assert not on_all.has("evil.example")
    assert AllowedHosts(OURS, ("*",)).has("evil.example")


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALLOWED_HOSTS", "https://a.example"), ("ALLOWED_HOSTS", "a.example:80"), ("TRUSTED_PROXIES", "a.example")],
)
def test_a_setting_that_could_never_match_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"AIJOBS_API__{name}", value)

    with pytest.raises(SettingsError, match=name):
        Settings.load()


def test_settings_are_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIJOBS_API__ALLOWED_HOSTS", "a.example, *.b.example")
    monkeypatch.setenv("AIJOBS_API__TRUSTED_PROXIES", "10.0.0.0/8,::1")
    api: Any = Settings.load().api

    assert isinstance(api, ApiSettings)
    assert api.allowed_hosts == ("a.example", "*.b.example")
    assert api.trusted_proxies == ("10.0.0.0/8", "::1")
