"""Limits on requests by key, user and address: what is counted, what is said, and what is never refused."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aijobs_client import ApiError, AsyncClient
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from aijobs.domain.values.request_rates import RateLimitSettings
from aijobs.settings import Settings, SettingsError
from api.connections.rate_limits.bounded_memory import MAX_COUNTED, BoundedMemory
from api.dependencies import ApiDependencies
from cli.embedded.ports import free_port
from tests.api.installation import ApiUnderTest, opened_installation
from tests.api.redis_server import running_redis
from tests.api.streaming import reading
from tests.patience import http_client

Limited = Callable[..., AbstractAsyncContextManager[ApiUnderTest]]


@pytest.fixture
def limited(dependencies: ApiDependencies, key: str) -> Limited:
    @asynccontextmanager
    async def opened(**rates: Any) -> AsyncIterator[ApiUnderTest]:
        settings = RateLimitSettings.model_validate(rates)
        async with opened_installation(replace(dependencies, rate_limits=settings), key) as api:
            yield api

    return opened


async def statuses(api: ApiUnderTest, count: int, path: str = "/api/models", **sent: Any) -> list[int]:
    return [(await api.http.get(path, **sent)).status_code for _ in range(count)]


async def refusals(api: ApiUnderTest) -> Mapping[str, float]:
    lines = (await api.http.get("/metrics")).text
    return {name: float(count) for name, count in re.findall(r'aijobs_rate_limited_total{limit="(\w+)"} (\S+)', lines)}


async def test_a_key_that_sends_too_much_is_told_when_to_come_again(limited: Limited) -> None:
    async with limited(key={"read": "3/minute"}) as api:
        answers = [await api.http.get("/api/models") for _ in range(5)]
        refused = answers[-1]

        assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 2
        assert [answer.headers["RateLimit-Policy"] for answer in answers] == ['"key_read";q=3;w=60'] * 5
        left = [re.fullmatch(r'"key_read";r=(\d);t=(\d+)', answer.headers["RateLimit"]) for answer in answers]
        assert [match[1] for match in left if match] == ["2", "1", "0", "0", "0"]
        assert all(0 < int(match[2]) <= 61 for match in left if match)
        assert refused.headers["Retry-After"] == refused.headers["RateLimit"].rpartition("=")[2]
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert (refused.json()["code"], refused.json()["status"]) == ("rate_limited", 429)
        assert "key_read" in refused.json()["detail"]
        assert await refusals(api) == {"key_read": 2, "address_sign_in": 0, "wrong_keys": 0}


async def test_each_class_of_requests_has_a_limit_of_its_own(limited: Limited) -> None:
    rates = {"submit": "1/minute", "upload": "2/minute", "change": "1/minute"}
    async with limited(key=rates) as api:
        submits = [(await api.submit("ada")).status_code for _ in range(2)]
        uploads = [(await api.upload(b"text", name="a.txt")).status_code for _ in range(3)]
        pauses = [
            (await api.http.post("/api/pauses", json={"user": f"u{n}", "reason": "x"})).status_code for n in range(2)
        ]

        assert (submits, uploads, pauses) == ([202, 429], [201, 201, 429], [201, 429])
        assert await statuses(api, 5) == [200] * 5
        assert "RateLimit" not in (await api.http.get("/api/models")).headers


async def test_what_is_refused_has_not_been_charged(limited: Limited) -> None:
    async with limited(user={"submit": "1/minute"}) as api:
        ada = {"Aijobs-User": "ada"}
        assert [(await api.submit("ada", headers=ada)).status_code for _ in range(2)] == [202, 429]

        jobs = (await api.http.get("/api/jobs", headers=ada)).json()["data"]
        assert len(jobs) == 1
        assert (await api.http.get("/api/points", headers=ada)).json()["used"] == jobs[0]["points"]


async def test_users_do_not_use_up_each_others_limits(limited: Limited) -> None:
    async with limited(user={"read": "2/minute"}) as api:
        ada, token = await api.key_for("ada"), {"Aijobs-User": "ada"}

        assert await statuses(api, 2, headers=ada) == [200, 200]
        assert await statuses(api, 1, headers=token) == [429], "her service counts for her too"
        assert await statuses(api, 2, headers=await api.key_for("bob")) == [200, 200]
        assert await statuses(api, 5) == [200] * 5, "a service key that names nobody is nobody"


async def test_an_address_is_counted_before_its_key_is_looked_at(limited: Limited) -> None:
    async with limited(address={"read": "2/minute"}) as api:
        here, there = {"X-Forwarded-For": "203.0.113.1"}, {"X-Forwarded-For": "203.0.113.2"}
        wrong = {**here, "Authorization": "Bearer nothing.of.ours"}

        assert await statuses(api, 3, headers=wrong) == [401, 401, 429]
        assert await statuses(api, 1, headers=here) == [429]
        assert await statuses(api, 2, headers=there) == [200, 200]


async def test_several_rates_hold_together_and_the_tightest_is_told(limited: Limited) -> None:
    async with limited(key={"read": "2/second;100/hour"}, address={"read": "50/minute"}) as api:
        answer = await api.http.get("/api/models")

        assert answer.headers["RateLimit-Policy"] == (
            '"address_read";q=50;w=60, "key_read";q=2;w=1, "key_read";q=100;w=3600'
        )
        assert answer.headers["RateLimit"].startswith('"key_read";r=1;t=')


async def test_streams_and_health_are_never_counted(limited: Limited) -> None:
    nothing = dict.fromkeys(("read", "submit", "change", "upload"), "1/hour")
    async with limited(key=nothing, address=nothing) as api:
        code = await api.job("ada")
        for _ in range(3):
            async with reading(api, f"/api/jobs/{code}/events") as events:
                assert (await events.next()).data["code"] == code
            assert (await api.http.get("/healthz")).status_code == 200
            assert (await api.http.get("/metrics")).status_code == 200


@pytest.mark.parametrize("path", ["/api/events", "/api/jobs/{code}/events"])
async def test_a_page_of_events_is_no_stream(limited: Limited, path: str) -> None:
    for by in ("key", "user", "address"):
        async with limited(**{by: {"read": "2/minute"}}) as api:
            address = path.format(code=await api.job("ada"))
            asked = {"Accept": "application/json", "Aijobs-User": "ada"}

            assert await statuses(api, 3, address, headers=asked) == [200, 200, 429], by


async def test_pages_are_counted_and_refused_as_pages(limited: Limited, key: str) -> None:
    async with (
        limited(key={"read": "1/minute"}) as api,
        http_client(base_url=api.url, headers={"Origin": api.url}) as browser,
    ):
        await browser.post("/login", data={"key": key})
        answers = [await browser.get("/jobs") for _ in range(2)]

        assert [answer.status_code for answer in answers] == [200, 429]
        assert answers[1].headers["Content-Type"].startswith("text/html")
        assert int(answers[1].headers["Retry-After"]) > 0


async def test_sign_ins_are_limited_unless_that_is_switched_off(limited: Limited, key: str) -> None:
    async def sign_ins(api: ApiUnderTest, count: int) -> list[int]:
        return [(await api.http.post("/api/sessions", json={"key": key})).status_code for _ in range(count)]

    async with limited(address={"sign_in": "2/minute"}) as api:
        assert await sign_ins(api, 3) == [204, 204, 429]
        page = await api.http.post("/login", data={"key": key}, headers={"Origin": api.url})
        assert page.status_code == 429
    async with limited(address={"sign_in": ""}) as api:
        assert "RateLimit" not in (await api.http.post("/api/sessions", json={"key": key})).headers
    assert RateLimitSettings().address == {"sign_in": "60/minute"}


async def test_the_client_waits_as_long_as_it_is_told(limited: Limited, key: str) -> None:
    async with (
        limited(key={"read": "1/second"}) as api,
        AsyncClient(url=api.url, key=key, retry_for=30) as patient,
    ):
        for _ in range(3):
            assert (await patient.request("GET", "/api/models"))["data"]
    async with (
        limited(key={"read": "1/minute"}) as api,
        AsyncClient(url=api.url, key=key, retry_for=0) as impatient,
    ):
        asked = [impatient.request("GET", "/api/models") for _ in range(3)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        refused = next(answer for answer in answers if isinstance(answer, ApiError))

    assert (refused.status, refused.code) == (429, "rate_limited")
    assert refused.retry_after is not None


async def test_processes_share_what_redis_counts(limited: Limited, tmp_path: Path) -> None:
    with running_redis(tmp_path) as address:
        async with AsyncExitStack() as stack:
            rates = {"key": {"read": "3/minute"}, "redis": SecretStr(address)}
            first, second = [await stack.enter_async_context(limited(**rates)) for _ in range(2)]

            assert await statuses(first, 2) + await statuses(second, 2) == [200, 200, 200, 429]
            assert await statuses(first, 1) == [429]


async def test_without_redis_nothing_is_refused_and_it_is_said(limited: Limited, tmp_path: Path) -> None:
    port = free_port()
    rates = {"key": {"read": "1/minute"}, "redis": SecretStr(f"redis://127.0.0.1:{port}/0")}
    async with limited(**rates) as api:
        with capture_logs() as logged:
            assert await statuses(api, 3) == [200] * 3
        assert [line["event"] for line in logged if line["log_level"] == "error"] == ["rate_limits_not_counted"]

        with running_redis(tmp_path, port=port):
            async with asyncio.timeout(30):
                while (await api.http.get("/api/models")).status_code != 429:
                    await asyncio.sleep(0.2)


async def test_no_more_is_remembered_than_fits() -> None:
    memory = BoundedMemory()
    for number in range(MAX_COUNTED + 10):
        await memory.incr(str(number), 60)

    assert len(memory) == MAX_COUNTED
    assert (await memory.get("0"), await memory.get(str(MAX_COUNTED))) == (0, 1)


async def test_a_window_ends() -> None:
    now = 0.0
    memory = BoundedMemory(clock=lambda: now)
    counts = [await memory.incr("a", 60) for _ in range(2)]
    now = 60.0

    assert (counts, await memory.get("a"), await memory.incr("a", 60)) == ([1, 2], 0, 1)


@pytest.mark.parametrize(
    "wrong", [{"key": {"read": "many"}}, {"key": {"everything": "1/minute"}}, {"redis": "http://x"}]
)
def test_a_limit_that_means_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RateLimitSettings.model_validate(wrong)


def test_limits_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIJOBS_RATE_LIMITS__KEY", '{"submit": "600/minute"}')
    monkeypatch.setenv("AIJOBS_RATE_LIMITS__REDIS", "redis://:a-secret@example.com/0")
    settings = Settings.load()
    assert settings.rate_limits.key == {"submit": "600/minute"}
    assert "a-secret" not in repr(settings)

    monkeypatch.setenv("AIJOBS_RATE_LIMITS__KEY", '{"submit": "a lot"}')
    with pytest.raises(SettingsError, match=r"AIJOBS_RATE_LIMITS__KEY.*600/minute"):
        Settings.load()
