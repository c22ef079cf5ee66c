"""`/api/models` and `/api/dicts`: the models with their parameters, and the names of statuses and models."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse

from aijobs.domain.errors import NotAllowed
from aijobs.domain.lifecycle import OVERALL_PROGRESS, JobStatus
from aijobs.persistence.added_models import remove_model
from aijobs.usecases.add_model import ModelRequest
from api.auth.caller import ModelKeeper, Reader
from api.dependencies import Adding, Db, Models
from api.problems import problem_responses
from api.requests.strict_json import StrictRoute
from api.schemas.jobs import CatalogueEntry, Dictionaries, Page, StatusEntry
from api.schemas.model_responses import model_response, model_responses

MAX_MODEL_ID: Final = 200

ModelId = Annotated[str, Path(max_length=MAX_MODEL_ID, examples=["provider_owner_name_v1"])]

router = APIRouter(tags=["catalogue"], route_class=StrictRoute)


@router.get("/api/models", summary="List the models", responses=problem_responses(401, 403))
async def list_models(_: Reader, models: Models) -> Page[CatalogueEntry]:
    """Models whose provider has no key here are listed as not configured."""
    return Page(data=model_responses(models))


@router.post(
    "/api/models",
    summary="Add a model",
    response_model=CatalogueEntry,
    responses={201: {"model": CatalogueEntry}, **problem_responses(400, 401, 403, 413, 415, 503)},
)
async def add_model(body: ModelRequest, caller: ModelKeeper, adding: Adding, models: Models) -> JSONResponse:
    """201, and every process of the installation knows the model: its parameters are those that its vendor publishes
    now. 200 when it was there already. A later version of the model is another one, with an id of its own."""
    model, is_new = await adding(body, by=caller.key_id)
    return JSONResponse(model_response(models, model).model_dump(mode="json"), 201 if is_new else 200)


@router.delete(
    "/api/models/{model_id}", status_code=204, summary="Remove a model", responses=problem_responses(401, 403, 404)
)
async def delete_model(model_id: ModelId, caller: ModelKeeper, models: Models, database: Db) -> Response:
    """One that was added: it takes no new jobs. Those that run go on."""
    if models.catalogue.is_shipped(model_id):
        raise NotAllowed("This model comes from a catalogue's file, and can be removed only there.")
    await database.write(remove_model, model_id, removed_by=caller.key_id)
    return Response(status_code=204)


@router.get("/api/dicts", summary="Look up what codes mean", responses=problem_responses(401, 403))
async def dictionaries(_: Reader, models: Models) -> Dictionaries:
    statuses = [StatusEntry(code=s, name=s.name, zh=s.zh, en=s.en, overall=OVERALL_PROGRESS[s]) for s in JobStatus]
    return Dictionaries(statuses=statuses, models={model.model_id: str(model.model_desc) for model in models})
