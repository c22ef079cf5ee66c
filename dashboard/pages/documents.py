"""Documents: an upload for a template becomes rows at once, or a job that is followed live."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from sqlmodel import Session

from aijobs.domain.documents.formats import EXTENSIONS
from aijobs.domain.errors import (
    AijobsError,
    BadInput,
    IdempotencyInFlight,
    IdempotencyMismatch,
    NotFound,
    PointsExhausted,
)
from aijobs.domain.values.scopes import Scope
from aijobs.persistence.access.keys import KeyKind
from aijobs.persistence.documents.document_job_details import StageReached, files_of, stages_of
from aijobs.persistence.jobs.search import JobFilter, jobs_by_code, jobs_page
from aijobs.persistence.tables import FileRow, JobRow
from aijobs.usecases.intake_document import MODEL, TEMPLATE_FIELD, ExtractionJob
from aijobs.usecases.models import AvailableModels
from api.auth.caller import Submitter
from api.dependencies import Intake, Models
from api.problems import status_of
from api.requests.paths import RowCursor, TemplateId
from api.requests.uploads import sent_document, upload_form
from dashboard.forms.form_errors import messages_of
from dashboard.forms.sent_form import KEY, form_key
from dashboard.page import PageRequest, PageRoute, Visiting, go_to
from dashboard.pages.job_document import table_of
from dashboard.pages.templates import template_choices

PAGE: Final = 25

#: Errors of an upload that are shown above the form.
FORM_ERRORS: Final = (BadInput, PointsExhausted, IdempotencyMismatch, IdempotencyInFlight, NotFound)

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True)
class DocumentLine:
    """A document job in the list. `file` is None when it does not exist, `reached` before the first stage."""

    job: JobRow
    file: FileRow | None
    reached: StageReached | None


@router.get("/documents")
async def show_documents(
    visit: Visiting,
    models: Models,
    template: Annotated[str, Query(max_length=100)] = "",
    user: Annotated[str, Query(max_length=200)] = "",
    cursor: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """`template` is preselected in the form."""
    return await _page(visit, models, template=template, user=user, cursor=cursor)


@router.post("/documents")
async def hand_in(request: Request, visit: Visiting, models: Models, caller: Submitter, intake: Intake) -> Response:
    """Shows the rows of a table, or the new job. The form has an idempotency key: sent twice, it makes one job."""
    fields: Mapping[str, str] = {}
    try:
        async with upload_form(request) as form:
            fields = form.fields
            owner = caller.owner(form.user_id)
            result = await intake(sent_document(form), owner, idempotency_key=form.idempotency_key)
    except FORM_ERRORS as refused:
        return await _page(visit, models, template=fields.get(TEMPLATE_FIELD, ""), sent=fields, refused=refused)
    if isinstance(result, ExtractionJob):
        return go_to(f"/jobs/{result.code}")
    return go_to(f"/templates/{result.template_id}/rows?{urlencode({'source': result.source})}")


@router.post("/documents/estimate")
async def show_estimate(request: Request, visit: Visiting, _caller: Submitter, intake: Intake) -> HTMLResponse:
    """What the chosen document would cost, or why it cannot be told. Nothing is kept."""
    try:
        async with upload_form(request) as form:
            estimate = await intake.estimate(sent_document(form))
    except FORM_ERRORS as refused:
        return await visit.page("pieces/cost_estimate.html", estimate=None, refused=messages_of(refused, visit.words))
    return await visit.page("pieces/cost_estimate.html", estimate=estimate, refused=[])


@router.get("/documents/rows")
async def repaint_rows(visit: Visiting, code: Annotated[list[str], Query(max_length=PAGE)]) -> HTMLResponse:
    """The lines of some documents' jobs, which replace those on the page."""
    rows = await visit.database.read(jobs_by_code, code, user_id=visit.caller.visible_user)
    of_documents = [row for row in rows if row.model_id == MODEL]
    return await visit.page("pieces/document_rows.html", lines=await _lines(visit, of_documents))


@router.get("/templates/{template_id}/rows")
async def show_rows(
    visit: Visiting,
    template_id: TemplateId,
    source: Annotated[str | None, Query(max_length=40)] = None,
    cursor: Annotated[RowCursor, Query()] = 0,
) -> HTMLResponse:
    """Extracted rows: of one job or table upload, or all rows of the template."""
    return await visit.page(
        "template_rows.html",
        current="templates",
        template_id=template_id,
        may_read_prompt=visit.caller.reads_prompts,
        source=source,
        table=await table_of(visit, template_id, source=source, after=cursor),
        is_first=not cursor,
        chosen=urlencode({"source": source}) if source else "",
    )


async def _page(
    visit: PageRequest,
    models: AvailableModels,
    *,
    template: str = "",
    user: str = "",
    cursor: str = "",
    sent: Mapping[str, str] | None = None,
    refused: AijobsError | None = None,
) -> HTMLResponse:
    job_filter = JobFilter(model_id=MODEL, user_id=visit.visible_user(user), cursor=cursor or None)
    rows, next_page = await visit.database.snapshot(jobs_page, job_filter, limit=PAGE)
    return await visit.page(
        "documents.html",
        status=status_of(type(refused)) if refused else HTTPStatus.OK,
        current="documents",
        lines=await _lines(visit, rows),
        user=user,
        is_first=not cursor,
        next_page=urlencode({"user": user, "cursor": next_page}) if next_page else None,
        templates=await template_choices(visit),
        chosen=template,
        for_whom=(sent or {}).get("user_id", ""),
        refused=messages_of(refused, visit.words),
        key=form_key((sent or {}).get(KEY, ""), refused),
        asks_for_user=visit.caller.kind is KeyKind.SERVICE and visit.caller.visible_user is None,
        may_upload=visit.may(Scope.JOBS_WRITE) and visit.may(Scope.FILES_WRITE),
        is_configured=models.adapter_of(models.model(MODEL)) is not None,
        extensions=",".join(f".{extension}" for extension in EXTENSIONS),
        **_stream_of(rows),
    )


async def _lines(visit: PageRequest, rows: Sequence[JobRow]) -> list[DocumentLine]:
    def work(session: Session) -> list[DocumentLine]:
        files = files_of(session, rows)
        reached = stages_of(session, [row.code for row in rows])
        return [DocumentLine(row, files.get(row.code), reached.get(row.code)) for row in rows]

    return await visit.database.read(work)


def _stream_of(rows: Sequence[JobRow]) -> dict[str, Any]:
    running = [row.code for row in rows if not row.job_status.is_final]
    return {"stream": f"/api/events?{urlencode({'code': running}, doseq=True)}" if running else None}
