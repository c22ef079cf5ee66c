"""`GET /api/store/{key}`: objects of the directory store, by signed links."""

import asyncio
import os
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException

from aijobs.domain.errors import NotFound
from aijobs.domain.ports.object_store import STORE_PATH
from api.checked_route import CallerFirstRoute
from api.dependencies import Served
from api.problems import problem_responses

#: Browsers may show images and play media, but run no scripts.
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",  # other sites show the pictures
    "Cache-Control": "private, max-age=300",
}

RANGE: Final = b"range"

#: RFC 9110, section 14.1.2: from a byte on, from one to another, or the last so many.
_RANGE: Final = re.compile(r"(?P<first>[0-9]{1,18})-(?P<last>[0-9]{1,18})?|-(?P<suffix>[0-9]{1,18})")

router = APIRouter(tags=["outputs"], route_class=CallerFirstRoute)


@router.head(f"{STORE_PATH}{{key:path}}", include_in_schema=False)
@router.get(
    f"{STORE_PATH}{{key:path}}",
    summary="Read a stored object by its signed link",
    response_class=FileResponse,
    responses=problem_responses(403, 404, 416, 422),
)
async def read_object(
    request: Request,
    key: str,
    filename: Annotated[str, Query(max_length=500)],
    type_: Annotated[str, Query(alias="type", max_length=200)],
    expires: Annotated[int, Query(ge=0)],
    signature: Annotated[str, Query(max_length=200)],
    served: Served,
) -> FileResponse:
    """Needs no key: the link's signature is checked instead. Supports range requests."""
    stored = await served.find(key, filename=filename, media_type=type_, expires=expires, signature=signature)
    try:
        found = await asyncio.to_thread(os.stat, stored.path)
    except FileNotFoundError:
        raise NotFound("There is nothing at this link any more.") from None
    _check_range(request, found.st_size)
    headers = {**HEADERS, "Content-Disposition": stored.disposition}
    return FileResponse(stored.path, media_type=type_, headers=headers, stat_result=found)


def _check_range(request: Request, size: int) -> None:
    """Takes a header `Range` away that is not understood: it means nothing (RFC 9110, section 14.2).

    Raises HTTPException 416 when no range begins within the object.
    """
    sent = request.headers.get("Range")
    if sent is None or "If-Range" in request.headers:
        return
    ranges = ranges_in(sent)
    if not ranges:
        request.scope["headers"] = [(name, value) for name, value in request.scope["headers"] if name != RANGE]
    elif not any(size and int(one["suffix"]) if one["suffix"] else int(one["first"]) < size for one in ranges):
        headers = {"Content-Range": f"bytes */{size}"}
        raise HTTPException(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"There are {size} bytes.", headers)


def ranges_in(header: str) -> Sequence[re.Match[str]]:
    """The ranges of bytes that a header asks for; none when one of them, or the unit, is not understood."""
    unit, _, specified = header.partition("=")
    ranges = [_RANGE.fullmatch(one.strip()) for one in specified.split(",")]
    understood = [one for one in ranges if one and not (one["last"] and int(one["last"]) < int(one["first"]))]
    return understood if unit.strip().lower() == "bytes" and len(understood) == len(ranges) else ()
