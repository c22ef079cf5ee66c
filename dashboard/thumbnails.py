"""Small pictures of outputs and uploads, made on request and cached by browsers; posters and waveforms."""

from typing import Final

from fastapi import APIRouter, Response
from sqlmodel import Session

from aijobs.domain.errors import BadInput, NotFound
from aijobs.persistence.jobs.outputs import outputs_of
from aijobs.persistence.jobs.queries import file_of, job_of
from aijobs.persistence.tables import OutputRow
from api.dependencies import Media, Pictures
from api.requests.paths import FileCode, JobCode
from dashboard.page import PageRequest, PageRoute, Visiting

#: Media types of pictures that a browser shows without running anything.
THUMBNAIL_TYPES: Final = ("image/png", "image/jpeg", "image/webp", "image/gif")
MAX_BYTES: Final = 64 * 1024 * 1024
THUMBNAIL_SIDE: Final = 96  #: pixels; shown at half of that, for dense screens
POSTER_SIDE: Final = 960

#: An output never changes.
CACHE_CONTROL: Final = "private, max-age=604800, immutable"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


def has_thumbnail(output: OutputRow) -> bool:
    """Whether one is likely to be made: storing an output checks a picture's beginning only."""
    if output.media_type in THUMBNAIL_TYPES:
        return output.size <= MAX_BYTES
    return output.media is not None and output.media_type.startswith("video/")


@router.get("/jobs/{code}/thumbnail/{index}")
async def thumbnail(code: JobCode, index: int, visit: Visiting, pictures: Pictures, media: Media) -> Response:
    """Raises NotFound also for a picture or a video that cannot be decoded."""
    output = await _output(visit, code, index)
    if not has_thumbnail(output):
        raise NotFound("There is no small picture of this output.")
    try:
        if output.media_type in THUMBNAIL_TYPES:
            small = await pictures.thumbnail(visit.store.read(output.key), THUMBNAIL_SIDE, square=True)
        else:
            small = await media.poster(output.key, size=output.size, side=THUMBNAIL_SIDE, square=True)
    except BadInput as refused:
        raise NotFound("There is no small picture of this output.") from refused
    return _picture(small)


@router.get("/jobs/{code}/poster/{index}")
async def poster(code: JobCode, index: int, visit: Visiting, media: Media) -> Response:
    """What a player shows before it plays: a video's first picture, or a sound's waveform. Raises NotFound."""
    output = await _output(visit, code, index)
    try:
        if output.media_type.startswith("audio/"):
            return _picture(await media.waveform(output.key, size=output.size))
        if output.media_type.startswith("video/"):
            return _picture(await media.poster(output.key, size=output.size, side=POSTER_SIDE))
    except BadInput as refused:
        raise NotFound("There is no picture of this output.") from refused
    raise NotFound("There is no picture of this output.")


@router.get("/files/{code}/thumbnail")
async def file_thumbnail(code: FileCode, visit: Visiting, pictures: Pictures) -> Response:
    """Of an upload. Raises NotFound also for one that is no picture."""
    file = await visit.database.read(file_of, code, user_id=visit.caller.visible_user)
    if not file.media_type.startswith("image/"):
        raise NotFound("There is no small picture of this file.")
    try:
        return _picture(await pictures.thumbnail(visit.store.read(file.key), THUMBNAIL_SIDE, square=True))
    except BadInput as refused:
        raise NotFound("There is no small picture of this file.") from refused


async def _output(visit: PageRequest, code: str, index: int) -> OutputRow:
    """Raises NotFound."""

    def work(session: Session) -> OutputRow | None:
        job_of(session, code, user_id=visit.caller.visible_user)
        return next((row for row in outputs_of(session, code) if row.index == index), None)

    output = await visit.database.read(work)
    if output is None:
        raise NotFound("There is no such output.")
    return output


def _picture(content: bytes) -> Response:
    return Response(content, media_type="image/webp", headers={"Cache-Control": CACHE_CONTROL})
