"""A caller's own web server: it hosts the photo to upscale and receives webhooks."""

import asyncio
import io
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from PIL import Image
from starlette.responses import Response

TIMEOUT_SECONDS = 8.0


def a_photo(width: int = 40, height: int = 30, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.effect_mandelbrot((width, height), (-2, -1.5, 1, 1.5), 100).convert("RGB").save(file, kind)
    return file.getvalue()


def size_of(picture: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(picture)) as opened:
        return opened.size


def format_of(picture: bytes) -> str | None:
    with Image.open(io.BytesIO(picture)) as opened:
        return opened.format


@dataclass(frozen=True)
class Webhook:
    headers: dict[str, str]
    body: str
    arrived: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def prediction(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    @property
    def status(self) -> str:
        return str(self.prediction["status"])


@dataclass
class SandboxCaller:
    url: str
    webhooks: list[Webhook] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    answers: list[int] = field(default_factory=list)  #: statuses for the next webhooks, then 200

    @property
    def photo(self) -> str:
        return f"{self.url}/photo.png"

    @property
    def hook(self) -> str:
        return f"{self.url}/hooks/job-1"

    async def received(self, count: int) -> list[Webhook]:
        """The webhooks, once `count` were received; fails when they do not arrive."""
        async with asyncio.timeout(TIMEOUT_SECONDS), self.changed:
            await self.changed.wait_for(lambda: len(self.webhooks) >= count)
        return self.webhooks

    async def receive(self, webhook: Webhook) -> int:
        """The status to answer with."""
        async with self.changed:
            self.webhooks.append(webhook)
            self.changed.notify_all()
        return self.answers.pop(0) if self.answers else 200


class _CallerServer(uvicorn.Server):
    """Leaves signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def a_caller() -> AsyncIterator[SandboxCaller]:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    caller = SandboxCaller(f"http://127.0.0.1:{listener.getsockname()[1]}")
    app = FastAPI()

    @app.get("/photo.png")
    async def photo() -> Response:
        return Response(a_photo(), media_type="image/png")

    @app.get("/page.html")
    async def page() -> Response:
        return Response("<p>not an image</p>", media_type="text/html")

    @app.post("/hooks/{name}")
    async def hook(request: Request) -> Response:
        body = (await request.body()).decode()
        webhook = Webhook(dict(request.headers), body, time.monotonic())
        return Response(status_code=await caller.receive(webhook))

    server = _CallerServer(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.wait({serving}, timeout=0.01)
    yield caller
    server.should_exit = True
    await serving
