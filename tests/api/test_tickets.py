"""Tickets for streams, and pages of other origins."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from websockets.exceptions import InvalidStatus

from aijobs.domain.values.scopes import Scope
from aijobs.persistence.access.keys import KeyKind, list_keys, revoke_key
from api.app import build_app
from api.auth.caller import Caller
from api.auth.tickets import REOPENS_FOR, make_ticket
from api.auth.tokens import Claims, make_token
from api.dependencies import ApiDependencies
from api.server import serving
from tests.api.installation import ApiUnderTest
from tests.api.streaming import reading, receive_json, socket
from tests.patience import http_client

ELSEWHERE = "https://app.example.com"


async def ticket_for(api: ApiUnderTest, user: str = "ada") -> str:
    answer = await api.http.post("/api/tickets", json={"user_id": user})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["ticket"])


async def test_a_ticket_opens_every_stream_of_its_user_and_nobody_elses(api: ApiUnderTest) -> None:
    hers, his = await api.job("ada"), await api.job("bob")
    ticket = await ticket_for(api)
    nothing = {"Authorization": ""}
    for path in ("/api/events?after=0&", f"/api/jobs/{hers}/events?", f"/api/progress/track/{hers}?"):
        async with reading(api, f"{path}ticket={ticket}", headers=nothing) as stream:
            assert hers in str((await stream.next()).data)
    async with socket(api, f"?after=0&ticket={ticket}", headers={}) as connection:
        assert (await receive_json(connection))["event"]["code"] == hers

    foreign = await api.http.get(f"/api/jobs/{his}/events?ticket={ticket}", headers=nothing)
    assert foreign.status_code == 404


async def test_a_ticket_opens_nothing_but_streams(api: ApiUnderTest) -> None:
    code, ticket = await api.job("ada"), await ticket_for(api)
    for path in ("/api/jobs", f"/api/jobs/{code}", "/api/points", "/api/models"):
        assert (await api.http.get(f"{path}?ticket={ticket}", headers={"Authorization": ""})).status_code == 401
        as_bearer = {"Authorization": f"Bearer {ticket}"}
        assert (await api.http.get(path, headers=as_bearer)).status_code == 401
    assert (await api.http.post(f"/api/jobs/{code}/cancel?ticket={ticket}", headers=as_bearer)).status_code == 401


async def test_neither_tokens_nor_expired_nor_garbled_tickets_open_a_stream(api: ApiUnderTest, key: str) -> None:
    (known,) = await list_keys(api.dependencies.database)
    claims = Claims(user_id="ada", key_id=known.key_id, scopes=frozenset({Scope.JOBS_READ}))
    token, _ = make_token(api.dependencies.secret, claims, lifetime=timedelta(minutes=1))
    maker = Caller(key_id=known.key_id, kind=KeyKind.SERVICE, own_user=None, named=None, scopes=known.scopes)
    good = make_ticket(api.dependencies.secret, maker, user_id="ada").text
    expired = make_ticket(api.dependencies.secret, maker, user_id="ada", lifetime=-timedelta(seconds=1)).text

    for wrong in (token, key, expired, good[:-2], "x", "x" * 5000, ""):
        answer = await api.http.get(f"/api/events?ticket={wrong}", headers={"Authorization": ""})
        assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
        with pytest.raises(InvalidStatus) as refused:
            async with socket(api, f"?ticket={wrong}", headers={}):
                pass
        assert refused.value.response.status_code == 401


async def test_a_ticket_that_has_expired_still_reopens_a_stream_that_was_cut(api: ApiUnderTest) -> None:
    code = await api.job("ada")
    (known,) = await list_keys(api.dependencies.database)
    maker = Caller(key_id=known.key_id, kind=KeyKind.SERVICE, own_user=None, named=None, scopes=known.scopes)
    ticket = make_ticket(api.dependencies.secret, maker, user_id="ada", lifetime=-timedelta(seconds=1))
    path, nothing = f"/api/jobs/{code}/events?ticket={ticket.text}", {"Authorization": ""}

    async with reading(api, path, headers={**nothing, "Last-Event-ID": "0"}) as stream:
        assert (await stream.next()).id == "1"
    for headers in (nothing, {**nothing, "Last-Event-ID": ""}):
        assert (await api.http.get(path, headers=headers)).status_code == 401


async def test_a_ticket_reopens_no_longer_than_what_it_was_made_with(dependencies: ApiDependencies) -> None:
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=20)
    scopes = frozenset({Scope.JOBS_READ})
    forever = Caller(key_id="key", kind=KeyKind.USER, own_user="ada", named=None, scopes=scopes)

    until = make_ticket(dependencies.secret, replace(forever, until=soon), user_id="ada").until
    longest = make_ticket(dependencies.secret, forever, user_id="ada").until - datetime.now(UTC)

    assert until == soon
    assert REOPENS_FOR - timedelta(minutes=1) < longest <= REOPENS_FOR


async def test_readers_that_were_cut_together_come_back_apart(api: ApiUnderTest) -> None:
    code = await api.job("ada")
    pauses = set()
    for path in [f"/api/jobs/{code}/events", "/api/events"] * 8:
        async with api.http.stream("GET", path) as answer:
            first = await anext(answer.aiter_lines())
        pauses.add(int(first.removeprefix("retry: ")))

    assert len(pauses) > 8
    assert all(1000 <= pause <= 4000 for pause in pauses)


async def test_a_ticket_is_gone_with_the_key_that_made_it(api: ApiUnderTest) -> None:
    ada = await api.key_for("ada")
    ticket = (await api.http.post("/api/tickets", headers=ada)).json()["ticket"]
    (key,) = [found for found in await list_keys(api.dependencies.database) if found.user_id == "ada"]
    await revoke_key(api.dependencies.database, key.key_id)

    assert (await api.http.get(f"/api/events?ticket={ticket}", headers={"Authorization": ""})).status_code == 401


async def test_a_ticket_is_for_a_user_whom_the_caller_may_act_for(api: ApiUnderTest) -> None:
    ada = await api.key_for("ada")

    assert (await api.http.post("/api/tickets", json={"user_id": "bob"}, headers=ada)).status_code == 403
    assert (await api.http.post("/api/tickets", headers=await api.key_for("x", Scope.JOBS_WRITE))).status_code == 403


async def test_other_origins_may_not_call_unless_they_are_listed(dependencies: ApiDependencies, key: str) -> None:
    listed = replace(dependencies, settings=dependencies.settings.model_copy(update={"allowed_origins": (ELSEWHERE,)}))
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,aijobs-user"}
    async with (
        serving(build_app(listed), listed.live, host="127.0.0.1", port=0) as url,
        http_client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as http,
    ):
        api = ApiUnderTest(url, listed, http)
        preflight = await http.options("/api/jobs", headers={"Origin": ELSEWHERE, **asks})
        evil = await http.options("/api/jobs", headers={"Origin": "https://evil.example", **asks})
        refused = await http.get("/api/jobs", headers={"Origin": ELSEWHERE, "Authorization": ""})
        ticket = await ticket_for(api)
        stolen = await http.get(
            f"/api/events?ticket={ticket}", headers={"Origin": "https://evil.example", "Authorization": ""}
        )
        async with reading(api, f"/api/events?ticket={ticket}", headers={"Origin": ELSEWHERE}) as stream:
            allowed = stream.answer.headers["Access-Control-Allow-Origin"]
        async with socket(api, f"?ticket={ticket}", headers={}, origin=ELSEWHERE):
            pass

    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (200, ELSEWHERE)
    assert "Access-Control-Allow-Credentials" not in preflight.headers
    assert (evil.status_code, evil.headers.get("Access-Control-Allow-Origin")) == (400, None)
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, ELSEWHERE)
    assert (stolen.status_code, allowed) == (403, ELSEWHERE)


async def test_without_a_list_no_other_origin_may_call(shared_api: ApiUnderTest) -> None:
    answer = await shared_api.http.get("/api/jobs", headers={"Origin": ELSEWHERE})

    assert "Access-Control-Allow-Origin" not in answer.headers
