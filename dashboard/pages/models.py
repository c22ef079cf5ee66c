"""Models and providers: what they can do, and how they did lately."""

from datetime import timedelta
from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from aijobs.persistence.column_types import now
from aijobs.persistence.jobs.statistics import throttled
from api.dependencies import Models
from api.schemas.model_responses import model_responses
from dashboard.page import PageRoute, Visiting
from dashboard.pages.overview import healths

LATELY: Final = timedelta(days=7)

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/models")
async def show_models(visit: Visiting, models: Models) -> HTMLResponse:
    since = now() - LATELY
    found = await healths(visit, models, since=since, user_id=visit.caller.visible_user)
    async with visit.database.read() as session:
        refused = await throttled(session, since=since) if visit.sees_everybody else {}
    return await visit.page(
        "models.html",
        here="models",
        entries=model_responses(models),
        health={one.model.model_id: one.health for one in found},
        throttled={one.model.model_id: refused.get(one.model.provider, 0) for one in found},
        days=LATELY.days,
    )
