"""`GET /api/store/{key}`: objects of the directory store, for whoever holds a signed link."""

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

from aijobs.adapters.storage.content_disposition import content_disposition
from aijobs.adapters.storage.directory import DirectoryStore
from aijobs.adapters.storage.signed_links import STORE_PATH
from aijobs.domain.errors import NotFound
from api.dependencies import Signer, Store
from api.problems import problem_responses

#: Shows a picture or plays a film, and runs nothing.
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; "
    "sandbox",
    "Cache-Control": "private, max-age=300",
}

router = APIRouter(tags=["outputs"])


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
    signer: Signer,
    store: Store,
) -> FileResponse:
    """Needs no key: the link is the permission. Ranges are answered."""
    signer.verify(key, filename=filename, media_type=type_, expires=expires, signature=signature)
    if not isinstance(store, DirectoryStore):
        raise NotFound("Objects are not stored here.")
    path = store.path_of(key)
    if not await asyncio.to_thread(path.is_file):
        raise NotFound("Nothing is stored under this key.")
    headers = {**HEADERS, "Content-Disposition": content_disposition(filename, type_)}
    return FileResponse(path, media_type=type_, headers=headers)
