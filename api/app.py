"""The API's composition root: the adapters, the routes, and what surrounds them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from starlette.types import ASGIApp

from api import documentation
from api.engine import Engine
from api.live import LiveEvents
from api.parts import Parts
from api.problems import answer_problems
from api.routes import (
    catalogue,
    events,
    files,
    health,
    jobs,
    outputs,
    points,
    reruns,
    resolutions,
    store,
    tokens,
    webhooks,
)
from api.server import serving
from api.surroundings import Surroundings
from api.uploading import FORM_SLACK
from persistence.database import opened_database
from persistence.first_key import ensure_first_key
from providers.registry import opened_providers
from settings import Settings
from storage.links import LinkSigner
from storage.opening import opened_store
from workflows.connecting import connect

ROUTES: Final = (
    jobs,
    reruns,
    resolutions,
    events,
    outputs,
    files,
    points,
    catalogue,
    tokens,
    webhooks,
    store,
    health,
    documentation,
)
MAX_WEBHOOK_BYTES: Final = 1024 * 1024


class Api(FastAPI):
    """A FastAPI inside its surroundings."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(
            title=documentation.TITLE,
            description=documentation.DESCRIPTION,
            version="1",
            openapi_tags=documentation.TAGS,
            docs_url=None,
            redoc_url=None,
            lifespan=lambda _: parts.live.running(),
        )
        self.state.parts = parts
        self._settings = parts.settings

    def build_middleware_stack(self) -> ASGIApp:
        limits = {
            "/api/files": self._settings.max_upload_bytes + FORM_SLACK,
            "/api/webhooks/": MAX_WEBHOOK_BYTES,
        }
        inside = super().build_middleware_stack()
        return Surroundings(inside, body_limit=self._settings.max_body_bytes, body_limits=limits)

    def openapi(self) -> dict[str, Any]:
        return documentation.with_problems(super().openapi())


def build_app(parts: Parts) -> Api:
    """The app over these collaborators. While it runs, `parts.live` follows the database."""
    app = Api(parts)
    answer_problems(app, base_url=parts.base_url)
    for route in ROUTES:
        app.include_router(route.router)
    return app


@asynccontextmanager
async def opened_parts(settings: Settings) -> AsyncIterator[Parts]:
    """The adapters as the settings want them. Temporal is connected to when it is first needed."""
    catalogue, secret = settings.load_catalogue(), settings.load_secret()
    signer = LinkSigner(secret, settings.base_url)
    async with AsyncExitStack() as opened:
        database = await opened.enter_async_context(opened_database(settings.database))
        yield Parts(
            database=database,
            catalogue=catalogue,
            providers=await opened.enter_async_context(opened_providers(settings)),
            store=await opened.enter_async_context(
                opened_store(settings.store, data_dir=settings.data_dir, signer=signer)
            ),
            signer=signer,
            engine=Engine(connect),
            live=LiveEvents(database),
            secret=secret,
            base_url=settings.base_url,
            daily_limit=settings.points.daily_limit,
            settings=settings.api,
        )


async def run_api(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set. Raises OSError when the port is taken."""
    async with opened_parts(settings) as parts:
        if settings.database_url is None:  # embedded: nobody else could make one
            await ensure_first_key(parts.database, parts.secret, settings.data_dir)
        async with serving(build_app(parts), parts.live, host=settings.api.host, port=settings.api.port):
            await stop.wait()
