"""Canceling, running again and exporting all jobs of a search. What changes something is counted and priced first."""

import secrets
from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import HTMLResponse, StreamingResponse
from pydantic import BaseModel, Field, StringConstraints

from aijobs.usecases.bulk_jobs import MAX_AT_ONCE, BulkAction, BulkJobs
from api.auth.caller import Writer
from api.dependencies import Cancel, Db, ExportFound, Models, Rerun
from api.schemas.exports import ExportFormat, export_response
from dashboard.page import PageRoute, Visiting
from dashboard.pages.jobs import JobsQuery

FormKeyText = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]
SelectedCode = Annotated[str, StringConstraints(max_length=40)]

router = APIRouter(route_class=PageRoute, include_in_schema=False)


async def _bulk(database: Db, models: Models, cancel_job: Cancel, rerun_job: Rerun) -> BulkJobs:
    return BulkJobs(database=database, models=models, cancel_job=cancel_job, rerun_job=rerun_job)


Bulk = Annotated[BulkJobs, Depends(_bulk)]


class BulkQuery(JobsQuery):
    """The query of the list, and what is to be done with its jobs."""

    action: BulkAction

    @property
    def of_list(self) -> str:
        """The query string of the list itself."""
        return JobsQuery.model_construct(**{name: getattr(self, name) for name in JobsQuery.model_fields}).address()


class FoundQuery(JobsQuery):
    """The query of the list, and in what form its jobs are exported."""

    format: ExportFormat = ExportFormat.JSONL


@router.get("/jobs/bulk")
async def confirm(visit: Visiting, _caller: Writer, bulk: Bulk, query: Annotated[BulkQuery, Query()]) -> HTMLResponse:
    chosen = await bulk.select(query.with_only().job_filter(visit), query.action)
    return await visit.page(
        "bulk_jobs.html",
        current="jobs",
        action=query.action,
        back=query.of_list,
        chosen=chosen,
        idempotency_key=secrets.token_urlsafe(16),
        result=None,
    )


class ConfirmedForm(BaseModel):
    """What was counted and priced, as the page that is confirmed has it."""

    action: BulkAction
    idempotency_key: FormKeyText
    code: list[SelectedCode] = Field(max_length=MAX_AT_ONCE)
    points: int = Field(default=0, ge=0)
    reason: str = Field(default="", max_length=500)
    back: str = Field(default="", max_length=2000)


@router.post("/jobs/bulk")
async def act(visit: Visiting, caller: Writer, bulk: Bulk, form: Annotated[ConfirmedForm, Form()]) -> HTMLResponse:
    """Does what was confirmed, with the jobs that were counted: none that came since."""
    if form.action is BulkAction.CANCEL:
        result = await bulk.cancel(form.code, caller.actor, reason=form.reason.strip() or None)
    else:
        result = await bulk.rerun(form.code, caller.actor, points=form.points, key=form.idempotency_key)
    refusals = Counter(error.code for _, error in result.refused)
    return await visit.page(
        "bulk_jobs.html",
        current="jobs",
        action=form.action,
        back=form.back,
        chosen=None,
        result=result,
        refusals=refusals.most_common(),
    )


@router.get("/jobs/export")
async def export(visit: Visiting, jobs: ExportFound, query: Annotated[FoundQuery, Query()]) -> StreamingResponse:
    """All jobs of a search, as one file."""
    lines = await jobs(query.with_only().job_filter(visit), as_csv=query.format is ExportFormat.CSV)
    return export_response(lines, query.format, name="jobs")
