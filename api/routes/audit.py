"""`/api/audit`: who has done what, by the page or as one file."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from aijobs.domain.jobs.events import Moment
from aijobs.domain.values.audit import ActKind, ActorKind
from aijobs.domain.values.timestamps import Timestamp
from aijobs.persistence.audit_log import AuditFilter, audit_page
from aijobs.persistence.tables import AuditRow
from aijobs.usecases.export_audit import export_audit
from api.auth.caller import AuditReader
from api.checked_route import CheckedRoute
from api.dependencies import Db
from api.problems import problem_responses
from api.requests.paths import CodeCursor
from api.schemas.exports import ExportFormat, documented, export_response
from api.schemas.jobs import Page, Shape

MAX_PAGE: Final = 200
KIND: Final = r"^[a-z_]{1,40}(\.[a-z_]{1,40})?$"


router = APIRouter(prefix="/api/audit", tags=["operations"], route_class=CheckedRoute)


class AuditQuery(BaseModel):
    """Which acts. All that is given must fit."""

    model_config = ConfigDict(extra="forbid")

    actor: str | None = Field(default=None, max_length=200, description="The id of a key, a person, or an account.")
    act: str | None = Field(default=None, pattern=KIND, description="As `key.revoked`, or `key` for all of its kind.")
    target: str | None = Field(default=None, max_length=300, description="The code, id or name of what was acted on.")
    user_id: str | None = Field(default=None, max_length=200, description="The end user whose thing it was.")
    since: Timestamp | None = None
    until: Timestamp | None = Field(default=None, description="Not included.")

    def chosen(self) -> AuditFilter:
        return AuditFilter(
            actor=self.actor,
            kind=self.act,
            target=self.target,
            user_id=self.user_id,
            since=self.since,
            until=self.until,
        )


class AuditPageQuery(AuditQuery):
    """Which acts, and which page of them."""

    cursor: CodeCursor | None = None
    limit: int = Field(default=50, ge=1, le=MAX_PAGE)


class ExportQuery(AuditQuery):
    """Which acts, and in what form."""

    format: ExportFormat = ExportFormat.JSONL


class AuditEntry(Shape):
    """One act. `actor` is the id of a key for the kinds `key` and `session`; `before` and `after` are what changed."""

    id: str = Field(examples=["audit_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])
    at: Moment
    act: ActKind
    target: str
    user_id: str | None
    actor_kind: ActorKind
    actor: str
    key_id: str | None
    session: str | None
    address: str | None
    request_id: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@router.get("", summary="See who has done what", responses=problem_responses(401, 403, 422))
async def list_acts(_caller: AuditReader, database: Db, query: Annotated[AuditPageQuery, Query()]) -> Page[AuditEntry]:
    """Administrative and security acts, newest first. Needs the scope `audit:read`."""
    rows, more = await database.snapshot(audit_page, query.chosen(), cursor=query.cursor, limit=query.limit)
    return Page(data=[entry_of(row) for row in rows], has_more=more, next_cursor=rows[-1].code if more else None)


@router.get(
    "/export",
    summary="Export who has done what",
    response_class=StreamingResponse,
    responses={**documented("A line for each act, oldest first."), **problem_responses(401, 403, 422)},
)
async def export_acts(_caller: AuditReader, database: Db, query: Annotated[ExportQuery, Query()]) -> StreamingResponse:
    """All acts that fit, as one file. The export is recorded itself. Needs the scope `audit:read`."""
    lines = await export_audit(database, query.chosen(), as_csv=query.format is ExportFormat.CSV)
    return export_response(lines, query.format, name="audit")


def entry_of(row: AuditRow) -> AuditEntry:
    return AuditEntry.model_validate({"id": row.code, **row.model_dump(exclude={"id", "code"})})
