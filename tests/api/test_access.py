"""Keys and tokens: who may do what, and for whom."""

from datetime import timedelta

import httpx
import jwt
import pytest

from aijobs.domain.values.scopes import Scope
from aijobs.persistence.access.keys import KeyKind, create_key, list_keys, revoke_key
from aijobs.persistence.column_types import now
from api.auth.tokens import Claims, make_token
from tests.api.installation import ApiUnderTest, Headers


async def token_for(api: ApiUnderTest, user: str = "ada", **more: object) -> Headers:
    answer = await api.http.post("/api/tokens", json={"user_id": user, **more})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def utf8(**headers: str) -> httpx.Headers:
    return httpx.Headers(headers, encoding="utf-8")


async def status_with(api: ApiUnderTest, authorization: str) -> int:
    return (await api.http.get("/api/jobs", headers=utf8(Authorization=authorization))).status_code


async def test_without_a_key_nothing_is_told(shared_api: ApiUnderTest) -> None:
    for path in ("/api/jobs", "/api/models", "/api/dicts", "/api/points", "/api/jobs/x/events"):
        answer = await shared_api.http.get(path, headers={"Authorization": ""})
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_a_key_must_be_exactly_right(api: ApiUnderTest, key: str) -> None:
    assert await status_with(api, f"bearer {key}") == 200
    prefix, kind, key_id, secret = key.split("_", 3)
    for wrong in (
        key[:-1],
        key + "x",
        f"{prefix}_user_{key_id}_{secret}",
        f"{prefix}_{kind}_{key_id}_",
        f"{prefix}_{kind}__{secret}",
        "aijobs_",
        "x" * 5000,
        "é",
    ):
        assert await status_with(api, f"Bearer {wrong}") == 401
    assert await status_with(api, f"Basic {key}") == 401


async def test_a_revoked_or_expired_key_is_none(api: ApiUnderTest) -> None:
    headers = await api.key_for("ada")
    (revoked,) = [found for found in await list_keys(api.dependencies.database) if found.user_id == "ada"]
    await revoke_key(api.dependencies.database, revoked.key_id)
    expired = await create_key(
        api.dependencies.database,
        api.dependencies.secret,
        kind=KeyKind.SERVICE,
        name="old",
        expires_at=now() - timedelta(seconds=1),
    )

    assert await status_with(api, headers["Authorization"]) == 401
    assert await status_with(api, f"Bearer {expired}") == 401


async def test_a_key_does_only_what_its_scopes_say(api: ApiUnderTest) -> None:
    reader = await api.key_for("ada", Scope.JOBS_READ)
    writer = await api.key_for("ada", Scope.JOBS_WRITE)

    assert (await api.submit("ada", headers=reader)).status_code == 403
    assert (await api.submit("ada", headers=writer)).status_code == 202
    assert (await api.http.get("/api/jobs", headers=writer)).status_code == 403
    assert (await api.http.post("/api/files", headers=writer)).status_code == 403


async def test_a_users_key_never_runs_the_installation(api: ApiUnderTest) -> None:
    ada = await api.key_for("ada")
    code = (await api.submit("ada", headers=ada)).json()["code"]
    decision = {"decision": "refund", "why": "please"}

    assert (await api.http.post(f"/api/jobs/{code}/resolve", headers=ada, json=decision)).status_code == 403
    assert (await api.http.delete("/api/templates/contract_zh", headers=ada)).status_code == 403
    assert (await api.http.post("/api/tokens", headers=ada, json={"user_id": "ada"})).status_code == 403
    with pytest.raises(ValueError, match="admin"):
        await api.key_for("ada", Scope.ADMIN)


async def test_a_users_key_acts_for_nobody_else(api: ApiUnderTest) -> None:
    ada = await api.key_for("ada")

    assert (await api.submit("bob", headers=ada)).status_code == 403
    assert (await api.http.get("/api/jobs", headers={**ada, "Aijobs-User": "bob"})).status_code == 403
    assert (await api.submit("ada", headers=ada)).status_code == 202


async def test_a_service_names_its_user_in_the_body_or_the_header_but_not_two(api: ApiUnderTest) -> None:
    in_utf8 = utf8(**{"Aijobs-User": "张三"})
    not_utf8 = httpx.Headers({"Aijobs-User": "\xff"}, encoding="latin-1")

    assert (await api.http.get("/api/points", headers=in_utf8)).json()["user_id"] == "张三"
    assert (await api.submit("张三", headers=in_utf8)).status_code == 202
    assert (await api.http.get("/api/points", headers=not_utf8)).status_code == 422
    assert (await api.submit("bob", headers={"Aijobs-User": "ada"})).status_code == 422


async def test_a_service_key_without_a_user_of_its_own_must_name_one(shared_api: ApiUnderTest) -> None:
    text = await create_key(
        shared_api.dependencies.database, shared_api.dependencies.secret, kind=KeyKind.SERVICE, name="backend"
    )
    answer = await shared_api.http.get("/api/points", headers={"Authorization": f"Bearer {text}"})

    assert answer.json()["errors"][0]["pointer"] == "/user_id"


async def test_a_token_acts_for_its_user_within_its_scopes(api: ApiUnderTest) -> None:
    token = await token_for(api, "ada")
    mine, foreign = await api.job("ada"), await api.job("bob")

    assert (await api.http.get(f"/api/jobs/{mine}", headers=token)).status_code == 200
    assert (await api.http.get(f"/api/jobs/{foreign}", headers=token)).status_code == 404
    assert (await api.submit("ada", headers=token)).status_code == 403
    writer = await token_for(api, "ada", scopes=["jobs:write"])
    assert (await api.submit("ada", headers=writer)).status_code == 202


async def test_a_token_dies_with_its_time_and_with_its_key(api: ApiUnderTest) -> None:
    (service,) = await list_keys(api.dependencies.database)
    claims = Claims(user_id="ada", key_id=service.key_id, scopes=frozenset({Scope.JOBS_READ}))
    expired, _ = make_token(api.dependencies.secret, claims, lifetime=timedelta(seconds=-1))
    good, _ = make_token(api.dependencies.secret, claims, lifetime=timedelta(minutes=1))

    assert await status_with(api, f"Bearer {expired}") == 401
    assert await status_with(api, f"Bearer {good}") == 200
    await revoke_key(api.dependencies.database, service.key_id)
    assert await status_with(api, f"Bearer {good}") == 401


async def test_a_token_that_we_did_not_make_is_none(shared_api: ApiUnderTest) -> None:
    content = {"sub": "ada", "key": "k", "scope": "admin", "aud": "aijobs", "exp": now() + timedelta(hours=1)}
    unsigned = jwt.encode(content, "", algorithm="none")
    foreign = jwt.encode(content, b"x" * 32, algorithm="HS256")
    with_the_secret_itself = jwt.encode(content, shared_api.dependencies.secret.ljust(32), algorithm="HS256")

    for text in (unsigned, foreign, with_the_secret_itself):
        assert await status_with(shared_api, f"Bearer {text}") == 401


@pytest.mark.parametrize(
    "body",
    [
        {"user_id": "ada", "ttl": 0},
        {"user_id": "ada", "ttl": 86401},
        {"user_id": "ada", "ttl": "60"},
        {"user_id": "ada", "scopes": []},
        {"user_id": "ada", "scopes": ["admin"]},
        {"user_id": "ada", "scopes": ["tokens:write"]},
        {"user_id": "ada", "scopes": ["everything"]},
        {"user_id": ""},
        {},
    ],
)
async def test_a_token_is_bounded(shared_api: ApiUnderTest, body: dict[str, object]) -> None:
    assert (await shared_api.http.post("/api/tokens", json=body)).status_code == 422


async def test_only_a_service_makes_tokens_and_none_that_may_more_than_itself(api: ApiUnderTest) -> None:
    user = await api.key_for("ada")
    narrow = await create_key(
        api.dependencies.database,
        api.dependencies.secret,
        kind=KeyKind.SERVICE,
        name="narrow",
        scopes=[Scope.TOKENS_WRITE, Scope.JOBS_READ],
    )
    request = {"user_id": "ada", "scopes": ["jobs:write"]}

    assert (await api.http.post("/api/tokens", json={"user_id": "ada"}, headers=user)).status_code == 403
    answer = await api.http.post("/api/tokens", json=request, headers={"Authorization": f"Bearer {narrow}"})
    assert answer.json()["errors"][0]["pointer"] == "/scopes"
