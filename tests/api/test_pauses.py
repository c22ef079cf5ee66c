"""Pausing and resuming by the API: who may, what can be paused, who did it and why."""

from typing import Any

import pytest

from aijobs.domain.values.scopes import Scope
from tests.api.installation import UPSCALE, ApiUnderTest

REASON = "Their status page is red."


async def test_a_pause_says_who_began_it_and_who_ended_it(api: ApiUnderTest) -> None:
    made = await api.http.post("/api/pauses", json={"provider": "replicate", "reason": f" {REASON} "})
    pause = made.json()
    running = (await api.http.get("/api/pauses")).json()["data"]
    ended = [(await api.http.delete(f"/api/pauses/{pause['id']}")).status_code for _ in range(2)]
    after = (await api.http.get("/api/pauses")).json()["data"]
    history = (await api.http.get("/api/pauses", params={"ended": True})).json()["data"]

    assert made.status_code == 201
    assert running == [pause]
    assert (pause["provider"], pause["model"], pause["reason"], pause["held"]) == ("replicate", None, REASON, 0)
    assert ended == [204, 204]
    assert after == []
    assert [(one["id"], one["ended_by"]) for one in history] == [(pause["id"], pause["create_by"])]
    assert history[0]["ended_at"] > pause["create_time"]


async def test_what_is_paused_is_not_paused_twice_and_may_be_paused_again(api: ApiUnderTest) -> None:
    body = {"model": UPSCALE, "reason": REASON}
    first = await api.http.post("/api/pauses", json=body)

    second = await api.http.post("/api/pauses", json=body)
    await api.http.delete(f"/api/pauses/{first.json()['id']}")
    third = await api.http.post("/api/pauses", json=body)

    assert (second.status_code, second.json()["code"]) == (409, "already_paused")
    assert third.status_code == 201


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"reason": REASON}, ""),
        ({"provider": "replicate", "model": UPSCALE, "reason": REASON}, ""),
        ({"provider": "replicate"}, "/reason"),
        ({"provider": "replicate", "reason": "  "}, "/reason"),
        ({"provider": "replicate", "reason": "x" * 501}, "/reason"),
        ({"provider": "replicat", "reason": REASON}, "/provider"),
        ({"model": "nothing_v1", "reason": REASON}, "/model"),
        ({"credential": "replicate:nobody", "reason": REASON}, "/credential"),
        ({"user": "", "reason": REASON}, "/user"),
        ({"user": " ada", "reason": REASON}, "/user"),
        ({"everything": True, "reason": REASON}, "/everything"),
    ],
)
async def test_what_cannot_be_paused_is_refused_by_name(
    shared_api: ApiUnderTest, body: dict[str, Any], pointer: str
) -> None:
    answer = await shared_api.http.post("/api/pauses", json=body)

    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


async def test_only_operators_pause_and_see_pauses(shared_api: ApiUnderTest) -> None:
    user = await shared_api.key_for("ada", Scope.JOBS_READ, Scope.JOBS_WRITE)

    answers = [
        await shared_api.http.post("/api/pauses", json={"user": "bo", "reason": REASON}, headers=user),
        await shared_api.http.get("/api/pauses", headers=user),
        await shared_api.http.delete("/api/pauses/pause_06FNXQ3W9E8Y7ZKDRT2M5S4HBC", headers=user),
    ]
    unknown = await shared_api.http.delete("/api/pauses/pause_06FNXQ3W9E8Y7ZKDRT2M5S4HBC")

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert unknown.status_code == 404
