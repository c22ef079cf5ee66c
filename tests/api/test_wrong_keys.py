"""Wrong keys and failed sign-ins are limited with 429; callers with valid keys are not affected."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from starlette.requests import HTTPConnection
from structlog.testing import capture_logs

from aijobs.domain.errors import TooManyWrongKeys
from aijobs.persistence.access.keys import KeyKind, list_keys, new_key_text, revoke_key
from api.auth.wrong_keys import MAX_COUNTED, WrongKeys
from api.dependencies import ApiDependencies
from tests.api.installation import ApiUnderTest, opened_installation

LIMIT = 5


@pytest.fixture
async def guarded(dependencies: ApiDependencies, key: str) -> AsyncIterator[ApiUnderTest]:
    limits = {"wrong_keys_per_address": LIMIT, "wrong_keys_per_key": 3}
    few = replace(dependencies, settings=dependencies.settings.model_copy(update=limits))
    async with opened_installation(few, key) as api:
        yield api


async def tried(api: ApiUnderTest, key: str, **headers: str) -> httpx.Response:
    return await api.http.get("/api/models", headers={"Authorization": f"Bearer {key}", **headers})


def wrong_key() -> str:
    return new_key_text(KeyKind.SERVICE)


async def test_an_address_with_too_many_wrong_keys_is_told_to_wait(guarded: ApiUnderTest) -> None:
    with capture_logs() as logged:
        answers = [await tried(guarded, wrong_key()) for _ in range(LIMIT + 3)]

    assert [answer.status_code for answer in answers] == [401] * LIMIT + [429] * 3
    assert answers[-1].json()["code"] == "too_many_wrong_keys"
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert [line for line in logged if line["event"] == "too_many_wrong_keys"] == [
        {"event": "too_many_wrong_keys", "log_level": "warning", "address": "127.0.0.1", "limit": LIMIT, "seconds": 60}
    ]


async def test_tokens_and_tickets_and_sign_ins_count_too(guarded: ApiUnderTest) -> None:
    without: dict[str, str] = {"Authorization": ""}
    await tried(guarded, "no.token.ofours")
    await guarded.http.get("/api/events", params={"ticket": "no.ticket.ofours"}, headers=without)
    await guarded.http.post("/api/sessions", json={"key": wrong_key()})
    page = await guarded.http.post("/login", data={"key": wrong_key()}, headers={"Origin": guarded.url})
    assert page.status_code == 401
    assert (await tried(guarded, "x")).status_code == 401

    refused = await guarded.http.post("/api/sessions", json={"key": wrong_key()})
    shown = await guarded.http.post("/login", data={"key": wrong_key()}, headers={"Origin": guarded.url})

    assert (refused.status_code, shown.status_code) == (429, 429)
    assert int(shown.headers["Retry-After"]) > 0
    assert shown.headers["Content-Type"].startswith("text/html")


async def test_a_right_key_is_let_in_whatever_its_address_has_tried(guarded: ApiUnderTest, key: str) -> None:
    for _ in range(LIMIT + 2):
        await tried(guarded, wrong_key())

    assert (await tried(guarded, key)).status_code == 200
    assert (await guarded.http.post("/api/sessions", json={"key": key})).status_code == 204


async def test_one_keys_secret_is_not_tried_from_many_addresses(guarded: ApiUnderTest, key: str) -> None:
    stem = "_".join(key.split("_")[:3])
    with capture_logs() as logged:
        answers = [
            await tried(guarded, f"{stem}_{number}", **{"X-Forwarded-For": f"203.0.113.{number}"})
            for number in range(5)
        ]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    (line,) = [line for line in logged if line["event"] == "too_many_wrong_keys"]
    assert key.startswith(f"aijobs_service_{line['key_id']}_")
    assert (await tried(guarded, key)).status_code == 200


async def test_addresses_behind_a_trusted_proxy_are_told_apart(guarded: ApiUnderTest) -> None:
    for _ in range(LIMIT + 1):
        await tried(guarded, wrong_key(), **{"X-Forwarded-For": "203.0.113.1"})

    assert (await tried(guarded, wrong_key(), **{"X-Forwarded-For": "203.0.113.1"})).status_code == 429
    assert (await tried(guarded, wrong_key(), **{"X-Forwarded-For": "203.0.113.2"})).status_code == 401


async def test_what_was_good_once_does_not_count(guarded: ApiUnderTest, key: str) -> None:
    ada = await guarded.key_for("ada")
    (revoked,) = [found for found in await list_keys(guarded.dependencies.database) if found.user_id == "ada"]
    await revoke_key(guarded.dependencies.database, revoked.key_id)

    assert {(await guarded.http.get("/api/jobs", headers=ada)).status_code for _ in range(LIMIT + 3)} == {401}


async def test_no_key_at_all_is_no_wrong_one(guarded: ApiUnderTest) -> None:
    answers = [await guarded.http.get("/api/jobs", headers={"Authorization": ""}) for _ in range(LIMIT + 3)]

    assert {answer.status_code for answer in answers} == {401}


def test_no_more_is_remembered_than_fits() -> None:
    counted = WrongKeys(per_address=1, per_key=1)
    for number in range(MAX_COUNTED * 2):
        connection = HTTPConnection({"type": "http", "client": (f"2001:db8:{number >> 8:x}:{number & 255:x}::1", 1)})
        counted.count(connection, new_key_text(KeyKind.USER))

    assert counted.counted == 2 * MAX_COUNTED


def test_a_network_of_ipv6_is_one_address() -> None:
    counted = WrongKeys(per_address=1, per_key=1)
    first, second = (HTTPConnection({"type": "http", "client": (f"2001:db8::{number}", 1)}) for number in range(2))
    counted.count(first, "x")
    with pytest.raises(TooManyWrongKeys):
        counted.count(second, "x")


def test_each_pause_is_twice_as_long_until_nothing_wrong_came_for_as_long() -> None:
    moment = 0.0
    counted = WrongKeys(per_address=1, per_key=1, clock=lambda: moment)
    here = HTTPConnection({"type": "http", "client": ("203.0.113.1", 1)})

    def refused_for() -> float:
        counted.count(here, "x")
        with pytest.raises(TooManyWrongKeys) as refused:
            counted.count(here, "x")
        assert refused.value.retry_after is not None
        return refused.value.retry_after.total_seconds()

    pauses = []
    for _ in range(8):
        pauses.append(refused_for())
        moment += pauses[-1]
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600]

    moment += 3600
    assert refused_for() == 60


def test_a_wrong_key_during_a_pause_neither_shortens_nor_prolongs_it() -> None:
    moment = 0.0
    refusals = []
    counted = WrongKeys(per_address=1, per_key=9, clock=lambda: moment, on_refused=lambda: refusals.append(moment))
    here = HTTPConnection({"type": "http", "client": ("203.0.113.1", 1)})
    counted.count(here, "x")
    for moment in (10.0, 30.0, 69.0):
        with pytest.raises(TooManyWrongKeys) as refused:
            counted.count(here, "x")
        assert refused.value.retry_after is not None
        assert refused.value.retry_after.total_seconds() == 70 - moment
    moment = 70.0
    counted.count(here, "x")

    assert refusals == [10.0, 30.0, 69.0]
