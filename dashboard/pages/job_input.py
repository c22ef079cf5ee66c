"""What a job was given: its prompt, its pictures and other files, and its remaining parameters."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session, col, select

from aijobs.domain.errors import BadInput, NotFound
from aijobs.domain.jobs.outputs import SHOWN_BY_BROWSERS
from aijobs.domain.jobs.parameters import named_uploads
from aijobs.domain.values.redaction import without_secrets
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.tables import FileRow, JobRow
from api.dependencies import Pictures, Settings
from api.requests.paths import JobCode
from dashboard.forms.parameters.controls import PROSE
from dashboard.page import PageRequest, PageRoute, Visiting
from dashboard.thumbnails import CACHE_CONTROL, MAX_BYTES

PREVIEW_SIDE: Final = 480  #: pixels of an input picture on the page
LONG_TEXT: Final = 60
"""A text with more characters, or several lines, is shown as a text of its own."""

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True)
class ShownFile:
    """An upload that a parameter names. `row` is None when it is gone."""

    name: str
    code: str
    row: FileRow | None

    @property
    def manner(self) -> str:
        """How the page shows it: image, video, audio or file."""
        kind = self.row.media_type.partition("/")[0] if self.row else ""
        if kind == "image" and self.row and self.row.size <= MAX_BYTES:
            return kind
        is_played = self.row is not None and self.row.media_type.startswith(SHOWN_BY_BROWSERS)
        return kind if kind in {"video", "audio"} and is_played else "file"

    @property
    def is_shown_whole(self) -> bool:
        """Whether a browser shows the picture itself, not only our preview of it."""
        return self.row is not None and self.manner == "image" and self.row.media_type.startswith(SHOWN_BY_BROWSERS)


@dataclass(frozen=True)
class ShownInput:
    """`texts` and `values` are names and what they hold, without secrets."""

    texts: Sequence[tuple[str, str]]
    files: Sequence[ShownFile]
    values: Sequence[tuple[str, str]]

    @property
    def before(self) -> ShownFile | None:
        """The one picture that a picture can be compared with."""
        pictures = [file for file in self.files if file.manner == "image"]
        return pictures[0] if len(pictures) == 1 and pictures[0].is_shown_whole else None


async def input_of(visit: PageRequest, job: JobRow) -> ShownInput:
    """The input of a job that the visitor may see."""
    named = named_uploads(job.params)
    rows = await visit.database.read(_files, named, user_id=job.user_id) if named else {}
    files = [
        ShownFile(name, code, rows.get(code))
        for name, value in job.params.items()
        for code in _in_order(value)
        if code in named
    ]
    shown = [(name, value) for name, value in without_secrets(job.params).items() if not named_uploads(value)]
    texts = [(name, value) for name, value in shown if _is_prose(name, value)]
    values = [(name, _text(value)) for name, value in shown if not _is_prose(name, value) and value not in (None, [])]
    return ShownInput(texts, files, values)


@router.get("/jobs/{code}/inputs/{file_code}")
async def open_input(code: JobCode, file_code: str, visit: Visiting, settings: Settings) -> RedirectResponse:
    """Redirects to a fresh link. Raises NotFound when the job does not name the file, or it is gone."""
    file = await visit.database.read(_file, code, file_code, user_id=visit.caller.visible_user)
    link = await visit.store.link(
        file.key, lifetime=settings.link_lifetime, filename=file.name, media_type=file.media_type
    )
    return RedirectResponse(link, status_code=307)


@router.get("/jobs/{code}/inputs/{file_code}/small")
async def preview_input(code: JobCode, file_code: str, visit: Visiting, pictures: Pictures) -> Response:
    """A small picture of an input picture, of whatever format. Raises NotFound where there can be none."""
    file = await visit.database.read(_file, code, file_code, user_id=visit.caller.visible_user)
    if not file.media_type.startswith("image/") or file.size > MAX_BYTES:
        raise NotFound("There is no small picture of this file.")
    try:
        small = await pictures.thumbnail(visit.store.read(file.key), PREVIEW_SIDE)
    except BadInput as refused:
        raise NotFound("There is no small picture of this file.") from refused
    return Response(small, media_type="image/webp", headers={"Cache-Control": CACHE_CONTROL})


def _file(session: Session, code: str, file_code: str, *, user_id: str | None) -> FileRow:
    job = job_of(session, code, user_id=user_id)
    found = _files(session, {file_code} & named_uploads(job.params), user_id=job.user_id)
    if file_code not in found:
        raise NotFound("The job has no such input, or it is gone.")
    return found[file_code]


def _files(session: Session, codes: set[str], *, user_id: str) -> dict[str, FileRow]:
    """Those that are not deleted, by their codes."""
    query = select(FileRow).where(
        col(FileRow.code).in_(codes), col(FileRow.user_id) == user_id, col(FileRow.deleted).is_(False)
    )
    return {row.code: row for row in session.exec(query)}


def _in_order(value: Any) -> Iterator[str]:
    """The texts in a parameter, as they follow each other."""
    match value:
        case str():
            yield value
        case list():
            for one in value:
                yield from _in_order(one)
        case dict():
            yield from _in_order(list(value.values()))


def _is_prose(name: str, value: Any) -> bool:
    if not isinstance(value, str) or value.startswith("http"):
        return False
    return "prompt" in name.lower() or name in PROSE or len(value) > LONG_TEXT or "\n" in value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
