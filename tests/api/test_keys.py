"""Keys by the API: made and shown once, listed, rotated with an overlap, revoked, and never beyond who asks."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import Session

from aijobs.domain.values.scopes import Scope
from aijobs.persistence.access.key_lists import note_uses
from aijobs.persistence.access.keys import KeyKind, create_key, key_of, locked_key
from aijobs.persistence.column_types import now
from tests.api.installation import PHOTO_URL, UPSCALE, ApiUnderTest, Headers


def bearer(text: str) -> Headers:
    return {"Authorization": f"Bearer {text}"}


async def made(api: ApiUnderTest, headers: Headers | None = None, **body: Any) -> dict[str, Any]:
    answer = await api.http.post("/api/keys", json={"name": "backend", **body}, headers=headers)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def refused(api: ApiUnderTest, headers: Headers | None = None, **body: Any) -> httpx.Response:
    return await api.http.post("/api/keys", json={"name": "backend", **body}, headers=headers)


async def may_read_jobs(api: ApiUnderTest, text: str) -> bool:
    return (await api.http.get("/api/jobs", headers=bearer(text))).status_code == 200


async def test_a_key_is_shown_once_and_works(api: ApiUnderTest) -> None:
    key = await made(api, scopes=["jobs:read"], expires_at="2100-01-01T00:00:00Z")
    listed = (await api.http.get("/api/keys")).json()["data"]
    alone = (await api.http.get(f"/api/keys/{key['key_id']}")).json()

    assert await may_read_jobs(api, key["key"])
    assert listed[0] == alone == {name: value for name, value in key.items() if name != "key"}
    assert (alone["kind"], alone["role"], alone["scopes"], alone["state"]) == ("service", None, ["jobs:read"], "valid")
    assert key["key"] not in (await api.http.get("/api/keys")).text
    assert (await api.http.post("/api/jobs", json={}, headers=bearer(key["key"]))).status_code == 403


async def test_a_users_key_acts_for_this_user_alone(api: ApiUnderTest) -> None:
    key = await made(api, user_id="ada")

    assert (key["kind"], key["user_id"]) == ("user", "ada")
    assert set(key["scopes"]) == {"jobs:read", "jobs:write", "files:write", "webhooks:write"}
    ada_alone = (await api.http.get("/api/keys", headers={"Aijobs-User": "ada"})).json()["data"]
    assert [one["key_id"] for one in ada_alone] == [key["key_id"]]


async def test_a_roles_key_may_what_the_role_may(api: ApiUnderTest) -> None:
    key = await made(api, role="operator")

    assert (key["role"], "pauses:write" in key["scopes"], "keys:write" in key["scopes"]) == ("operator", True, False)
    pause = await api.http.post("/api/pauses", json={"user": "ada", "reason": "x"}, headers=bearer(key["key"]))
    assert pause.status_code == 201
    assert (await api.http.get("/api/keys", headers=bearer(key["key"]))).status_code == 403


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": " "}, "/name"),
        ({"user_id": ""}, "/user_id"),
        ({"role": "viewer", "user_id": "ada"}, "/role"),
        ({"role": "viewer", "scopes": ["jobs:read"]}, "/role"),
        ({"role": "king"}, "/role"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["jobs:eat"]}, "/scopes/0"),
        ({"user_id": "ada", "scopes": ["admin"]}, "/scopes"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "/expires_at"),
        ({"more": 1}, "/more"),
    ],
)
async def test_what_cannot_be_a_key_is_named(shared_api: ApiUnderTest, body: dict[str, Any], pointer: str) -> None:
    answer = await refused(shared_api, **body)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_nobody_gives_or_takes_more_than_they_may(api: ApiUnderTest, key: str) -> None:
    keeper = await made(api, scopes=["keys:write", "keys:read", "jobs:read"])
    headers = bearer(keeper["key"])
    first = key.split("_")[2]

    smaller = await made(api, headers, scopes=["jobs:read"])
    larger = await refused(api, headers, scopes=["jobs:write"])

    assert larger.status_code == 403
    assert "jobs:write" in larger.json()["detail"]
    assert (await refused(api, headers)).status_code == 403
    assert (await refused(api, headers, role="admin")).status_code == 403
    assert (await refused(api, headers, user_id="ada")).status_code == 403
    rotated = await api.http.post(f"/api/keys/{first}/rotate", json={}, headers=headers)
    assert rotated.status_code == 403
    assert (await api.http.delete(f"/api/keys/{first}", headers=headers)).status_code == 403
    assert await may_read_jobs(api, key)
    assert (await api.http.delete(f"/api/keys/{smaller['key_id']}", headers=headers)).status_code == 204


async def test_a_rotated_key_and_its_successor_are_both_valid_for_a_while(api: ApiUnderTest) -> None:
    old = await made(api, scopes=["jobs:read"])
    answer = await api.http.post(f"/api/keys/{old['key_id']}/rotate", json={"overlap": 3600})
    fresh = answer.json()
    shown = (await api.http.get(f"/api/keys/{old['key_id']}")).json()

    assert answer.status_code == 201
    assert await may_read_jobs(api, old["key"])
    assert await may_read_jobs(api, fresh["key"])
    same = ("name", "kind", "user_id", "role", "scopes")
    assert {name: fresh[name] for name in same} == {name: old[name] for name in same}
    assert (fresh["replaces"], shown["replaced_by"]) == (old["key_id"], fresh["key_id"])
    left = datetime.fromisoformat(shown["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=50) < left < timedelta(minutes=70)
    again = await api.http.post(f"/api/keys/{old['key_id']}/rotate", json={})
    assert (again.status_code, again.json()["code"]) == (409, "cannot_rotate")
    assert fresh["key_id"] in again.json()["detail"]


async def test_without_an_overlap_the_old_key_ends_at_once(api: ApiUnderTest) -> None:
    old = await made(api, expires_at=(now() + timedelta(days=30)).isoformat())

    fresh = (await api.http.post(f"/api/keys/{old['key_id']}/rotate", json={"overlap": 0})).json()

    assert not await may_read_jobs(api, old["key"])
    assert await may_read_jobs(api, fresh["key"])
    lifetime = datetime.fromisoformat(fresh["expires_at"]) - datetime.fromisoformat(fresh["create_time"])
    assert timedelta(days=29) < lifetime < timedelta(days=31)
    assert (await api.http.post(f"/api/keys/{old['key_id']}/rotate", json={})).status_code == 409
    too_long = await api.http.post(f"/api/keys/{fresh['key_id']}/rotate", json={"overlap": 91 * 86400})
    assert too_long.status_code == 422


async def test_a_request_that_is_sent_again_with_the_successor_is_the_same_request(api: ApiUnderTest) -> None:
    old = await made(api, scopes=["jobs:read", "jobs:write"])
    body = {"model_id": UPSCALE, "params": {"image": PHOTO_URL}, "user_id": "ada"}
    once = {"Idempotency-Key": "an-order"}
    first = await api.http.post("/api/jobs", json=body, headers={**bearer(old["key"]), **once})
    fresh = (await api.http.post(f"/api/keys/{old['key_id']}/rotate", json={"overlap": 0})).json()

    again = await api.http.post("/api/jobs", json=body, headers={**bearer(fresh["key"]), **once})

    assert (first.status_code, again.json()["code"]) == (202, first.json()["code"])


async def test_a_revoked_key_is_refused_and_still_listed(api: ApiUnderTest) -> None:
    key = await made(api)
    path = f"/api/keys/{key['key_id']}"

    assert [(await api.http.delete(path)).status_code for _ in range(2)] == [204, 204]

    assert not await may_read_jobs(api, key["key"])
    ids = {
        ended: [one["key_id"] for one in (await api.http.get("/api/keys", params={"ended": ended})).json()["data"]]
        for ended in ("false", "true")
    }
    assert key["key_id"] not in ids["false"]
    assert key["key_id"] in ids["true"]
    assert (await api.http.get(path)).json()["state"] == "revoked"
    assert (await api.http.delete("/api/keys/nothing")).status_code == 404


async def test_keys_are_listed_by_the_page(api: ApiUnderTest) -> None:
    fresh = [(await made(api, name=f"key {number}"))["key_id"] for number in range(3)]

    first = (await api.http.get("/api/keys", params={"limit": 2})).json()
    second = (await api.http.get("/api/keys", params={"limit": 2, "cursor": first["next_cursor"]})).json()

    assert [one["key_id"] for one in first["data"]] == [fresh[2], fresh[1]]
    assert second["data"][0]["key_id"] == fresh[0]
    assert (first["has_more"], second["has_more"]) == (True, False)


async def test_the_last_use_is_noted_and_written_by_itself(api: ApiUnderTest) -> None:
    key = await made(api, scopes=["jobs:read"])
    unused = await made(api)
    before = now()
    await asyncio.gather(*(may_read_jobs(api, key["key"]) for _ in range(5)))

    await api.dependencies.key_uses.write(api.dependencies.database)

    shown = (await api.http.get(f"/api/keys/{key['key_id']}")).json()
    assert datetime.fromisoformat(shown["last_used_at"]) >= before - timedelta(milliseconds=1)
    assert (await api.http.get(f"/api/keys/{unused['key_id']}")).json()["last_used_at"] is None


async def test_an_earlier_use_does_not_take_the_place_of_a_later_one(api: ApiUnderTest) -> None:
    key = await made(api)
    late, early = now(), now() - timedelta(hours=1)

    def work(session: Session) -> None:
        note_uses(session, {key["key_id"]: late})
        note_uses(session, {key["key_id"]: early, "person:nobody": early})

    await api.dependencies.database.write(work)

    shown = (await api.http.get(f"/api/keys/{key['key_id']}")).json()
    assert datetime.fromisoformat(shown["last_used_at"]) == late.replace(microsecond=late.microsecond // 1000 * 1000)


async def test_a_token_and_a_session_make_no_keys_beyond_an_end_users(api: ApiUnderTest) -> None:
    token = (await api.http.post("/api/tokens", json={"user_id": "ada"})).json()["token"]

    assert (await refused(api, bearer(token))).status_code == 403
    assert (await refused(api, await api.key_for("ada"))).status_code == 403


async def test_what_is_done_to_keys_is_in_the_audit_log(api: ApiUnderTest) -> None:
    key = await made(api, role="viewer")
    fresh = (await api.http.post(f"/api/keys/{key['key_id']}/rotate", json={})).json()
    await api.http.delete(f"/api/keys/{fresh['key_id']}")

    acts = (await api.http.get("/api/audit", params={"act": "key"})).json()["data"]

    ours = [(act["act"], act["target"]) for act in acts if act["target"] in {key["key_id"], fresh["key_id"]}]
    assert ours == [
        ("key.revoked", fresh["key_id"]),
        ("key.rotated", key["key_id"]),
        ("key.made", key["key_id"]),
    ]
    assert all(text not in str(acts) for text in (key["key"], fresh["key"]))


async def test_a_key_of_a_later_version_is_read_without_what_is_not_known(api: ApiUnderTest) -> None:
    database, secret = api.dependencies.database, api.dependencies.secret
    text = await create_key(database, secret, kind=KeyKind.SERVICE, name="later", scopes=[Scope.JOBS_READ])

    def work(session: Session) -> None:
        locked_key(session, text.split("_")[2]).scopes = ["jobs:read", "comets:write"]

    await database.write(work)

    assert (await key_of(database, secret, text)).scopes == {Scope.JOBS_READ}
