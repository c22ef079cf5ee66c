"""All that an installation leaves behind, or shows: each source as bytes."""

import gzip
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

import psycopg
from fastapi import FastAPI, Request, Response
from google.protobuf.json_format import ParseDict
from sqlalchemy import make_url
from temporalio.api.common.v1 import Payload
from temporalio.client import Client

from tests.adapters.storage.site import served
from tests.stories.stack import StoryStack
from workflows.data_converter import EncryptingCodec

PAGES: Final = ("/", "/jobs", "/jobs/{code}", "/points", "/health", "/webhooks", "/batches", "/models", "/documents")

ANSWERS: Final = ("/readyz", "/metrics", "/api/credentials", "/api/models", "/openapi.json", "/docs")


@asynccontextmanager
async def collecting() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A collector of traces: its address, and what it was sent."""
    bodies: list[bytes] = []
    app = FastAPI()

    @app.post("/v1/traces")
    async def take(request: Request) -> Response:
        body = await request.body()
        bodies.append(gzip.decompress(body) if request.headers.get("Content-Encoding") == "gzip" else body)
        return Response(status_code=200, media_type="application/x-protobuf")

    async with served(app) as url:
        yield url, bodies


async def histories(client: Client, codec: EncryptingCodec) -> tuple[bytes, bytes, list[str]]:
    """Every workflow, described, with its history: as it is, and decrypted; and their ids."""
    raw, opened, ids = [], [], []
    async for found in client.list_workflows(""):
        ids.append(found.id)
        raw.append(found.raw_info.SerializeToString())
        handle = client.get_workflow_handle(found.id, run_id=found.run_id)
        raw.append((await handle.describe()).raw_description.SerializeToString())
        history = await handle.fetch_history()
        raw += [history.to_json().encode(), *(event.SerializeToString() for event in history.events)]
        opened += [part async for part in _decrypted(history.to_json_dict(), codec)]
    return b"\n".join(raw), b"\n".join(opened), ids


async def _decrypted(value: Any, codec: EncryptingCodec) -> AsyncIterator[bytes]:
    """The data of each payload within a history."""
    match value:
        case {"metadata": dict(), "data": str()}:
            (payload,) = await codec.decode([ParseDict(value, Payload())])
            yield payload.data
        case dict():
            for part in value.values():
                async for data in _decrypted(part, codec):
                    yield data
        case list():
            for part in value:
                async for data in _decrypted(part, codec):
                    yield data


def files_below(folder: Path, pattern: str) -> Iterator[bytes]:
    for path in sorted(folder.rglob(pattern)):
        if path.is_file():
            yield path.read_bytes()


def database_dump(url: str) -> bytes:
    """Every row of every table."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(parsed.database))) as database:
            return "\n".join(database.iterdump()).encode()
    plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    dump = []
    with psycopg.connect(plain) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
        for (table,) in tables:
            rows = connection.execute(f'SELECT t::text FROM "{table}" t').fetchall()
            dump.append(json.dumps(rows, ensure_ascii=False).encode())
    return b"\n".join(dump)


async def pages(stack: StoryStack, code: str) -> bytes:
    """What a signed-in operator sees, and what the API says of everything."""
    key = stack.api.headers["Authorization"].removeprefix("Bearer ")
    signed_in = await stack.api.post("/api/sessions", json={"key": key})
    cookie = {"Cookie": signed_in.headers["Set-Cookie"].partition(";")[0], "Authorization": ""}
    seen = []
    for path in PAGES:
        page = await stack.api.get(path.format(code=code), headers=cookie, follow_redirects=True)
        seen.append(page.content)
    for path in (*ANSWERS, f"/api/jobs/{code}"):
        answer = await stack.api.get(path, headers={"Aijobs-User": "ada"})
        seen.append(answer.content)
    return b"\n".join(seen)
