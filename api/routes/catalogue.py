"""What there is: models with their parameters, dictionaries, and what is left of today's points."""

from fastapi import APIRouter

from aijobs.domain.lifecycle import OVERALL_PROGRESS, JobStatus
from api.auth.caller import Reader
from api.checked_route import CheckedRoute
from api.dependencies import Models
from api.problems import problem_responses
from api.schemas.jobs import CatalogueEntry, Dictionaries, Page, StatusEntry
from api.schemas.model_responses import model_responses

router = APIRouter(tags=["catalogue"], route_class=CheckedRoute)


@router.get("/api/models", summary="List the models", responses=problem_responses(401, 403))
async def list_models(_: Reader, models: Models) -> Page[CatalogueEntry]:
    """Those whose provider has no key here are listed as not configured."""
    return Page(data=model_responses(models))


@router.get("/api/dicts", summary="Look up what codes mean", responses=problem_responses(401, 403))
async def dictionaries(_: Reader, models: Models) -> Dictionaries:
    statuses = [StatusEntry(code=s, name=s.name, zh=s.zh, en=s.en, overall=OVERALL_PROGRESS[s]) for s in JobStatus]
    return Dictionaries(statuses=statuses, models={model.model_id: model.model_desc for model in models})
