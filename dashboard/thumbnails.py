"""Small pictures of outputs for the list. Made when they are asked for; browsers keep them."""

import asyncio
from io import BytesIO
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from PIL import Image, ImageOps

from aijobs.adapters.media.image_check import MAX_PIXELS
from aijobs.domain.errors import NotFound
from aijobs.persistence.jobs.outputs import outputs_of
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.tables import OutputRow
from api.paths import JobCode
from dashboard.page import PageRoute, Visiting

#: Media types of pictures that a browser shows without running anything, and Pillow's decoder of each.
SHOWN: Final = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP", "image/gif": "GIF"}
MAX_BYTES: Final = 64 * 1024 * 1024
SIDE: Final = 96  #: pixels; shown at half of that, for dense screens
AT_ONCE: Final = 2
"""Thumbnails that are made at the same time: each needs the memory of its whole picture."""

#: An output is never changed.
KEPT: Final = "private, max-age=604800, immutable"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


async def _turns(request: Request) -> asyncio.Semaphore:
    turns: asyncio.Semaphore = request.app.state.thumbnail_turns
    return turns


Turns = Annotated[asyncio.Semaphore, Depends(_turns)]


@router.get("/jobs/{code}/thumbnail/{index}")
async def thumbnail(code: JobCode, index: int, visit: Visiting, turns: Turns) -> Response:
    async with visit.database.read() as session:
        await job_of(session, code, user_id=visit.caller.visible_user)
        output = next((row for row in await outputs_of(session, code) if row.index == index), None)
    if output is None or output.media_type not in SHOWN or output.size > MAX_BYTES or not _is_small_enough(output):
        raise NotFound("There is no small picture of this output.")
    async with turns:
        content = b"".join([chunk async for chunk in visit.store.read(output.key)])
        small = await asyncio.to_thread(_small, content, SHOWN[output.media_type])
    return Response(small, media_type="image/webp", headers={"Cache-Control": KEPT})


def _is_small_enough(output: OutputRow) -> bool:
    return output.width is not None and output.height is not None and output.width * output.height <= MAX_PIXELS


def _small(content: bytes, decoder: str) -> bytes:
    """Raises NotFound for a picture that cannot be decoded: it was checked when it was stored, but not to its end."""
    kept = BytesIO()
    try:
        with Image.open(BytesIO(content), formats=[decoder]) as picture:
            picture.draft("RGB", (2 * SIDE, 2 * SIDE))
            ImageOps.fit(picture.convert("RGB"), (SIDE, SIDE)).save(kept, "WEBP", quality=80)
    except (OSError, SyntaxError, ValueError) as broken:
        raise NotFound("There is no small picture of this output.") from broken
    return kept.getvalue()
