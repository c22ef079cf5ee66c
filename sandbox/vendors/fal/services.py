"""What fal offers beside its queue: keys of webhooks, uploads, lists of finished requests, and schemas."""

import asyncio
import uuid
from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Query, Request
from starlette.responses import FileResponse, JSONResponse, Response

from sandbox.call import Refusal
from sandbox.clock import NANOSECONDS, now_ns, stamp
from sandbox.context import context_of
from sandbox.faults.catalogue import Fault
from sandbox.faults.fault_board import Faults
from sandbox.tasks.engine import TaskEngine
from sandbox.tasks.task import SimulatedTask
from sandbox.vendors.fal.calls import Account, FilesCall, ListCall, OtherCall, Queue, error_response
from sandbox.vendors.fal.endpoints import ENDPOINTS, openapi_of
from sandbox.vendors.fal.queued import result_document, webhook_keys

MAX_FILE: Final = 100 * 1024**2
MOST_LISTED: Final = 100

router = APIRouter(prefix="/fal")


@router.get("/rest/.well-known/jwks.json")
async def get_webhook_keys(request: Request) -> dict[str, Any]:
    return webhook_keys(context_of(request))


@router.post("/rest/storage/upload/initiate")
async def begin_upload(
    _: Account, call: FilesCall, queue: Queue, file_name: Annotated[str, Body()], content_type: Annotated[str, Body()]
) -> Response:
    """A place to put a file, and the link under which it can be read then. Neither needs a key."""
    await call.raise_if_refused()
    del content_type
    name = PurePosixPath(file_name).name or "file"
    place = f"{queue.context.config.base_url}/fal/files/{uuid.uuid4().hex}/{name}"
    return await call.answer({"upload_url": place, "file_url": place})


@router.put("/files/{file_id}/{name}")
async def put_file(request: Request, queue: Queue, file_id: str, name: str) -> Response:
    received = bytearray()
    async for piece in request.stream():
        received += piece
        if len(received) > MAX_FILE:
            raise Refusal(error_response(413, {}))
    await asyncio.to_thread(queue.context.blobs.write, _blob(file_id, name), bytes(received))
    return Response(status_code=200)


@router.get("/files/{file_id}/{name}")
async def get_file(queue: Queue, file_id: str, name: str) -> Response:
    blob = _blob(file_id, name)
    if not await asyncio.to_thread(queue.context.blobs.has, blob):
        return error_response(404, {})
    return FileResponse(queue.context.blobs.path(blob))


@router.get("/openapi.json")
async def get_schema(call: OtherCall, endpoint_id: str = "") -> Response:
    """Public: it needs no key."""
    await call.raise_if_refused()
    if endpoint_id not in ENDPOINTS:
        return JSONResponse({"detail": "Endpoint not found"}, 404)
    return await call.answer(openapi_of(endpoint_id, ENDPOINTS[endpoint_id]))


@router.get("/platform/models/requests/by-endpoint")
async def list_finished(
    request: Request,
    account: Account,
    call: ListCall,
    queue: Queue,
    endpoint_id: str = "",
    start: datetime | None = None,
    end: datetime | None = None,
    cursor: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Sorted by their ends: what waits or runs is not there."""
    await call.raise_if_refused()
    limit = min(int(request.query_params.get("limit", "50")), MOST_LISTED)
    expand = request.query_params.get("expand", "")
    finished = [
        task
        for task in queue
        if task.account == account
        and task.model == endpoint_id
        and task.status.is_final
        and _is_between(task, start, end)
        and not _is_hidden(task, queue.faults_of(task) | call.faults)
    ]
    finished.sort(key=lambda task: task.ended_ns or 0, reverse=True)
    page = finished[cursor : cursor + limit]
    more = str(cursor + limit) if cursor + limit < len(finished) else None
    items = [_item(task, queue, with_payloads=expand == "payloads") for task in page]
    return await call.answer({"items": items, "next_cursor": more, "has_more": more is not None})


def _item(task: SimulatedTask, queue: TaskEngine, *, with_payloads: bool) -> dict[str, Any]:
    item: dict[str, Any] = {
        "request_id": task.id,
        "endpoint_id": task.model,
        "sent_at": stamp(task.created_ns),
        "started_at": stamp(task.started_ns) if task.started_ns else None,
        "ended_at": stamp(task.ended_ns or 0),
        "status_code": 200 if task.outputs else 500,
    }
    if with_payloads:
        item |= {"json_input": task.request, "json_output": result_document(task, queue) if task.outputs else None}
    return item


def _is_between(task: SimulatedTask, start: datetime | None, end: datetime | None) -> bool:
    sent = task.created_ns / NANOSECONDS
    return (start is None or sent >= start.timestamp()) and (end is None or sent <= end.timestamp())


def _is_hidden(task: SimulatedTask, faults: Faults) -> bool:
    age = (now_ns() - task.created_ns) / NANOSECONDS
    return Fault.LIST_LAG in faults and age < faults.seconds(Fault.LIST_LAG)


def _blob(file_id: str, name: str) -> str:
    return f"upload-{file_id}-{name}"
