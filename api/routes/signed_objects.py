"""`GET /api/store/{key}`: objects of the directory store, by signed links."""

from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

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

router = APIRouter(tags=["outputs"], route_class=CallerFirstRoute)


@router.head(f"{STORE_PATH}{{key:path}}", include_in_schema=False)
@router.get(
    f"{STORE_PATH}{{key:path}}",
    summary="Read a stored object by its signed link",
    response_class=FileResponse,
    responses=problem_responses(403, 404, 422),
)
async def read_object(
    key: str,
    filename: Annotated[str, Query(max_length=500)],
    type_: Annotated[str, Query(alias="type", max_length=200)],
    expires: Annotated[int, Query(ge=0)],
    signature: Annotated[str, Query(max_length=200)],
    served: Served,
) -> FileResponse:
    """Needs no key: the link's signature is checked instead. Supports range requests."""
    stored = await served.find(key, filename=filename, media_type=type_, expires=expires, signature=signature)
    headers = {**HEADERS, "Content-Disposition": stored.disposition}
    return FileResponse(stored.path, media_type=type_, headers=headers)
