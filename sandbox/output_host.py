"""The download host for finished outputs: signed links that expire, and every fault of a download."""

import asyncio
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response

from sandbox.call import VendorCall
from sandbox.clock import ClosingEvent, now_ns
from sandbox.context import SandboxContext, context_of, vendor_call
from sandbox.faults.broken_responses import TEN_TERABYTES, CutShort, endless, slow
from sandbox.faults.catalogue import Fault, Operation
from sandbox.faults.fault_board import Faults
from sandbox.pictures.upscaling import MEDIA_TYPES

PAGE: Final = "<!doctype html><title>Please sign in</title><p>This is not the image you are looking for.</p>"


def plain_text_error(status: int, headers: Mapping[str, str]) -> Response:
    return PlainTextResponse("Not found" if status == 404 else f"Error {status}", status, headers)


router = APIRouter()
DeliveryCall = Annotated[VendorCall, Depends(vendor_call(Operation.DELIVERY, plain_text_error))]


@router.get("/delivery/{ticket}/{owner}/{name}")
async def deliver(request: Request, call: DeliveryCall, ticket: str, owner: str, name: str) -> Response:
    context = context_of(request)
    if not context.links.is_valid(ticket, owner, name, now_ns=now_ns()):
        return plain_text_error(404, {})
    return await delivered(context, call, owner, name)


async def delivered(context: SandboxContext, call: VendorCall, owner: str, name: str) -> Response:
    """The output, for a caller who may have it; faults may spoil it."""
    call.join(context.board.take(Operation.DELIVERY, owner))
    await call.raise_if_refused()
    blob = blob_name(owner, name)
    if not await asyncio.to_thread(context.blobs.has, blob):
        return call.error_response(404, {})
    media_type = MEDIA_TYPES.get(PurePosixPath(name).suffix.lstrip("."), "application/octet-stream")
    replacement = _replacement_response(call.faults)
    if replacement is not None:
        return await call.send(replacement)
    if _damages_body(call.faults):
        content = await asyncio.to_thread(context.blobs.read, blob)
        return await call.send(_damaged_response(call.faults, content, media_type, context.closing))
    return await call.send(FileResponse(context.blobs.path(blob), media_type=media_type))


def blob_name(owner: str, name: str) -> str:
    """The name of an output's blob; both parts are covered by the link's signature."""
    return f"{owner}-{name}"


def _replacement_response(faults: Faults) -> Response | None:
    if Fault.EXPIRED_LINK in faults:
        return plain_text_error(faults.status(Fault.EXPIRED_LINK), {})
    if Fault.REDIRECT_PRIVATE in faults:
        return RedirectResponse(faults.text(Fault.REDIRECT_PRIVATE), 302)
    return HTMLResponse(PAGE) if Fault.WRONG_CONTENT in faults else None


def _damages_body(faults: Faults) -> bool:
    damaging = (Fault.TRUNCATED_BODY, Fault.LENGTH_LIE, Fault.ENDLESS_BODY, Fault.SLOW_BODY)
    return any(fault in faults for fault in damaging)


def _damaged_response(faults: Faults, content: bytes, media_type: str, closing: ClosingEvent) -> Response:
    if Fault.TRUNCATED_BODY in faults:
        return CutShort(content[: len(content) // 2], media_type=media_type, promised=len(content))
    if Fault.LENGTH_LIE in faults:
        return CutShort(content, media_type=media_type, promised=TEN_TERABYTES)
    if Fault.ENDLESS_BODY in faults:
        return endless(content, media_type=media_type, closing=closing)
    return slow(content, media_type=media_type, pause=faults.seconds(Fault.SLOW_BODY), closing=closing)
