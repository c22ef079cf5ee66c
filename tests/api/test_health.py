"""Alive, and ready."""

from dataclasses import replace
from pathlib import Path

from aijobs.adapters.storage.directory import DirectoryStore
from aijobs.adapters.storage.signed_links import LinkSigner
from tests.api.installation import SECRET, ApiUnderTest, opened_installation


async def test_alive_and_ready(standing: ApiUnderTest) -> None:
    for path, status in (("/healthz", "ok"), ("/readyz", "ready")):
        answer = await standing.http.get(path, headers={"Authorization": ""})
        assert (answer.status_code, answer.json()) == (200, {"status": status})


async def test_what_is_missing_is_named(without_temporal: ApiUnderTest, tmp_path: Path, key: str) -> None:
    nowhere = DirectoryStore(tmp_path / "nowhere", LinkSigner(SECRET, "http://aijobs.test"))
    async with opened_installation(replace(without_temporal.parts, store=nowhere), key) as poor:
        answer = await poor.http.get("/readyz")
        alive = await poor.http.get("/healthz")

    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/temporal", "/store"]
    assert alive.status_code == 200
