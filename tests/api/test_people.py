"""People whom a proxy has signed in: believed from the proxy's own address alone, with the role that they have now."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import httpx
import pytest
from pydantic import ValidationError

from aijobs.domain.values.request_rates import RateLimitSettings
from aijobs.domain.values.scopes import AccessRole
from aijobs.process_settings import HeaderFamily, SignInSettings
from aijobs.settings import Settings, SettingsError
from api.dependencies import ApiDependencies
from tests.api.installation import ApiUnderTest, opened_installation
from tests.api.streaming import reading
from tests.api.test_sessions import SAME_ORIGIN
from tests.patience import http_client

PROXY: Final = "127.0.0.7"
ELSEWHERE: Final = "127.0.0.8"
SIGN_IN: Final = SignInSettings(
    proxies=(PROXY,), admins=("ada@example.com",), operators=("group:sre",), viewers=("group:staff",)
)


def named(email: str = "ada@example.com", *groups: str, prefix: str = "X-Forwarded") -> dict[str, str]:
    return {f"{prefix}-User": "12345", f"{prefix}-Email": email, f"{prefix}-Groups": ",".join(groups)}


@asynccontextmanager
async def installed(dependencies: ApiDependencies, key: str, sign_in: SignInSettings) -> AsyncIterator[ApiUnderTest]:
    settings = dependencies.settings.model_copy(update={"sign_in": sign_in})
    async with opened_installation(replace(dependencies, settings=settings), key) as api:
        yield api


@pytest.fixture
async def proxied(dependencies: ApiDependencies, key: str) -> AsyncIterator[ApiUnderTest]:
    async with installed(dependencies, key, SIGN_IN) as api:
        yield api


def coming_from(api: ApiUnderTest, address: str, headers: Mapping[str, str]) -> httpx.AsyncClient:
    """A browser whose requests arrive from this address with these headers, and which keeps its cookie."""
    transport = httpx.AsyncHTTPTransport(local_address=address)
    return http_client(base_url=api.url, transport=transport, headers={**headers, **SAME_ORIGIN})


async def signed_in(http: httpx.AsyncClient) -> httpx.Response:
    return await http.post("/login/person", data={"next": "/jobs"})


async def test_somebody_whom_the_proxy_knows_signs_in_without_a_key(proxied: ApiUnderTest) -> None:
    async with coming_from(proxied, PROXY, named()) as http:
        shown = await http.get("/login")
        answer = await signed_in(http)
        page = await http.get("/jobs")
        (session,) = (await http.get("/api/sessions")).json()["data"]

    assert "ada@example.com" in shown.text
    assert (answer.status_code, answer.headers["Location"]) == (303, "/jobs")
    assert page.status_code == 200
    assert (session["person"], session["role"], session["key_id"]) == ("ada@example.com", "admin", None)


async def test_people_who_sign_in_too_often_wait(dependencies: ApiDependencies, key: str) -> None:
    limits = RateLimitSettings.model_validate({"address": {"sign_in": "2/minute"}})
    async with (
        installed(replace(dependencies, rate_limits=limits), key, SIGN_IN) as api,
        coming_from(api, PROXY, named()) as http,
    ):
        assert [(await signed_in(http)).status_code for _ in range(3)] == [303, 303, 429]


@pytest.mark.parametrize("address", [ELSEWHERE, "127.0.0.1"])
async def test_the_same_headers_from_elsewhere_are_worth_nothing(proxied: ApiUnderTest, address: str) -> None:
    async with coming_from(proxied, address, {**named(), "X-Forwarded-For": PROXY}) as http:
        shown = await http.get("/login")
        answer = await signed_in(http)
        listed = await http.get("/api/jobs")

    assert "ada@example.com" not in shown.text
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, "/login")
    assert not http.cookies
    assert listed.status_code == 401


async def test_a_stolen_cookie_is_worth_nothing_beside_the_proxy(proxied: ApiUnderTest) -> None:
    async with coming_from(proxied, PROXY, named()) as http:
        await signed_in(http)
        stolen = {"Cookie": "; ".join(f"{name}={value}" for name, value in http.cookies.items())}
    for address, headers in ((ELSEWHERE, named()), (PROXY, {}), (PROXY, named("bo@example.com", "sre"))):
        async with coming_from(proxied, address, {**headers, **stolen}) as thief:
            assert (await thief.get("/api/jobs")).status_code == 401, (address, headers)


async def test_the_role_is_what_the_settings_and_the_groups_say_now(proxied: ApiUnderTest) -> None:
    pause = {"user": "ada", "reason": "x"}
    async with coming_from(proxied, PROXY, named("bo@example.com", "staff", "sre")) as http:
        await signed_in(http)
        as_operator = await http.post("/api/pauses", json=pause)
        keys = await http.get("/api/keys")
        as_viewer = await http.post("/api/pauses", json=pause, headers=named("bo@example.com", "staff"))
        looks = await http.get("/api/pauses", headers=named("bo@example.com", "staff"))
        left = await http.get("/api/jobs", headers=named("bo@example.com", "cooks"))

    assert (as_operator.status_code, keys.status_code) == (201, 403)
    assert (as_viewer.status_code, looks.status_code) == (403, 200)
    assert left.status_code == 403


async def test_somebody_without_a_role_is_told_so_and_let_in_nowhere(proxied: ApiUnderTest) -> None:
    async with coming_from(proxied, PROXY, named("eve@example.com")) as http:
        for answer in (await http.get("/login"), await signed_in(http)):
            assert answer.status_code == 403
            assert "eve@example.com has no role here" in answer.text
        assert not http.cookies


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Forwarded-Email", "ada@example.com"), ("X-Forwarded-Email", "bo@example.com")],
        [("X-Forwarded-User", "ada"), ("X-Forwarded-User", "bo")],
        [("X-Forwarded-Email", "a" * 300 + "@example.com")],
        [("X-Forwarded-Email", b"\xff\xfe@example.com")],
    ],
)
async def test_headers_that_can_be_read_in_two_ways_sign_nobody_in(proxied: ApiUnderTest, headers: Any) -> None:
    async with coming_from(proxied, PROXY, {}) as http:
        answer = await http.post("/login/person", headers=[*headers, *SAME_ORIGIN.items()])

    assert (answer.status_code, dict(http.cookies)) == (303, {})


async def test_headers_that_the_proxy_does_not_set_are_never_believed(proxied: ApiUnderTest) -> None:
    async with coming_from(proxied, PROXY, named(prefix="X-Auth-Request")) as http:
        assert "ada@example.com" not in (await http.get("/login")).text


async def test_the_other_family_of_headers_is_a_setting(dependencies: ApiDependencies, key: str) -> None:
    sign_in = SIGN_IN.model_copy(update={"headers": HeaderFamily.AUTH_REQUEST})
    async with installed(dependencies, key, sign_in) as api:
        async with coming_from(api, PROXY, named(prefix="X-Auth-Request")) as http:
            assert (await signed_in(http)).headers["Location"] == "/jobs"
        async with coming_from(api, PROXY, named()) as http:
            assert (await signed_in(http)).headers["Location"].startswith("/login")


async def test_without_the_setting_nobody_is_believed(api: ApiUnderTest) -> None:
    async with coming_from(api, "127.0.0.1", named()) as http:
        assert (await signed_in(http)).headers["Location"].startswith("/login")


async def test_another_sites_page_signs_nobody_in(proxied: ApiUnderTest) -> None:
    async with coming_from(proxied, PROXY, named()) as http:
        foreign = await http.post("/login/person", headers={"Sec-Fetch-Site": "cross-site"})

    assert (foreign.status_code, dict(http.cookies)) == (403, {})


async def test_a_persons_stream_ends_with_the_session(proxied: ApiUnderTest, key: str) -> None:
    async with coming_from(proxied, PROXY, named()) as http:
        await signed_in(http)
        ticket = (await http.post("/api/tickets", json={"user_id": "ada"})).json()["ticket"]
        async with reading(replace(proxied, http=http), f"/api/events?after=0&ticket={ticket}") as stream:
            (session,) = (await http.get("/api/sessions")).json()["data"]
            ended = await proxied.http.delete(f"/api/sessions/{session['id']}")
            await stream.rest()

        assert ended.status_code == 204
        assert (await http.get("/api/jobs")).status_code == 401


async def test_a_persons_ticket_too_is_worth_nothing_beside_the_proxy_or_without_a_role(proxied: ApiUnderTest) -> None:
    async with coming_from(proxied, PROXY, named("bo@example.com", "staff")) as http:
        await signed_in(http)
        ticket = (await http.post("/api/tickets", json={"user_id": "ada"})).json()["ticket"]
        async with reading(replace(proxied, http=http), f"/api/events?after=0&ticket={ticket}") as stream:
            assert stream.answer.status_code == 200
    for address, headers, status in (
        (ELSEWHERE, named("bo@example.com", "staff"), 401),
        (PROXY, {}, 401),
        (PROXY, named(), 401),
        (PROXY, named("bo@example.com", "cooks"), 403),
    ):
        async with coming_from(proxied, address, {**headers, "Last-Event-ID": "1"}) as thief:
            answer = await thief.get("/api/events", params={"ticket": ticket})
            assert answer.status_code == status, (address, headers)


async def test_what_a_person_does_is_recorded_by_name(proxied: ApiUnderTest) -> None:
    async with coming_from(proxied, PROXY, named()) as http:
        await signed_in(http)
        made = (await http.post("/api/keys", json={"name": "backend", "role": "viewer"})).json()
        acts = (await http.get("/api/audit", params={"actor": "ada@example.com"})).json()["data"]

    assert [(act["act"], act["actor_kind"]) for act in acts] == [("key.made", "person"), ("session.made", "person")]
    assert acts[0]["target"] == made["key_id"]


def test_the_highest_role_counts_and_addresses_are_compared_without_case() -> None:
    settings = SIGN_IN.model_copy(update={"admins": ("Ada@Example.com",), "viewers": ("*",)})

    assert settings.role_of("ada@example.com", frozenset({"staff"})) is AccessRole.ADMIN
    assert settings.role_of("bo@example.com", frozenset({"sre"})) is AccessRole.OPERATOR
    assert settings.role_of(None, frozenset()) is AccessRole.VIEWER
    assert SIGN_IN.role_of("sre", frozenset({"ada@example.com"})) is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"proxies": (PROXY,)}, "name who is let in"),
        ({"proxies": (PROXY,), "admins": ("*",)}, "cannot be everybody"),
        ({"viewers": ("sre",)}, "neither an e-mail address"),
        ({"proxies": ("here",)}, "does not appear to be"),
    ],
)
def test_settings_that_would_let_in_nobody_or_everybody_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SignInSettings(**fields)


def test_the_settings_are_environment_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIJOBS_API__SIGN_IN__PROXIES", "10.0.0.5, 10.1.0.0/16")
    monkeypatch.setenv("AIJOBS_API__SIGN_IN__ADMINS", "group:platform, ada@example.com")

    loaded = Settings.load().api.sign_in

    assert (loaded.proxies, loaded.admins) == (("10.0.0.5", "10.1.0.0/16"), ("group:platform", "ada@example.com"))
    monkeypatch.setenv("AIJOBS_API__SIGN_IN__ADMIN", "ada@example.com")
    with pytest.raises(SettingsError, match="AIJOBS_API__SIGN_IN__ADMIN"):
        Settings.load()
