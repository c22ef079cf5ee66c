"""A client that calls TTAPI's HTTP API directly."""

import asyncio
import io
from typing import Any

import httpx
from PIL import Image

from sandbox.server import RunningSandbox
from tests.patience import http_client
from tests.sandbox.caller import TIMEOUT_SECONDS

A_CAT = {"prompt": "a cat", "mode": "fast", "getUImages": True, "translation": False}


class RawTtapiClient:
    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def post(self, path: str = "/midjourney/v1/imagine", *, fault: str = "", **body: Any) -> httpx.Response:
        headers = {"X-Sandbox-Fault": fault} if fault else {}
        request_body = body if path.endswith("action") else {**A_CAT, **body}
        return await self.http.post(path, json=request_body, headers=headers)

    async def imagine(self, **how: Any) -> str:
        answer = (await self.post(**how)).json()
        assert answer["status"] == "SUCCESS", answer
        return str(answer["data"]["jobId"])

    async def act(self, origin: str, action: str, **how: Any) -> httpx.Response:
        return await self.post("/midjourney/v1/action", jobId=origin, action=action, getUImages=True, **how)

    async def fetch(self, job_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = (await self.http.get("/midjourney/v1/fetch", params={"jobId": job_id})).json()
        return answer

    async def until(self, job_id: str, *statuses: str) -> dict[str, Any]:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (answer := await self.fetch(job_id))["status"] not in statuses:
                await asyncio.sleep(0.02)
        return answer

    async def finished(self, **how: Any) -> dict[str, Any]:
        return await self.until(await self.imagine(**how), "SUCCESS", "FAILED")

    async def acted(self, origin: str, action: str) -> dict[str, Any]:
        answer = (await self.act(origin, action)).json()
        return await self.until(answer["data"]["jobId"], "SUCCESS", "FAILED")

    async def listed(self, **query: Any) -> list[dict[str, Any]]:
        answer = (await self.http.get("/midjourney/v1/fetch-list", params=query)).json()
        lines: list[dict[str, Any]] = answer["data"]["list"]
        return lines

    async def info(self) -> dict[str, Any]:
        account_info: dict[str, Any] = (await self.http.get("/midjourney/v1/info")).json()["data"]
        return account_info

    async def picture(self, url: str) -> Image.Image:
        return Image.open(io.BytesIO((await self.http.get(url)).raise_for_status().content)).convert("RGB")


def ttapi_http_client(sandbox: RunningSandbox, key: str = "tt_any_key") -> httpx.AsyncClient:
    return http_client(base_url=sandbox.url, headers={"TT-API-KEY": key})
