"""A web server for tests: any ASGI application on a free port of this machine."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Query
from fastapi.responses import Response, StreamingResponse

from aijobs.adapters.storage.content_disposition import content_disposition
from aijobs.adapters.storage.signed_links import LinkSigner
from aijobs.domain.errors import NotAllowed, NotFound
from aijobs.domain.ports.object_store import ObjectStore


class _SiteServer(uvicorn.Server):
    def __init__(self, app: FastAPI) -> None:
        super().__init__(uvicorn.Config(app, port=0, log_config=None, ws="none", lifespan="off"))
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Its base URL, for as long as the context lasts."""
    server = _SiteServer(app)
    running = asyncio.create_task(server.serve())
    await server.up.wait()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


def store_app(store: ObjectStore, signer: LinkSigner) -> FastAPI:
    """Serves objects of a directory for valid links, as the API does."""
    app = FastAPI()

    @app.get("/api/store/{key:path}")
    async def read(
        key: str, filename: str, media_type: Annotated[str, Query(alias="type")], expires: int, signature: str
    ) -> Response:
        try:
            signer.verify(key, filename=filename, media_type=media_type, expires=expires, signature=signature)
        except (NotAllowed, NotFound) as refused:
            return Response(str(refused), status_code=403)
        headers = {"content-disposition": content_disposition(filename, media_type)}
        return StreamingResponse(store.read(key), media_type=media_type, headers=headers)

    return app
