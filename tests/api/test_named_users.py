"""User ids: one spelling for each user; an invalid id is refused, and never means all users."""

import unicodedata
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from aijobs.domain.errors import InvalidParameters
from aijobs.domain.values.scopes import Scope
from aijobs.domain.values.user_ids import user_id_error
from aijobs.persistence.access.keys import KeyKind, create_key, list_keys
from api.auth.caller import Caller
from api.auth.tickets import make_ticket
from api.auth.tokens import Claims, make_token
from tests.api.installation import ApiUnderTest
from tests.api.pictures import picture
from tests.api.raw import head, request_once
from tests.api.streaming import socket
from tests.patience import http_client

DECOMPOSED = unicodedata.normalize("NFD", "é")
WRONG = {
    "empty": "",
    "blank": " ",
    "padded": " ada",
    "padded behind": "ada ",
    "decomposed": DECOMPOSED,
    "too long": "x" * 201,
    "a line break": "a\nb",
    "invisible": "a\u200bb",
    "no-break space": "\u00a0ada",
}

wrong = pytest.mark.parametrize("user", WRONG.values(), ids=WRONG)


@pytest.mark.parametrize("user", ["ada", "7", "张三", "é", "a b", "x" * 200, "ada@example.com"])
def test_what_can_be_a_user(user: str) -> None:
    assert user_id_error(user) is None


@wrong
def test_what_cannot_be_a_user(user: str) -> None:
    assert user_id_error(user)


def check(answer: httpx.Response, pointer: str) -> None:
    assert answer.status_code == 422, (answer.status_code, answer.text[:300])
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("sent", ["", "x" * 201, DECOMPOSED, "\u00a0ada", "\xff"])
@pytest.mark.parametrize("path", ["/api/jobs", "/api/points", "/api/events", "/api/photo-reviews", "/api/models"])
async def test_a_header_that_names_nobody_is_refused(shared_api: ApiUnderTest, path: str, sent: str) -> None:
    encoding = "latin-1" if sent == "\xff" else "utf-8"
    answer = await shared_api.http.get(path, headers=httpx.Headers({"Aijobs-User": sent}, encoding=encoding))

    check(answer, "/header/Aijobs-User")


async def test_a_header_that_names_two_is_refused(shared_api: ApiUnderTest) -> None:
    for second in ("ada", "bob", ""):
        answer = await shared_api.http.get("/api/jobs", headers=[("Aijobs-User", "ada"), ("Aijobs-User", second)])

        check(answer, "/header/Aijobs-User")


async def test_an_empty_header_shows_nobodys_jobs_and_none_at_all_shows_everybodys(api: ApiUnderTest) -> None:
    await api.job("ada")
    await api.job("bob")
    key = api.http.headers["Authorization"]

    everybody = await api.http.get("/api/jobs")
    empty = [
        await request_once(api.url, head("GET", "/api/jobs", Authorization=key, Aijobs_User=sent))
        for sent in ("", " ", "\t ")
    ]
    bobs = await api.http.get("/api/jobs", headers={"Aijobs-User": "bob"})

    assert {job["user_id"] for job in everybody.json()["data"]} == {"ada", "bob"}
    assert [answer.status for answer in empty] == [422] * 3
    assert [job["user_id"] for job in bobs.json()["data"]] == ["bob"]


async def test_who_may_not_call_is_told_that_first(shared_api: ApiUnderTest) -> None:
    assert (await request_once(shared_api.url, head("GET", "/api/jobs", Aijobs_User=""))).status == 401


@wrong
async def test_a_body_that_names_nobody_is_refused(shared_api: ApiUnderTest, user: str) -> None:
    bodies: Mapping[str, dict[str, Any]] = {
        "/api/jobs": {"model_id": "replicate_imageupscale_v1", "params": {"image": "https://example.com/a.jpg"}},
        "/api/tokens": {},
        "/api/tickets": {},
        "/api/sessions": {"key": shared_api.http.headers["Authorization"].removeprefix("Bearer ")},
        "/api/webhook-endpoints": {"url": "https://example.com/hook"},
        "/api/photo-reviews": {"file": "file_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"},
    }
    for path, body in bodies.items():
        check(await shared_api.http.post(path, json={**body, "user_id": user}), "/user_id")


@wrong
@pytest.mark.parametrize(("path", "field"), [("/api/files", "file"), ("/api/photo-reviews", "photo")])
async def test_a_form_that_names_nobody_is_refused(shared_api: ApiUnderTest, path: str, field: str, user: str) -> None:
    files = {field: ("a.png", picture(8, 8, "PNG"))}

    check(await shared_api.http.post(path, files=files, data={"user_id": user}), "/user_id")


async def test_a_form_that_names_two_or_sends_a_file_for_a_user_is_refused(shared_api: ApiUnderTest) -> None:
    photo = ("a.png", picture(8, 8, "PNG"))
    two = await shared_api.http.post("/api/files", files={"file": photo}, data={"user_id": ["ada", "ada"]})
    as_file = await shared_api.http.post("/api/files", files={"user_id": ("a.txt", b"ada")})

    check(two, "/user_id")
    assert as_file.status_code == 422


async def test_a_token_or_a_ticket_for_nobody_is_refused(api: ApiUnderTest) -> None:
    (service,) = await list_keys(api.dependencies.database)
    scopes = frozenset({Scope.JOBS_READ})
    for user in WRONG.values():
        claims = Claims(user_id=user, key_id=service.key_id, scopes=scopes)
        token, _ = make_token(api.dependencies.secret, claims, lifetime=timedelta(minutes=1))
        answer = await api.http.get("/api/jobs", headers={"Authorization": f"Bearer {token}"})
        check(answer, "/header/Authorization")

        caller = Caller(key_id=service.key_id, kind=KeyKind.SERVICE, own_user=None, scopes=scopes)
        ticket = make_ticket(api.dependencies.secret, caller, user_id=user)
        opened = await api.http.get("/api/events", params={"ticket": ticket.text}, headers={"Authorization": ""})
        check(opened, "/query/ticket")


async def test_a_websocket_names_one_user_or_none(api: ApiUnderTest) -> None:
    key = {"Authorization": str(api.http.headers["Authorization"])}
    for user in ("", " ", "x" * 201):
        with pytest.raises(InvalidStatus) as refused:
            async with socket(api, headers={**key, "Aijobs-User": user}):
                pass
        assert refused.value.response.status_code == 422


async def test_a_ticket_and_a_header_name_the_same_user(api: ApiUnderTest) -> None:
    made = await api.http.post("/api/tickets", json={"user_id": "ada"})
    for user, status in (("bob", 403), ("", 422)):
        answer = await api.http.get(
            "/api/events",
            params={"ticket": made.json()["ticket"]},
            headers={"Authorization": "", "Aijobs-User": user, "Accept": "application/json"},
        )
        assert answer.status_code == status


@wrong
async def test_no_key_is_made_for_nobody(api: ApiUnderTest, user: str) -> None:
    for kind in KeyKind:
        with pytest.raises(ValueError, match="user"):
            await create_key(api.dependencies.database, api.dependencies.secret, kind=kind, name="x", user_id=user)


def test_a_caller_acts_for_nobody_who_cannot_be() -> None:
    caller = Caller(key_id="k", kind=KeyKind.SERVICE, own_user=None, scopes=frozenset(Scope))
    for user in WRONG.values():
        with pytest.raises(InvalidParameters):
            caller.acting_user(user)
    assert caller.acting_user(7) == "7"


async def test_the_dashboard_takes_no_user_who_cannot_be(shared_api: ApiUnderTest) -> None:
    key = shared_api.http.headers["Authorization"].removeprefix("Bearer ")
    async with http_client(base_url=shared_api.url, headers={"Origin": shared_api.url}) as browser:
        assert (await browser.post("/api/sessions", json={"key": key})).status_code == 204
        for path in ("/", "/jobs", "/money", "/documents", "/overview/live", "/overview/throughput.json"):
            assert (await browser.get(path, params={"user": ""})).status_code == 200, path
            for user in (" ", " ada", "ada ", DECOMPOSED, "x" * 201):
                assert (await browser.get(path, params={"user": user})).status_code == 422, (path, user)
            assert (await browser.get(path, params={"user": ["ada", "bob"]})).status_code == 422, path
        for user in ("", " ", " ada"):
            form = {"model_id": "replicate_imageupscale_v1", "params.image": "https://example.com/a.jpg"}
            assert (await browser.post("/new", data={**form, "user_id": user})).status_code == 422
        assert (await browser.post("/new", data={**form, "user_id": ["ada", "bob"]})).status_code == 422
