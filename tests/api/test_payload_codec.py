"""The codec endpoint: what Temporal's Web UI and command line ask to show what is encrypted in a history."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import HttpUrl
from temporalio.api.common.v1 import Payload

from aijobs.domain.values.payload_keys import PayloadKeys
from aijobs.domain.values.scopes import Scope
from aijobs.persistence.access.first_key import ensure_first_key
from api.auth.access import Access
from api.auth.sessions import cookie_of
from tests.api.conftest import SMALL, opened_dependencies
from tests.api.installation import ApiUnderTest, opened_installation
from tests.patience import http_client
from workflows.client import TemporalJobEngine
from workflows.data_converter import EncryptingCodec

KEYS: Final = PayloadKeys({"new": b"n" * 32, "old": b"o" * 32})
WEB_UI: Final = "http://temporal.test:8233"
PLAIN: Final = Payload(metadata={"encoding": b"json/plain"}, data=b'"an input"')


@pytest.fixture
async def api(database_kind: str, tmp_path: Path, engine: TemporalJobEngine) -> AsyncIterator[ApiUnderTest]:
    settings = SMALL.model_copy(update={"temporal_ui": HttpUrl(f"{WEB_UI}/namespaces/default")})
    async with opened_dependencies(tmp_path, engine, api=settings) as dependencies:
        key = await ensure_first_key(dependencies.database, dependencies.secret, tmp_path)
        async with opened_installation(replace(dependencies, payload_keys=KEYS), key) as installation:
            yield installation


async def sealed_by(key_id: str, key: bytes) -> Payload:
    (sealed,) = await EncryptingCodec(PayloadKeys({key_id: key})).encode([PLAIN])
    return sealed


def written(*payloads: Payload) -> dict[str, Any]:
    def text(value: bytes) -> str:
        return base64.b64encode(value).decode()

    return {
        "payloads": [
            {"metadata": {name: text(value) for name, value in payload.metadata.items()}, "data": text(payload.data)}
            for payload in payloads
        ]
    }


async def test_each_key_decrypts_and_what_is_not_encrypted_stays(api: ApiUnderTest) -> None:
    asked = [await sealed_by("old", b"o" * 32), PLAIN, await sealed_by("new", b"n" * 32)]

    answer = await api.http.post("/codec/decode", json=written(*asked))

    assert answer.json() == written(PLAIN, PLAIN, PLAIN)


async def test_what_an_operator_types_is_encrypted_with_the_first_key(api: ApiUnderTest) -> None:
    answer = await api.http.post("/codec/encode", json=written(PLAIN))

    (sealed,) = answer.json()["payloads"]
    assert base64.b64decode(sealed["metadata"]["encryption-key-id"]) == b"new"
    assert b"an input" not in base64.b64decode(sealed["data"])
    assert (await api.http.post("/codec/decode", json=answer.json())).json() == written(PLAIN)


async def test_a_key_that_is_missing_is_named_and_what_was_altered_is_refused(api: ApiUnderTest) -> None:
    altered = await sealed_by("old", b"o" * 32)
    altered.data = altered.data[:-1] + bytes([altered.data[-1] ^ 1])

    missing = await api.http.post("/codec/decode", json=written(await sealed_by("lost", b"l" * 32)))
    refused = await api.http.post("/codec/decode", json=written(altered))

    assert (missing.status_code, missing.json()["code"]) == (422, "payload_unreadable")
    assert "the key lost, which is not in AIJOBS_PAYLOADS__KEYS" in missing.json()["detail"]
    assert (refused.status_code, refused.json()["code"]) == (422, "payload_unreadable")
    assert "altered" in refused.json()["detail"]


@pytest.mark.parametrize(
    "body", [{"payloads": [{"data": "no base64!"}]}, {"payloads": [{"metadata": {"encoding": 7}}]}, {"payloads": 3}, []]
)
async def test_what_is_no_payload_is_refused(api: ApiUnderTest, body: Any) -> None:
    assert (await api.http.post("/codec/decode", json=body)).status_code == 422


async def test_only_operators_may_ask(api: ApiUnderTest) -> None:
    reader = await api.key_for("ada", Scope.JOBS_READ)

    async with http_client(base_url=api.url) as nobody:
        without = await nobody.post("/codec/decode", json=written(PLAIN))
        allowed_too_little = await nobody.post("/codec/decode", json=written(PLAIN), headers=reader)

    assert (without.status_code, allowed_too_little.status_code) == (401, 403)


async def test_browsers_let_the_web_ui_alone_read_it(api: ApiUnderTest) -> None:
    def asks(origin: str) -> dict[str, str]:
        wanted = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,x-namespace",
        }
        return {"Origin": origin, **wanted}

    preflight = await api.http.options("/codec/decode", headers=asks(WEB_UI))
    evil = await api.http.options("/codec/decode", headers=asks("http://evil.test"))
    elsewhere = await api.http.options("/api/jobs", headers=asks(WEB_UI))
    answer = await api.http.post("/codec/decode", json=written(PLAIN), headers={"Origin": WEB_UI})

    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (200, WEB_UI)
    assert preflight.headers["Access-Control-Allow-Credentials"] == "true"
    assert (evil.status_code, evil.headers.get("Access-Control-Allow-Origin")) == (400, None)
    assert "Access-Control-Allow-Origin" not in elsewhere.headers
    assert answer.headers["Access-Control-Allow-Origin"] == WEB_UI


async def test_a_session_counts_from_the_web_ui_and_there_for_nothing_else(api: ApiUnderTest) -> None:
    access: Access = api.dependencies.access
    async with http_client(base_url=api.url) as browser:
        key = api.http.headers["Authorization"].removeprefix("Bearer ")
        signed_in = await browser.post("/api/sessions", json={"key": key}, headers={"Origin": api.url})
        assert signed_in.status_code in {200, 201, 204}, signed_in.text
        browser.headers["Cookie"] = f"{cookie_of(access).name}={signed_in.cookies[cookie_of(access).name]}"
        from_web_ui = await browser.post("/codec/decode", json=written(PLAIN), headers={"Origin": WEB_UI})
        from_elsewhere = await browser.post(
            "/codec/decode", json=written(PLAIN), headers={"Origin": "http://evil.test"}
        )
        a_job = await browser.post("/api/jobs", json={}, headers={"Origin": WEB_UI})

    assert from_web_ui.json() == written(PLAIN)
    assert (from_elsewhere.status_code, a_job.status_code) == (403, 403)
