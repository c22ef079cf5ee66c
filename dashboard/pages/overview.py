"""The overview: how many jobs, in which statuses, why some failed, and how long they took; before, what to do first."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, Final, NamedTuple

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, JSONResponse, Response
from sqlmodel import Session

from aijobs.domain.catalogue import Model
from aijobs.domain.lifecycle import BAD_ENDS, UNFINISHED, JobStatus
from aijobs.domain.values.scopes import Scope
from aijobs.persistence.column_types import now
from aijobs.persistence.jobs import statistics
from aijobs.persistence.jobs.lost_submissions import jobs_with_lost_answers
from aijobs.persistence.jobs.statistics import ModelStatistics
from aijobs.persistence.jobs.throughput import accepted_since, throughput
from aijobs.persistence.points.costs import costs_by_model
from aijobs.persistence.points.ledger import entries_page, heavy_spenders
from aijobs.persistence.webhooks.endpoints import endpoints_of
from aijobs.settings import VENDORS, Settings
from aijobs.usecases.models import AvailableModels
from api.dependencies import AllSettings, Models
from dashboard.page import PageRequest, PageRoute, Visiting

MAX_LOST: Final = 10
TOLD: Final = (80, 100)
"""Percents of a day's points, of which the overview says how many users have spent them."""

router = APIRouter(route_class=PageRoute, include_in_schema=False)

User = Annotated[str, Query(max_length=200)]


class OverviewPeriod(StrEnum):
    """A time that ends now, by the names that the list of jobs has for them."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def length(self) -> timedelta:
        return self.step * self.bars

    @property
    def step(self) -> timedelta:
        """Of a bar of the chart."""
        return STEPS[self][0]

    @property
    def bars(self) -> int:
        return STEPS[self][1]

    @property
    def refresh_every(self) -> int:
        """Seconds: a longer time changes less, and takes longer to count."""
        return 5 if self is OverviewPeriod.DAY else 60


STEPS: Final = {
    OverviewPeriod.DAY: (timedelta(hours=1), 24),
    OverviewPeriod.WEEK: (timedelta(hours=6), 28),
    OverviewPeriod.MONTH: (timedelta(days=1), 30),
}


class FirstStep(NamedTuple):
    """Something to do in a new installation, and where."""

    name: str
    path: str
    is_done: bool = False


@dataclass(frozen=True)
class ModelHealth:
    """A model, and the statistics of its jobs."""

    model: Model
    health: ModelStatistics


@router.get("/")
async def show_overview(
    visit: Visiting,
    models: Models,
    settings: AllSettings,
    user: User = "",
    period: OverviewPeriod = OverviewPeriod.DAY,
) -> HTMLResponse:
    context = await _context(visit, models, user, period)
    return await visit.page(
        "overview.html",
        current="overview",
        user=user,
        first_steps=[] if await _has_jobs(visit, user) else await _first_steps(visit, settings),
        has_sandbox=settings.sandbox_url is not None,
        periods=tuple(OverviewPeriod),
        **context,
    )


@router.get("/overview/live")
async def repaint_overview(
    visit: Visiting,
    models: Models,
    user: User = "",
    period: OverviewPeriod = OverviewPeriod.DAY,
    *,
    first_steps: bool = False,
) -> Response:
    """The figures. A page with the first steps has none: it is loaded anew once there is a job."""
    if first_steps:
        has_jobs = await _has_jobs(visit, user)
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Refresh": "true"} if has_jobs else {})
    return await visit.page("pieces/overview.html", user=user, **await _context(visit, models, user, period))


@router.get("/overview/throughput.json")
async def show_throughput(
    visit: Visiting, user: User = "", period: OverviewPeriod = OverviewPeriod.DAY
) -> JSONResponse:
    """For the chart: beginnings of its bars as seconds since 1970, and of each the number of jobs by outcome."""
    counts = await visit.database.snapshot(
        throughput, until=now(), count=period.bars, step=period.step, user_id=visit.visible_user(user)
    )
    return JSONResponse(
        {
            "hours": [int(one.start.timestamp()) for one in counts],
            "succeeded": [one.succeeded for one in counts],
            "under_way": [one.under_way for one in counts],
            "ended_badly": [one.ended_badly for one in counts],
        }
    )


async def _has_jobs(visit: PageRequest, user: str) -> bool:
    entries, _ = await visit.database.read(entries_page, user_id=visit.visible_user(user), before=None, limit=1)
    return bool(entries)


async def _first_steps(visit: PageRequest, settings: Settings) -> list[FirstStep]:
    """For whoever may take them."""
    has_key = any(settings.has_key(name) for name in VENDORS)
    has_endpoint = bool(await visit.database.read(endpoints_of, user_id=visit.caller.visible_user))
    steps = [
        (Scope.SETTINGS_READ, FirstStep("provider", "/models", is_done=has_key and not settings.sandbox_url)),
        (Scope.JOBS_WRITE, FirstStep("job", "/new")),
        (Scope.WEBHOOKS_WRITE, FirstStep("webhook", "/webhooks", is_done=has_endpoint)),
        (Scope.SETTINGS_READ, FirstStep("bucket", "/settings#group-of-store", is_done=settings.store.is_s3)),
    ]
    return [step for scope, step in steps if visit.may(scope)]


async def _context(visit: PageRequest, available: AvailableModels, user: str, period: OverviewPeriod) -> dict[str, Any]:
    at, user_id = now(), visit.visible_user(user)
    since = at - period.length

    def work(snapshot: Session) -> dict[str, Any]:
        counts = throughput(snapshot, until=at, count=period.bars, step=period.step, user_id=user_id)
        models = _healths(snapshot, available, since=since, user_id=user_id)
        return {
            "in_flight": statistics.in_flight(snapshot, user_id=user_id),
            "hours": counts,
            "failures": statistics.failures(snapshot, since=since, user_id=user_id),
            "models": [entry for entry in models if entry.health.succeeded + entry.health.failed],
            "totals": accepted_since(snapshot, since, user_id=user_id),
            "told": {
                percent: heavy_spenders(snapshot, at.date(), percent=percent, user_id=user_id) for percent in TOLD
            },
            "lost": jobs_with_lost_answers(snapshot, user_id=user_id, at_most=MAX_LOST),
            "MAX_LOST": MAX_LOST,
            "costs": costs_by_model(snapshot, since=since, user_id=user_id),
            "period": period,
            "in_progress": UNFINISHED,
            "bad_ends": BAD_ENDS,
            "succeeded": (JobStatus.SUCCESS,),
        }

    return await visit.database.snapshot(work)


async def healths(
    visit: PageRequest, models: AvailableModels, *, since: datetime, user_id: str | None
) -> list[ModelHealth]:
    """The statistics of each model of the catalogue."""
    return await visit.database.snapshot(_healths, models, since=since, user_id=user_id)


def _healths(snapshot: Session, models: AvailableModels, *, since: datetime, user_id: str | None) -> list[ModelHealth]:
    return [
        ModelHealth(model, statistics.health(snapshot, model.model_id, since=since, user_id=user_id))
        for model in models
    ]
