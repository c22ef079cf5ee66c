"""Browser sessions: what the cookie allows, from which origins, and how a session ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
from sqlmodel import Session, col, select, update

from aijobs.domain.values.scopes import Scope
from aijobs.persistence.access.keys import list_keys, revoke_key
from aijobs.persistence.column_types import now
from aijobs.persistence.tables import BrowserSessionRow
from api.app import build_app
from api.dependencies import ApiDependencies
from api.server import serving
from tests.api.installation import ApiUnderTest
from tests.patience import http_client

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
A_JOB = {"model_id": "replicate_imageupscale_v1", "params": {"image": "https://example.com/photo.jpg"}}


@asynccontextmanager
async def browser(api: ApiUnderTest, key: str, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A signed-in browser: it sends only its cookie."""
    async with http_client(base_url=api.url) as http:
        answer = await http.post("/api/sessions", json={"key": key, **more})
        assert (answer.status_code, answer.content) == (204, b""), answer.text
        yield http


def text_of(headers: Any) -> str:
    return str(headers["Authorization"].removeprefix("Bearer "))


async def test_a_cookie_stands_for_the_key_that_opened_it(api: ApiUnderTest, key: str) -> None:
    code = await api.job("ada")
    async with browser(api, key) as http:
        assert (await http.get(f"/api/jobs/{code}")).status_code == 200
        answer = await http.post("/api/jobs", json={**A_JOB, "user_id": "ada"}, headers=SAME_ORIGIN)
        assert answer.status_code == 202


async def test_a_session_makes_tickets_which_end_with_it_but_no_tokens_which_would_not(
    api: ApiUnderTest, key: str
) -> None:
    async with browser(api, key) as http:
        request: dict[str, Any] = {"json": {"user_id": "ada"}, "headers": SAME_ORIGIN}
        token, ticket = await http.post("/api/tokens", **request), await http.post("/api/tickets", **request)
        by_key = await http.post("/api/tokens", json={"user_id": "ada"}, headers={"Authorization": f"Bearer {key}"})

    assert (token.status_code, token.json()["code"]) == (403, "not_allowed")
    assert "session" in token.json()["detail"]
    assert (ticket.status_code, by_key.status_code) == (201, 201)


async def test_the_cookie_is_kept_from_scripts_and_other_sites_and_its_secret_from_the_database(
    api: ApiUnderTest, key: str
) -> None:
    answer = await api.http.post("/api/sessions", json={"key": key})
    cookie = answer.headers["Set-Cookie"]
    secret = answer.cookies["aijobs_session"]

    def work(session: Session) -> BrowserSessionRow:
        return session.exec(select(BrowserSessionRow)).one()

    stored = await api.dependencies.database.read(work)

    assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=604"))
    assert "Secure" not in cookie
    assert secret not in stored.model_dump_json()


async def test_over_tls_the_cookie_belongs_to_this_host_alone(dependencies: ApiDependencies, key: str) -> None:
    dependencies = replace(dependencies, base_url="https://aijobs.test")
    async with (
        serving(build_app(dependencies), dependencies.live, host="127.0.0.1", port=0) as url,
        http_client(base_url=url) as http,
    ):
        cookie = (await http.post("/api/sessions", json={"key": key})).headers["Set-Cookie"]

    assert cookie.startswith("__Host-aijobs_session=")
    assert "; Secure" in cookie


async def test_a_bad_key_opens_nothing(shared_api: ApiUnderTest) -> None:
    for wrong in ("nonsense", "aijobs_service_0000000000000000_wrong", "x" * 5000):
        answer = await shared_api.http.post("/api/sessions", json={"key": wrong})
        assert answer.status_code in {401, 422}
        assert "Set-Cookie" not in answer.headers
        assert wrong not in answer.text


async def test_a_session_for_one_user_sees_and_does_no_more_than_that_user_may(api: ApiUnderTest, key: str) -> None:
    hers, his = await api.job("ada"), await api.job("bob")
    async with browser(api, key, user_id="ada") as http:
        seen = [(await http.get(f"/api/jobs/{code}")).status_code for code in (hers, his)]
        as_bob = await http.get("/api/jobs", headers={"Aijobs-User": "bob"})
        token = await http.post("/api/tokens", json={"user_id": "ada"}, headers=SAME_ORIGIN)
        decision = await http.post(f"/api/jobs/{hers}/resolve", json={}, headers=SAME_ORIGIN)

    assert seen == [200, 404]
    assert [answer.status_code for answer in (as_bob, token, decision)] == [403, 403, 403]


async def test_a_users_key_opens_sessions_for_its_own_user_only(api: ApiUnderTest) -> None:
    text = text_of(await api.key_for("ada", Scope.JOBS_READ))
    refused = await api.http.post("/api/sessions", json={"key": text, "user_id": "bob"})
    async with browser(api, text) as http:
        answers = [
            await http.get("/api/points"),
            await http.post("/api/jobs", json=A_JOB, headers=SAME_ORIGIN),
        ]

    assert refused.status_code == 403
    assert [answer.status_code for answer in answers] == [200, 403]
    assert answers[0].json()["user_id"] == "ada"


async def test_another_sites_page_can_change_nothing_with_the_cookie(api: ApiUnderTest, key: str) -> None:
    order = {**A_JOB, "user_id": "ada"}
    foreign: list[dict[str, str]] = [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": api.url + ".evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": api.url},
        {"Sec-Fetch-Site": "same-site"},
    ]
    own = [SAME_ORIGIN, {"Sec-Fetch-Site": "none"}, {"Origin": api.url}, {"Origin": "http://aijobs.test"}]
    async with browser(api, key) as http:
        refused = [await http.post("/api/jobs", json=order, headers=headers) for headers in foreign]
        taken = [await http.post("/api/jobs", json=order, headers=headers) for headers in own]
        reading = await http.get("/api/jobs", headers={"Sec-Fetch-Site": "cross-site"})
        signing_out = await http.delete("/api/sessions", headers={"Origin": "https://evil.example"})

    assert [answer.status_code for answer in refused] == [403] * len(foreign)
    assert [answer.status_code for answer in taken] == [202] * len(own)
    assert (reading.status_code, signing_out.status_code) == (200, 403)


async def test_another_sites_page_signs_nobody_in(shared_api: ApiUnderTest) -> None:
    for origin in ("https://evil.example", "http://[", "http://[::1", "://"):
        answer = await shared_api.http.post("/api/sessions", json={"key": "x"}, headers={"Origin": origin})
        assert answer.status_code == 403, origin


async def test_a_key_in_the_header_goes_before_the_cookie_and_needs_no_origin(api: ApiUnderTest, key: str) -> None:
    ada = await api.key_for("ada")
    async with browser(api, key) as http:
        answer = await http.get("/api/points", headers=ada)
        posted = await http.post("/api/jobs", json=A_JOB, headers=ada)
        wrong = await http.get("/api/points", headers={"Authorization": "Bearer nonsense"})

    assert answer.json()["user_id"] == "ada"
    assert (posted.status_code, wrong.status_code) == (202, 401)


async def test_signing_out_ends_the_session_and_not_only_the_cookie(api: ApiUnderTest, key: str) -> None:
    async with browser(api, key) as http:
        secret = http.cookies["aijobs_session"]
        answer = await http.delete("/api/sessions", headers=SAME_ORIGIN)
        assert (answer.status_code, http.cookies.get("aijobs_session")) == (204, None)
        replayed = await http.get("/api/jobs", headers={"Cookie": f"aijobs_session={secret}"})
        again = await http.delete("/api/sessions")

    assert (replayed.status_code, again.status_code) == (401, 204)


async def test_a_session_is_gone_with_its_key(api: ApiUnderTest) -> None:
    text = text_of(await api.key_for("ada"))
    async with browser(api, text) as http:
        assert (await http.get("/api/jobs")).status_code == 200
        (key,) = [found for found in await list_keys(api.dependencies.database) if found.user_id == "ada"]
        await revoke_key(api.dependencies.database, key.key_id)
        assert (await http.get("/api/jobs")).status_code == 401


async def test_a_session_ends_when_it_is_idle_or_old_and_use_keeps_it_from_idling(api: ApiUnderTest, key: str) -> None:
    async def turn_back(**columns: Any) -> None:
        def work(session: Session) -> None:
            session.exec(update(BrowserSessionRow).values(columns))

        await api.dependencies.database.write(work)

    almost_idle = now() - api.dependencies.settings.session_idle + timedelta(minutes=5)
    async with browser(api, key) as http:
        await turn_back(used_at=almost_idle)
        assert (await http.get("/api/jobs")).status_code == 200

        def work(session: Session) -> None:
            assert session.exec(select(col(BrowserSessionRow.used_at))).one() > almost_idle

        await api.dependencies.database.read(work)
        await turn_back(used_at=now() - api.dependencies.settings.session_idle)
        assert (await http.get("/api/jobs")).status_code == 401

    async with browser(api, key) as http:
        await turn_back(expires_at=now())
        assert (await http.get("/api/jobs")).status_code == 401
