"""The host that hands out finished outputs: links that expire, and every way in which a download goes wrong."""

import asyncio
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response

from sandbox.call import VendorCall
from sandbox.clock import ClosingEvent, now_ns
from sandbox.context import calling, context_of
from sandbox.faults.broken_responses import TEN_TERABYTES, CutShort, endless, slow
from sandbox.faults.catalogue import Fault, Operation
from sandbox.faults.fault_board import Faults
from sandbox.pictures.upscaling import MEDIA_TYPES

PAGE: Final = "<!doctype html><title>Please sign in</title><p>This is not the image you are looking for.</p>"


def plainly(status: int, headers: Mapping[str, str]) -> Response:
    return PlainTextResponse("Not found" if status == 404 else f"Error {status}", status, headers)


router = APIRouter()
Fetching = Annotated[VendorCall, Depends(calling(Operation.DELIVERY, plainly))]


@router.get("/delivery/{ticket}/{owner}/{name}")
async def deliver(request: Request, call: Fetching, ticket: str, owner: str, name: str) -> Response:
    world = context_of(request)
    if not world.links.is_valid(ticket, owner, name, now_ns=now_ns()):
        return plainly(404, {})
    call.join(world.board.take(Operation.DELIVERY, owner))
    await call.refuse_if_told()
    blob = blob_name(owner, name)
    if not await asyncio.to_thread(world.blobs.has, blob):
        return plainly(404, {})
    media_type = MEDIA_TYPES.get(PurePosixPath(name).suffix.lstrip("."), "application/octet-stream")
    refused = _without_a_body(call.faults)
    if refused is not None:
        return await call.send(refused)
    if _spoils_the_body(call.faults):
        content = await asyncio.to_thread(world.blobs.read, blob)
        return await call.send(_spoilt(call.faults, content, media_type, world.closing))
    return await call.send(FileResponse(world.blobs.path(blob), media_type=media_type))


def blob_name(owner: str, name: str) -> str:
    """Under which name the bytes of an output are kept; a signed link vouches for both parts."""
    return f"{owner}-{name}"


def _without_a_body(faults: Faults) -> Response | None:
    if Fault.EXPIRED_LINK in faults:
        return plainly(faults.status(Fault.EXPIRED_LINK), {})
    if Fault.REDIRECT_PRIVATE in faults:
        return RedirectResponse(faults.text(Fault.REDIRECT_PRIVATE), 302)
    return HTMLResponse(PAGE) if Fault.WRONG_CONTENT in faults else None


def _spoils_the_body(faults: Faults) -> bool:
    spoilers = (Fault.TRUNCATED_BODY, Fault.LENGTH_LIE, Fault.ENDLESS_BODY, Fault.SLOW_BODY)
    return any(fault in faults for fault in spoilers)


def _spoilt(faults: Faults, content: bytes, media_type: str, closing: ClosingEvent) -> Response:
    if Fault.TRUNCATED_BODY in faults:
        return CutShort(content[: len(content) // 2], media_type=media_type, promised=len(content))
    if Fault.LENGTH_LIE in faults:
        return CutShort(content, media_type=media_type, promised=TEN_TERABYTES)
    if Fault.ENDLESS_BODY in faults:
        return endless(content, media_type=media_type, closing=closing)
    return slow(content, media_type=media_type, pause=faults.seconds(Fault.SLOW_BODY), closing=closing)
