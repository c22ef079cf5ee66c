"""Health: what is missing, and the processes of the installation."""

from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from aijobs.persistence.access.installation import repaired_at
from aijobs.persistence.health import health_findings
from aijobs.persistence.jobs.totals import oldest_wait, totals
from aijobs.persistence.processes import known_processes
from api.auth.caller import HealthReader
from api.dependencies import AppReadiness, Settings
from dashboard.formatting import finding_values
from dashboard.page import PageRoute, Visiting
from dashboard.pages.temporal_links import jobs_in_temporal

MAX_PROCESSES: Final = 100

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/health")
async def show_health(
    visit: Visiting, _caller: HealthReader, readiness: AppReadiness, settings: Settings
) -> HTMLResponse:
    """Problems are the same that `/readyz` names. Of the processes, those that have stopped are only counted."""
    processes = await visit.database.read(known_processes)
    counted = await visit.database.snapshot(totals)
    return await visit.page(
        "health.html",
        current="health",
        temporal=jobs_in_temporal(settings),
        problems=await readiness.missing(),
        findings=await visit.database.read(health_findings),
        finding_values=finding_values,
        oldest_wait=await visit.database.read(oldest_wait),
        repaired_at=await visit.database.read(repaired_at),
        processes=[one for one in processes if not one.has_stopped][:MAX_PROCESSES],
        stopped=sum(one.has_stopped for one in processes),
        points_held=counted.points_held,
        unknown_submissions=counted.unknown_submissions,
        in_flight=sum(count for (_, status), count in counted.jobs.items() if not status.is_final),
    )
