"""The audit log: who has done what, with filters by actor, act, target and time."""

import json
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from pydantic import Field

from aijobs.domain.values.audit import ActKind
from aijobs.persistence.audit_log import AuditFilter, audit_page
from aijobs.persistence.tables import AuditRow
from api.auth.caller import AuditReader
from dashboard.forms.list_query import ListQuery
from dashboard.page import PageRoute, Visiting

PAGE_LENGTH: Final = 50

#: What an act's target has a page at, by the thing that the act names.
PAGES: Final = {
    "job": "/jobs/",
    "batch": "/batches/",
    "document": "/jobs/",
    "template": "/templates/",
    "endpoint": "/webhooks/",
}

router = APIRouter(route_class=PageRoute, include_in_schema=False)


class ShownActsQuery(ListQuery):
    """The form above the list."""

    actor: str = Field(default="", max_length=200)
    act: str = Field(default="", max_length=40)
    target: str = Field(default="", max_length=300)

    def chosen(self) -> AuditFilter:
        return AuditFilter(
            actor=self.actor.strip() or None,
            kind=self.act or None,
            target=self.target.strip() or None,
            since=self.since,
            until=self.until,
        )


@dataclass(frozen=True)
class ShownAct:
    """A row of the list. `page` is where its target is shown; `changes` are names with what was and what is."""

    row: AuditRow
    page: str | None
    changes: list[tuple[str, str | None, str | None]]


@router.get("/audit")
async def show_audit_log(
    visit: Visiting, _caller: AuditReader, query: Annotated[ShownActsQuery, Query()]
) -> HTMLResponse:
    rows, more = await visit.database.snapshot(
        audit_page, query.chosen(), cursor=query.cursor or None, limit=PAGE_LENGTH
    )
    return await visit.page(
        "audit.html",
        current="audit",
        query=query,
        kinds=[kind.value for kind in ActKind],
        acts=[_shown(row) for row in rows],
        next_page=query.address(cursor=rows[-1].code) if more else None,
    )


def _shown(row: AuditRow) -> ShownAct:
    thing = row.act.partition(".")[0]
    page = f"{PAGES[thing]}{row.target}" if thing in PAGES else None
    before, after = row.before or {}, row.after or {}
    names = [*before, *(name for name in after if name not in before)]
    differing = [name for name in names if before.get(name) != after.get(name)]
    return ShownAct(row, page, [(name, _text(before, name), _text(after, name)) for name in differing])


def _text(values: dict[str, object], name: str) -> str | None:
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
