"""The WebSocket of all jobs: the same log, and not for pages of other origins."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from aijobs.domain.lifecycle import JobStatus
from tests.api.installation import ApiUnderTest
from tests.api.streaming import receive_json, socket
from tests.patience import PATIENCE


async def several(connection: ClientConnection, count: int) -> list[tuple[str, int]]:
    frames = [await receive_json(connection) for _ in range(count)]
    positions = [frame["id"] for frame in frames]
    assert positions == sorted(set(positions))
    return [(frame["event"]["code"], frame["event"]["seq"]) for frame in frames]


async def closed(connection: ClientConnection) -> tuple[int | None, str | None]:
    async with asyncio.timeout(PATIENCE):
        await connection.wait_closed()
    return connection.close_code, connection.close_reason


async def test_without_a_word_it_begins_when_it_was_opened(api: ApiUnderTest) -> None:
    await api.job("ada")
    async with socket(api) as connection:
        code = await api.job("bob")
        frame = await receive_json(connection)

    assert (frame["event"]["code"], frame["event"]["seq"]) == (code, 1)
    assert list(frame) == ["id", "event"]
    assert list(frame["event"])[:4] == ["seq", "code", "at", "kind"]


async def test_it_is_taken_up_again_in_the_address_or_in_the_first_message(api: ApiUnderTest) -> None:
    code = await api.job("ada")
    async with socket(api, "?after=0") as connection:
        first = await receive_json(connection)
    await api.push(code, JobStatus.SUBMITTED, JobStatus.PROCESSING)
    async with socket(api, f"?after={first['id']}") as connection:
        assert await several(connection, 2) == [(code, 2), (code, 3)]
    for after in (first["id"], str(first["id"])):
        async with socket(api) as connection:
            await connection.send(json.dumps({"after": after, "code": [code], "job_status": ["PROCESSING"]}))
            assert await several(connection, 1) == [(code, 3)]


async def test_a_user_hears_its_own_jobs_only(api: ApiUnderTest) -> None:
    async with socket(api, headers=dict(await api.key_for("ada"))) as connection:
        await connection.send("{}")
        await api.job("bob")
        hers = await api.job("ada")
        assert await several(connection, 1) == [(hers, 1)]


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://evil.example", 403),
        ("null", 403),
        ("http://[", 403),
        ("http://aijobs.test.evil.example", 403),
        ("http://aijobs.test", 0),
    ],
)
async def test_pages_of_other_origins_are_refused_whatever_they_bring(
    shared_api: ApiUnderTest, key_cookie: str, origin: str, status: int
) -> None:
    bearer = {"Authorization": str(shared_api.http.headers["Authorization"])}
    for headers in (bearer, {"Cookie": key_cookie}):
        if status:
            with pytest.raises(InvalidStatus) as refused:
                async with socket(shared_api, headers=headers, origin=origin):
                    pass
            assert refused.value.response.status_code == status
        else:
            async with socket(shared_api, headers=headers, origin=origin):
                pass


async def test_a_cookie_without_an_origin_is_not_enough(shared_api: ApiUnderTest, key_cookie: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with socket(shared_api, headers={"Cookie": key_cookie}):
            pass

    assert refused.value.response.status_code == 403


@pytest.fixture
async def key_cookie(shared_api: ApiUnderTest) -> str:
    key = str(shared_api.http.headers["Authorization"]).removeprefix("Bearer ")
    answer = await shared_api.http.post("/api/sessions", json={"key": key})
    shared_api.http.cookies.clear()
    return f"aijobs_session={answer.cookies['aijobs_session']}"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?job_status=DONE", 422, "invalid_parameters"),
        ("?user_id=bob", 422, "invalid_parameters"),
        ("?code=x", 404, ""),
    ],
)
async def test_refusals_before_it_opens_are_problems(
    shared_api: ApiUnderTest, query: str, status: int, code: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with socket(shared_api, query):
            pass

    answer = refused.value.response
    problem = json.loads(answer.body or b"{}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert problem["code"] == (code or "not_found")


async def test_without_a_key_it_does_not_open(shared_api: ApiUnderTest) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Cookie": "aijobs_session=nonsense"}):
        with pytest.raises(InvalidStatus) as refused:
            async with socket(shared_api, headers=headers, origin=shared_api.url):
                pass
        assert refused.value.response.status_code == 401


@pytest.mark.parametrize(
    "word",
    ["hello", "[]", '{"user_id": "bob"}', '{"after": 1.5}', '{"job_status": ["DONE"]}', '{"code": ["x"]}', b"{}"],
)
async def test_a_first_word_that_is_not_understood_closes_it(shared_api: ApiUnderTest, word: Any) -> None:
    async with socket(shared_api) as connection:
        await connection.send(word)
        code, reason = await closed(connection)

    assert code == 1008
    assert reason


async def test_the_reason_names_what_is_wrong(shared_api: ApiUnderTest) -> None:
    async with socket(shared_api) as connection:
        await connection.send(json.dumps({"after": 1.5, "猫" * 60: 1}))
        code, reason = await closed(connection)

    assert code == 1008
    assert "/after" in str(reason)


async def test_a_second_word_closes_it_and_a_huge_one_too(shared_api: ApiUnderTest) -> None:
    async with socket(shared_api, headers=dict(await shared_api.key_for("quiet"))) as connection:
        await connection.send("{}")
        await connection.send("{}")
        assert (await closed(connection))[0] == 1008
    async with socket(shared_api) as connection:
        await connection.send(json.dumps({"code": ["x" * 20_000]}))
        assert (await closed(connection))[0] == 1009


async def test_it_says_goodbye_when_the_api_stops(api: ApiUnderTest) -> None:
    async with socket(api, "?after=0") as connection:
        await api.job("ada")
        await receive_json(connection)
        api.dependencies.live.close()
        assert (await closed(connection))[0] == 1001


async def test_one_who_leaves_leaves_nothing_behind(api: ApiUnderTest) -> None:
    async with socket(api, "?after=0"):
        assert len(api.dependencies.streams) == 1
    async with asyncio.timeout(PATIENCE):
        while len(api.dependencies.streams):
            await asyncio.sleep(0.02)


async def test_messages_after_the_goodbye_are_not_heard(api: ApiUnderTest) -> None:
    async with socket(api, "?after=0") as connection:
        api.dependencies.live.close()
        await closed(connection)
        with pytest.raises(ConnectionClosed):
            await connection.send("{}")
