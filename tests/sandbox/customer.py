"""A client that calls Replicate's HTTP API directly."""

import asyncio
import time
from typing import Any

import httpx

FINAL = {"succeeded", "failed", "canceled", "aborted"}
TIMEOUT_SECONDS = 8.0
UPSCALE = "/v1/models/topazlabs/image-upscale/predictions"


class RawReplicateClient:
    def __init__(self, http: httpx.AsyncClient, *, photo: str) -> None:
        self.http = http
        self.photo = photo

    async def post(
        self, *, fault: str = "", headers: dict[str, str] | None = None, body: Any = None, **inputs: Any
    ) -> httpx.Response:
        """Create an upscale prediction; `inputs` are added to the image, `body` to the request."""
        request_body = {"input": {"image": self.photo, **inputs}, **(body or {})}
        sent = {**({"X-Sandbox-Fault": fault} if fault else {}), **(headers or {})}
        return await self.http.post(UPSCALE, json=request_body, headers=sent)

    async def create(self, **how: Any) -> dict[str, Any]:
        reply = await self.post(**how)
        assert reply.is_success, reply.text
        prediction: dict[str, Any] = reply.json()
        return prediction

    async def get(self, prediction_id: str, *, fault: str = "") -> dict[str, Any]:
        headers = {"X-Sandbox-Fault": fault} if fault else {}
        reply = await self.http.get(f"/v1/predictions/{prediction_id}", headers=headers)
        assert reply.is_success, reply.text
        prediction: dict[str, Any] = reply.json()
        return prediction

    async def until(self, prediction_id: str, *statuses: str) -> dict[str, Any]:
        """The prediction, once it has one of these statuses (default: any final one)."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            prediction = await self.get(prediction_id)
            if prediction.get("status") in (statuses or FINAL):
                return prediction
            await asyncio.sleep(0.02)
        raise AssertionError(f"{prediction_id} is still {prediction['status']}")

    async def finished(self, **how: Any) -> dict[str, Any]:
        return await self.until((await self.create(**how))["id"])

    async def listed(self, **query: Any) -> list[str]:
        reply = await self.http.get("/v1/predictions", params=query)
        return [prediction["id"] for prediction in reply.raise_for_status().json()["results"]]

    async def cancel(self, prediction_id: str) -> httpx.Response:
        return await self.http.post(f"/v1/predictions/{prediction_id}/cancel")
