"""A running API, and methods that move its jobs without a worker."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.outputs import OutputKind, StoredOutput, output_key
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.scopes import Scope
from aijobs.persistence.access.keys import KeyKind, create_key
from api.app import build_app
from api.dependencies import ApiDependencies
from api.server import serving
from tests.patience import http_client

SECRET = b"a secret only for these tests"
WEBHOOK_SECRET = "whsec_dGhpcyBpcyBub3QgYSBzZWNyZXQgYXQgYWxs"

UPSCALE = "replicate_imageupscale_v1"
PHOTO_URL = "https://example.com/photo.jpg"

Headers = Mapping[str, str]


@dataclass
class ApiUnderTest:
    """`http` has a service key and names no user."""

    url: str
    dependencies: ApiDependencies
    http: httpx.AsyncClient

    async def key_for(self, user_id: str, *scopes: Scope) -> Headers:
        """The header of a new key that acts for this user only."""
        text = await create_key(
            self.dependencies.database,
            self.dependencies.secret,
            kind=KeyKind.USER,
            name="test",
            user_id=user_id,
            scopes=scopes or None,
        )
        return {"Authorization": f"Bearer {text}"}

    async def submit(self, user: str = "ada", *, headers: Headers | None = None, **more: Any) -> httpx.Response:
        body = {"model_id": UPSCALE, "params": {"image": PHOTO_URL}, "user_id": user, **more}
        return await self.http.post("/api/jobs", json=body, headers=headers)

    async def job(self, user: str = "ada", **more: Any) -> str:
        """The code of a new job."""
        answer = await self.submit(user, **more)
        assert answer.status_code == 202, answer.text
        code: str = answer.json()["code"]
        return code

    async def upload(
        self, content: bytes, *, name: str = "photo.jpg", user: str = "ada", key: str = ""
    ) -> httpx.Response:
        headers = {"Aijobs-User": user, **({"Idempotency-Key": key} if key else {})}
        return await self.http.post("/api/files", files={"file": (name, content)}, headers=headers)

    async def push(self, code: str, *statuses: JobStatus) -> None:
        """Advance the job through these statuses, as its workflow would."""
        for status in statuses:
            bad = status in {JobStatus.FAILED, JobStatus.TIMEOUT, JobStatus.CANCELED}
            error = JobError(code="test", message="As the test wants it.", stage=Stage.PROCESSING) if bad else None
            await self.dependencies.records.gate.advance(code, status, error=error)

    async def keep_output(self, code: str, content: bytes, index: int = 0) -> StoredOutput:
        """Store an output and its row, as the migration would."""

        async def chunks() -> AsyncIterator[bytes]:
            yield content

        key = output_key(code, index, "png")
        stored = await self.dependencies.store.put(key, chunks(), media_type="image/png")
        output = StoredOutput(
            index=index,
            kind=OutputKind.IMAGE,
            media_type="image/png",
            size=stored.size,
            sha256=stored.sha256,
            key=key,
            original_url="https://replicate.delivery/out.png",
            width=64,
            height=48,
        )
        await self.dependencies.records.outputs.add(code, output)
        return output

    async def events(self, code: str, *, after: int | str | None = None) -> AsyncIterator[dict[str, Any]]:
        """The events of the job's stream, until it ends."""
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        async with self.http.stream("GET", f"/api/jobs/{code}/events", headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))


@asynccontextmanager
async def opened_installation(dependencies: ApiDependencies, key: str) -> AsyncIterator[ApiUnderTest]:
    async with (
        serving(build_app(dependencies), dependencies.live, host="127.0.0.1", port=0) as url,
        http_client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as http,
    ):
        yield ApiUnderTest(url, dependencies, http)
