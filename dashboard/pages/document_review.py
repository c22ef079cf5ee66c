"""The review of a document: its pages at the left, the values of its table at the right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse
from sqlmodel import Session

from aijobs.domain.documents.review import NumberedRow
from aijobs.domain.documents.templates import Template
from aijobs.domain.errors import AijobsError, BadInput, InvalidParameters, NotFound, NothingToReview
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.documents import DocumentParser
from aijobs.domain.values.scopes import Scope
from aijobs.persistence.documents.document_job_details import files_of, pages_of, version_used
from aijobs.persistence.documents.reviews import changes_page, numbered, revision_of, table_rows
from aijobs.persistence.documents.templates import template_of
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.tables import FileRow, JobRow, TableChangeRow
from aijobs.usecases.intake_document import MODEL
from api.auth.caller import Writer
from api.dependencies import Parser, ReviewTable
from api.problems import status_of
from api.requests.paths import JobCode
from dashboard.forms.column_rule_lines import rule_texts
from dashboard.forms.review_form import ACCEPT, errors_of, review_sent, shown_rows
from dashboard.forms.sent_form import whole_number
from dashboard.page import PageRequest, PageRoute, Visiting, go_to

FIELDS_SHOWN: Final = 600  #: of one page of the form, about: at least one row
MAX_FIELDS: Final = 3 * (FIELDS_SHOWN + 200) + 10
MAX_CHANGES: Final = 200  #: listed below the table
MAX_TEXT: Final = 200_000  #: characters of a document without pages
MAX_PAGE: Final = 5000
PICTURE: Final = "image/"
PDF: Final = "application/pdf"
CACHE_CONTROL: Final = "private, max-age=86400, immutable"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class ReviewedJob:
    """A job with all of its rows; `revision` counts the changes that people have made."""

    job: JobRow
    file: FileRow | None
    template: Template
    rows: Sequence[NumberedRow]
    revision: int
    known_pages: int
    changes: Sequence[TableChangeRow]

    @property
    def has_pictures(self) -> bool:
        return self.file is not None and (self.file.media_type == PDF or self.file.media_type.startswith(PICTURE))

    @property
    def pages(self) -> int:
        """Those that are known: the last one that a value comes from, at least one of a document that has pictures."""
        known = (source.page or 0 for row in self.rows for source in row.sources.values())
        return max(self.known_pages, 1, *known) if self.has_pictures else 0

    @property
    def doubtful(self) -> int:
        return sum(source.is_doubtful for row in self.rows for source in row.sources.values())

    def rows_from(self, first: int) -> tuple[Sequence[NumberedRow], int | None]:
        """The rows of a page of the form, and the number of the one behind them."""
        count = max(1, FIELDS_SHOWN // len(self.template.columns))
        rows = [row for row in self.rows if row.number >= first]
        return rows[:count], rows[count].number if len(rows) > count else None


@router.get("/documents/{code}/review")
async def show_review(
    visit: Visiting, code: JobCode, parser: Parser, first: Annotated[int, Query(ge=1, le=2**31)] = 1
) -> HTMLResponse:
    return await _page(visit, await _reviewed(visit, code), parser, first=first)


@router.post("/documents/{code}/review")
async def keep_review(
    request: Request, visit: Visiting, caller: Writer, code: JobCode, parser: Parser, review_table: ReviewTable
) -> Response:
    """Keeps what was changed and ticked; shows the next rows, or the job once its table is accepted."""
    async with request.form(max_files=0, max_fields=MAX_FIELDS) as fields:
        sent = {name: value for name, value in fields.items() if isinstance(value, str)}
    shown = await _reviewed(visit, code)
    first = whole_number(sent.get("first", "")) or 1
    rows, following = shown.rows_from(first)
    review = review_sent(shown.template.columns, rows, sent)
    try:
        if sent.get("revision") != str(shown.revision) and (review.rows or review.accept):
            raise InvalidParameters("Somebody else has changed this table meanwhile. Look at it again.")
        await review_table(code, review, caller.actor)
    except BadInput as refused:
        errors = errors_of(review, refused)
        return await _page(visit, shown, parser, first=first, sent=sent, errors=errors, refused=refused)
    if sent.get("do") == ACCEPT:
        return go_to(f"/jobs/{code}")
    return go_to(f"/documents/{code}/review?first={following if sent.get('do') == 'next' and following else first}")


@router.get("/documents/{code}/pages/{number}")
async def page_picture(
    visit: Visiting, code: JobCode, number: Annotated[int, Path(ge=1, le=MAX_PAGE)], parser: Parser
) -> Response:
    """Raises NotFound also for a page that cannot be shown."""

    def work(session: Session) -> FileRow | None:
        return files_of(session, [job_of(session, code, user_id=visit.caller.visible_user)]).get(code)

    file = await visit.database.read(work)
    if file is None:
        raise NotFound("The document is deleted.")
    try:
        picture = await parser.page_picture(await _content(visit, file), _name(file), number)
    except BadInput as refused:
        raise NotFound("There is no picture of this page.") from refused
    return Response(picture, media_type="image/webp", headers={"Cache-Control": CACHE_CONTROL})


async def _reviewed(visit: PageRequest, code: str) -> ReviewedJob:
    """Raises NotFound and NothingToReview."""

    def work(session: Session) -> ReviewedJob:
        job = job_of(session, code, user_id=visit.caller.visible_user)
        if job.model_id != MODEL or job.job_status is not JobStatus.SUCCESS:
            raise NothingToReview("Only a document's job that has succeeded has a table to review.")
        changes, _ = changes_page(session, code, after=0, limit=MAX_CHANGES)
        return ReviewedJob(
            job=job,
            file=files_of(session, [job]).get(code),
            template=template_of(session, str(job.params["template"]), version_used(session, code)),
            rows=numbered(table_rows(session, code)),
            revision=revision_of(session, code),
            known_pages=pages_of(session, code) or 0,
            changes=changes,
        )

    return await visit.database.read(work)


async def _page(
    visit: PageRequest,
    shown: ReviewedJob,
    parser: DocumentParser,
    *,
    first: int,
    sent: Mapping[str, str] | None = None,
    errors: Mapping[tuple[int, str], tuple[str, ...]] | None = None,
    refused: AijobsError | None = None,
) -> HTMLResponse:
    rows, following = shown.rows_from(first)
    return await visit.page(
        "document_review.html",
        status=status_of(type(refused)) if refused else HTTPStatus.OK,
        current="documents",
        shown=shown,
        job=shown.job,
        first=first,
        following=following,
        rows=shown_rows(shown.template.columns, rows, sent, errors),
        rules={column.name: list(rule_texts(column)) for column in shown.template.columns},
        refused=str(refused) if refused else None,
        may_review=visit.may(Scope.JOBS_WRITE),
        text=None if shown.has_pictures else await _text(visit, shown.file, parser),
    )


async def _text(visit: PageRequest, file: FileRow | None, parser: DocumentParser) -> str | None:
    """The beginning of what a document without pages says; None when it cannot be read any more."""
    if file is None:
        return None
    try:
        return (await parser.read(await _content(visit, file), _name(file))).text[:MAX_TEXT]
    except (BadInput, NotFound):
        return None


async def _content(visit: PageRequest, file: FileRow) -> bytes:
    return b"".join([chunk async for chunk in visit.store.read(file.key)])


def _name(file: FileRow) -> str:
    """The name of a scan or photo need not say that it is one."""
    image = file.media_type.removeprefix(PICTURE)
    return file.name if image == file.media_type else f"picture.{image}"
