"""`/api/templates/{id}/rows`: the rows extracted from documents, in pages or as a file."""

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from aijobs.domain.documents.column_rules import ColumnRule
from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.formats import DocumentKind
from aijobs.domain.documents.page_words import Box
from aijobs.domain.documents.sources import CellSource, Mark, sources_of
from aijobs.domain.jobs.events import Moment
from aijobs.persistence.documents.rows import RowFilter, all_values, rows_page
from aijobs.persistence.documents.templates import versions_page
from aijobs.persistence.tables import ExtractedRow
from api.auth.caller import Reader
from api.checked_route import CheckedRoute
from api.dependencies import Db, Tables
from api.problems import problem_responses
from api.requests.paths import RowCursor, TemplateId
from api.schemas.jobs import Page, Shape

MAX_PAGE: Final = 1000

router = APIRouter(prefix="/api/templates", tags=["templates"], route_class=CheckedRoute)


class Format(StrEnum):
    """The format of the rows: pages of JSON, or all rows as a file."""

    JSON = "json"
    CSV = "csv"
    EXCEL = "xlsx"


class RowsExpansion(StrEnum):
    """What a row shows besides its values."""

    SOURCES = "sources"


class ValueSource(Shape):
    """Where a value comes from. `quote` is the answer's passage of the document, whether or not it is there; `page`
    counts from 1; `box` has left, top, right and bottom as shares of the page's width and height.
    """

    quote: str | None
    page: int | None
    box: Box | None
    marks: list[Mark] = Field(description="why a person should look at the value, or that one has changed it")
    rules: list[ColumnRule] = Field(description="the rules of its column that it breaks")
    written: str | None = Field(description="what the answer said, where the value was mended")
    confirmed: bool = Field(description="a person has looked at the marks, and the value is right")


class RowsQuery(BaseModel):
    """Filter, format and page. `cursor` and `limit` are for pages of JSON."""

    model_config = ConfigDict(extra="forbid")

    source: str | None = Field(
        default=None, max_length=40, description="The code of a job, or of an upload of a table: `table_…`."
    )
    format: Format = Format.JSON
    expand: RowsExpansion | None = Field(default=None, description="what is shown besides, of pages of JSON")
    cursor: RowCursor = 0
    limit: int = Field(default=100, ge=1, le=MAX_PAGE)


class TemplateRows(Shape):
    """One row: `values` by the names of the columns; `row_number` counts from 1 within its source."""

    source: str
    user_id: str
    template_id: str
    template_version: int
    row_number: int
    values: dict[str, str | int | float | bool | None]
    create_time: Moment


class TemplateRowsWithSources(TemplateRows):
    """One row, and where each of its values comes from; a table that was uploaded has none."""

    sources: dict[str, ValueSource]


@router.get(
    "/{template_id}/rows",
    summary="The rows that came of documents",
    response_model=Page[TemplateRows] | Page[TemplateRowsWithSources],
    responses={
        200: {"content": {"text/csv": {}, DocumentKind.EXCEL.media_type: {}}},
        **problem_responses(401, 403, 404),
    },
)
async def list_rows(
    query: Annotated[RowsQuery, Query()], caller: Reader, template_id: TemplateId, database: Db, tables: Tables
) -> Response:
    """The rows of the caller's user, the oldest first. A file has the columns of the template's newest version.

    In CSV, a text that a spreadsheet could take for a formula gets an apostrophe in front.
    """
    row_filter = RowFilter(template_id=template_id, user_id=caller.visible_user, source=query.source)

    def work(session: Session) -> tuple[tuple[Column, ...], list[ExtractedRow], bool]:
        versions, _ = versions_page(session, template_id, below=None, limit=1)
        return versions[0].columns, *rows_page(session, row_filter, after=query.cursor, limit=query.limit)

    columns, rows, has_more = await database.snapshot(work)
    name = f"{template_id}.{query.format}"
    match query.format:
        case Format.CSV:
            return _file(tables.csv(columns, all_values(database, row_filter)), "text/csv; charset=utf-8", name)
        case Format.EXCEL:
            return _file(tables.excel(columns, all_values(database, row_filter)), DocumentKind.EXCEL.media_type, name)
    page = Page[TemplateRows](
        data=[_row(row, query.expand) for row in rows],
        has_more=has_more,
        next_cursor=str(rows[-1].id) if has_more else None,
    )
    return JSONResponse(page.model_dump(mode="json", serialize_as_any=True))


def _row(row: ExtractedRow, expand: RowsExpansion | None) -> TemplateRows:
    if expand is None:
        return TemplateRows.model_validate(row, from_attributes=True)
    known = sources_of(row.sources)
    sources = {name: known.get(name, CellSource()).model_dump() for name in row.values if row.sources is not None}
    return TemplateRowsWithSources.model_validate({**row.model_dump(), "sources": sources})


def _file(chunks: AsyncIterator[bytes], media_type: str, name: str) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(chunks, media_type=media_type, headers=headers)
