"""`/api/templates`: prompts of document jobs. Each save is a new version."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from aijobs.domain.documents.templates import Template, TemplateDefinition
from aijobs.persistence.documents.templates import (
    delete_template,
    template_of,
    templates_page,
    versions_page,
)
from aijobs.usecases.edit_template import save_version, split_prompt
from api.auth.caller import Reader, TemplateKeeper
from api.dependencies import Db, Intake
from api.problems import problem_responses
from api.requests.paths import CodeCursor, TemplateId
from api.requests.strict_json import StrictRoute
from api.schemas.jobs import Page
from api.schemas.templates import (
    EstimateRequest,
    Preview,
    PreviewedStage,
    PreviewRequest,
    SavedTemplate,
    ShownEstimate,
    TemplateBrief,
    shown_estimate,
    template_brief,
)

MAX_PAGE: Final = 100
MAX_VERSION: Final = 2**31 - 1

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]

router = APIRouter(prefix="/api/templates", tags=["templates"], route_class=StrictRoute)


@router.get("", summary="List templates", responses=problem_responses(401, 403))
async def list_templates(
    _caller: Reader,
    database: Db,
    cursor: Annotated[CodeCursor | None, Query()] = None,
    limit: Limit = 20,
) -> Page[TemplateBrief]:
    """Sorted by id."""
    templates, has_more = await database.snapshot(templates_page, after=cursor, limit=limit)
    briefs = [template_brief(template) for template in templates]
    return Page(data=briefs, has_more=has_more, next_cursor=templates[-1].id if has_more else None)


@router.post("/preview", summary="See how a prompt is cut", responses=problem_responses(400, 401, 403, 413, 415))
async def preview(body: PreviewRequest, _caller: TemplateKeeper) -> Preview:
    """Nothing is saved."""
    result = await split_prompt(body.prompt, body.stages)
    stages = [PreviewedStage(number=stage.number, name=stage.name, text=stage.text) for stage in result.stages]
    return Preview(stages=stages, warnings=list(result.warnings))


@router.get("/{template_id}", summary="Look at a template", responses=problem_responses(401, 403, 404))
async def get_template(
    caller: Reader,
    template_id: TemplateId,
    database: Db,
    version: Annotated[int | None, Query(ge=1, le=MAX_VERSION)] = None,
) -> Template:
    """The newest version, or the one asked for, which remains readable after the template is deleted.

    For service keys only: prompts belong to the operator.
    """
    caller.needs_prompts()
    return await database.read(template_of, template_id, version)


@router.put(
    "/{template_id}",
    summary="Save a template",
    response_model=SavedTemplate,
    responses={201: {"model": SavedTemplate}, **problem_responses(400, 401, 403, 413, 415)},
)
async def put_template(
    template_id: TemplateId, definition: TemplateDefinition, caller: TemplateKeeper, database: Db
) -> JSONResponse:
    """201 and a new version, or 200 and the old one when nothing has changed. Running jobs keep their version."""
    saved = await save_version(database, template_id, definition, caller.actor)
    document = SavedTemplate(**dict(saved.template), warnings=saved.warnings)
    return JSONResponse(document.model_dump(mode="json"), 201 if saved.is_new else 200)


@router.post(
    "/{template_id}/estimate",
    summary="Estimate what a document would cost",
    responses=problem_responses(400, 401, 403, 404, 413, 415),
)
async def estimate(template_id: TemplateId, body: EstimateRequest, caller: Reader, intake: Intake) -> ShownEstimate:
    """Of an uploaded document, by tokens and the prices of a million of them. Nothing is asked, and nothing is kept."""
    return shown_estimate(await intake.estimate_uploaded(body.file, template_id, user_id=caller.visible_user))


@router.delete(
    "/{template_id}", status_code=204, summary="Delete a template", responses=problem_responses(401, 403, 404)
)
async def remove_template(template_id: TemplateId, caller: TemplateKeeper, database: Db) -> Response:
    """No new job can use it. Running jobs go on, and their rows stay."""
    await database.write(delete_template, template_id, deleted_by=caller.key_id)
    return Response(status_code=204)


@router.get("/{template_id}/versions", summary="A template's versions", responses=problem_responses(401, 403, 404))
async def list_versions(
    _caller: Reader,
    template_id: TemplateId,
    database: Db,
    cursor: Annotated[int | None, Query(ge=1, le=MAX_VERSION)] = None,
    limit: Limit = 20,
) -> Page[TemplateBrief]:
    """Newest first."""
    versions, has_more = await database.snapshot(versions_page, template_id, below=cursor, limit=limit)
    briefs = [template_brief(template) for template in versions]
    return Page(data=briefs, has_more=has_more, next_cursor=str(versions[-1].version) if has_more else None)
