"""Earlier uploads, and pictures that came of earlier jobs, to choose from in the form for a new job."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, Response
from sqlmodel import Session

from aijobs.domain.errors import InvalidParameters
from aijobs.persistence.jobs.reusable_files import newest_outputs, newest_uploads
from aijobs.persistence.tables import FileRow, OutputRow
from aijobs.usecases.upload_file import EXTENSION_OF
from api.auth.caller import Submitter, Writer
from api.dependencies import Reuse
from api.schemas.stored_responses import receipt_response
from dashboard.page import PageRoute, Visiting

LIMIT: Final = 24  #: of each kind

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True)
class EarlierFiles:
    """Newest first."""

    uploads: list[FileRow]
    outputs: list[OutputRow]


@router.get("/new/files")
async def show_files(
    visit: Visiting,
    caller: Writer,
    media: Annotated[str, Query(max_length=20)] = "image",
    user: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    """Those that a parameter of this kind of file takes."""
    try:
        user_id = caller.acting_user(user or None)
    except InvalidParameters:
        return await visit.page("pieces/picker.html", files=None, media=media)

    def work(session: Session) -> EarlierFiles:
        uploads = newest_uploads(session, user_id, media="image/" if media == "image" else None, limit=LIMIT)
        return EarlierFiles(uploads, newest_outputs(session, user_id, media_types=EXTENSION_OF, limit=LIMIT))

    return await visit.page("pieces/picker.html", files=await visit.database.snapshot(work), media=media)


@router.post("/new/files")
async def use_output(
    caller: Submitter,
    reuse: Reuse,
    job: Annotated[str, Form(max_length=40)],
    index: Annotated[int, Form(ge=0, le=1000)],
    user_id: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """The upload that the output became, as `POST /api/files` answers."""
    owner = caller.owner(user_id or None)
    return receipt_response(await reuse(job, index, owner, visible_user=owner.user_id))
