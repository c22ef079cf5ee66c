"""The overview: how many jobs, in which statuses, why some failed, and how long they took."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, JSONResponse
from sqlmodel import Session

from aijobs.domain.catalogue import Model
from aijobs.persistence.column_types import now
from aijobs.persistence.jobs import statistics
from aijobs.persistence.jobs.lost_submissions import jobs_with_lost_answers
from aijobs.persistence.jobs.statistics import FailureCount, HourlyCounts, ModelStatistics
from aijobs.persistence.points.costs import costs_by_model
from aijobs.persistence.points.ledger import heavy_spenders
from aijobs.usecases.models import AvailableModels
from api.dependencies import Models
from dashboard.page import PageRequest, PageRoute, Visiting

HOURS: Final = 24
MAX_LOST: Final = 10
TOLD: Final = (80, 100)
"""Percents of a day's points, of which the overview says how many users have spent them."""

router = APIRouter(route_class=PageRoute, include_in_schema=False)

User = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class ModelHealth:
    """A model, and the statistics of its jobs."""

    model: Model
    health: ModelStatistics


@router.get("/")
async def show_overview(visit: Visiting, models: Models, user: User = "") -> HTMLResponse:
    return await visit.page("overview.html", current="overview", user=user, **await _context(visit, models, user))


@router.get("/overview/live")
async def repaint_overview(visit: Visiting, models: Models, user: User = "") -> HTMLResponse:
    return await visit.page("pieces/overview.html", user=user, **await _context(visit, models, user))


@router.get("/overview/throughput.json")
async def throughput(visit: Visiting, user: User = "") -> JSONResponse:
    """For the chart: hours as seconds since 1970, and for each of them the number of jobs by outcome."""
    hours = await _hours(visit, now(), visit.visible_user(user))
    return JSONResponse(
        {
            "hours": [int(hour.start.timestamp()) for hour in hours],
            "succeeded": [hour.succeeded for hour in hours],
            "under_way": [hour.under_way for hour in hours],
            "ended_badly": [hour.ended_badly for hour in hours],
        }
    )


async def _context(visit: PageRequest, available: AvailableModels, user: str) -> dict[str, Any]:
    at, user_id = now(), visit.visible_user(user)
    since = at - timedelta(hours=HOURS)

    def work(snapshot: Session) -> dict[str, Any]:
        failures = statistics.failures(snapshot, since=since, user_id=user_id)
        hours = statistics.throughput(snapshot, until=at, hours=HOURS, user_id=user_id)
        models = _healths(snapshot, available, since=since, user_id=user_id)
        return {
            "in_flight": statistics.in_flight(snapshot, user_id=user_id),
            "hours": hours,
            "failures": failures,
            "models": [entry for entry in models if entry.health.succeeded + entry.health.failed],
            "totals": _totals(hours, failures),
            "told": {
                percent: heavy_spenders(snapshot, at.date(), percent=percent, user_id=user_id) for percent in TOLD
            },
            "lost": jobs_with_lost_answers(snapshot, user_id=user_id, at_most=MAX_LOST),
            "MAX_LOST": MAX_LOST,
            "costs": costs_by_model(snapshot, since=since, user_id=user_id),
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


async def _hours(visit: PageRequest, until: datetime, user_id: str | None) -> list[HourlyCounts]:
    return await visit.database.read(statistics.throughput, until=until, hours=HOURS, user_id=user_id)


def _totals(hours: Sequence[HourlyCounts], failures: Sequence[FailureCount]) -> dict[str, int]:
    return {
        "accepted": sum(hour.accepted for hour in hours),
        "succeeded": sum(hour.succeeded for hour in hours),
        "ended_badly": sum(entry.count for entry in failures),
    }
