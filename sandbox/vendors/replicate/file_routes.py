"""Replicate's HTTP API for files."""

import json
import mimetypes
from typing import Final

from fastapi import APIRouter, Request
from pydantic import JsonValue
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.responses import FileResponse, Response
from starlette.types import Message

from sandbox.call import Refusal
from sandbox.clock import NANOSECONDS, now_ns
from sandbox.vendors.replicate.dependencies import Authenticated, FileCall, ServiceDep
from sandbox.vendors.replicate.errors import InvalidField, invalid, not_found, problem
from sandbox.vendors.replicate.files import OWNER

MAX_NAME_BYTES: Final = 255
FRAMING: Final = 64 * 1024  # bytes that multipart framing may add to a file

router = APIRouter(prefix="/v1/files")


@router.post("", dependencies=[Authenticated])
async def upload(request: Request, call: FileCall, service: ServiceDep) -> Response:
    bounded = _bounded(request, service.context.config.max_file_bytes + FRAMING)
    try:
        async with bounded.form(max_files=1, max_fields=10) as form:
            content, name, content_type = await _read_content(form, service.context.config.max_file_bytes)
            metadata = _read_metadata(form)
    except MultiPartException as garbled:
        raise Refusal(problem(400, title="Bad request", detail=garbled.message)) from garbled
    file = await service.files.put(content, name=name, content_type=content_type, metadata=metadata)
    return await call.answer(service.files.document(file), status=201)


@router.get("", dependencies=[Authenticated])
async def list_files(call: FileCall, service: ServiceDep) -> Response:
    listed = [service.files.document(file) for file in service.files.all()]
    return await call.answer({"next": None, "previous": None, "results": listed})


@router.get("/{file_id}", dependencies=[Authenticated])
async def get_file(call: FileCall, service: ServiceDep, file_id: str) -> Response:
    return await call.answer(service.files.document(service.files.find(file_id)))


@router.delete("/{file_id}", dependencies=[Authenticated])
async def delete_file(call: FileCall, service: ServiceDep, file_id: str) -> Response:
    await service.files.remove(file_id)
    return await call.send(Response(status_code=204))


@router.get("/{file_id}/download")
async def download_file(
    call: FileCall, service: ServiceDep, file_id: str, owner: str = "", expiry: str = "", signature: str = ""
) -> Response:
    """Needs no token: the link is signed."""
    file = service.files.find(file_id)
    expected = service.files.signature(file_id, expiry=expiry)
    if owner != OWNER or signature != expected or int(expiry) * NANOSECONDS < now_ns():
        raise not_found()
    return await call.send(FileResponse(service.context.blobs.path(file_id), media_type=file.content_type))


def _bounded(request: Request, limit: int) -> Request:
    """The same request, whose body raises Refusal (413) beyond `limit` bytes."""
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        _check_length(received, limit)
        return message

    return Request(request.scope, receive)


async def _read_content(form: FormData, limit: int) -> tuple[bytes, str, str]:
    content = form.get("content")
    if not isinstance(content, UploadFile):
        raise invalid([InvalidField(type="required", field="(root)", description="content is required")])
    _check_length(content.size or 0, limit)
    name = str(form.get("filename") or content.filename or "file")
    if len(name.encode()) > MAX_NAME_BYTES:
        description = f"String length must be less than or equal to {MAX_NAME_BYTES}"
        raise invalid([InvalidField(type="string_lte", field="filename", description=description)])
    guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return await content.read(), name, str(form.get("type") or content.content_type or guessed)


def _read_metadata(form: FormData) -> dict[str, JsonValue]:
    wrong = InvalidField(type="invalid_type", field="metadata", description="Invalid type. Expected: object")
    metadata = form.get("metadata", "{}")
    if isinstance(metadata, UploadFile):
        raise invalid([wrong])
    try:
        read: JsonValue = json.loads(metadata)
    except ValueError as garbled:
        raise invalid([wrong]) from garbled
    if not isinstance(read, dict):
        raise invalid([wrong])
    return read


def _check_length(length: int, limit: int) -> None:
    if length > limit:
        raise Refusal(problem(413))
