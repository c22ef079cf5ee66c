"""Thumbnails of outputs for the list, made on request and cached by browsers."""

from typing import Final

from fastapi import APIRouter, Response
from sqlmodel import Session

from aijobs.domain.errors import BadInput, NotFound
from aijobs.persistence.jobs.outputs import outputs_of
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.tables import OutputRow
from api.dependencies import Pictures
from api.requests.paths import JobCode
from dashboard.page import PageRoute, Visiting

#: Media types of pictures that a browser shows without running anything.
THUMBNAIL_TYPES: Final = ("image/png", "image/jpeg", "image/webp", "image/gif")
MAX_BYTES: Final = 64 * 1024 * 1024
THUMBNAIL_SIDE: Final = 96  #: pixels; shown at half of that, for dense screens

#: An output never changes.
CACHE_CONTROL: Final = "private, max-age=604800, immutable"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/jobs/{code}/thumbnail/{index}")
async def thumbnail(code: JobCode, index: int, visit: Visiting, pictures: Pictures) -> Response:
    """Raises NotFound also for a picture that cannot be decoded: storing it checked only its beginning."""

    def work(session: Session) -> OutputRow | None:
        job_of(session, code, user_id=visit.caller.visible_user)
        return next((row for row in outputs_of(session, code) if row.index == index), None)

    output = await visit.database.read(work)
    if output is None or output.media_type not in THUMBNAIL_TYPES or output.size > MAX_BYTES:
        raise NotFound("There is no small picture of this output.")
    try:
        small = await pictures.thumbnail(visit.store.read(output.key), THUMBNAIL_SIDE, square=True)
    except BadInput as refused:
        raise NotFound("There is no small picture of this output.") from refused
    return Response(small, media_type="image/webp", headers={"Cache-Control": CACHE_CONTROL})
