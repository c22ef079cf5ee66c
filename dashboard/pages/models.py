"""Models and providers: what they offer, and their recent failures and durations."""

from datetime import timedelta
from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from aijobs.persistence.column_types import now
from aijobs.persistence.jobs.statistics import throttled
from aijobs.persistence.vendor_credentials import circuits
from api.dependencies import Models
from api.schemas.model_responses import model_responses
from dashboard.page import PageRoute, Visiting
from dashboard.pages.overview import healths

PERIOD: Final = timedelta(days=7)

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/models")
async def show_models(visit: Visiting, models: Models) -> HTMLResponse:
    since = now() - PERIOD
    healths_of_models = await healths(visit, models, since=since, user_id=visit.caller.visible_user)
    throttled_counts = await visit.database.snapshot(throttled, since=since) if visit.sees_everybody else {}
    known = (await visit.database.read(circuits)).values() if visit.sees_everybody else ()
    return await visit.page(
        "models.html",
        current="models",
        entries=model_responses(models),
        health={entry.model.model_id: entry.health for entry in healths_of_models},
        throttled={entry.model.model_id: throttled_counts.get(entry.model.provider, 0) for entry in healths_of_models},
        left_out=[circuit for circuit in known if not circuit.is_closed],
        days=PERIOD.days,
    )
