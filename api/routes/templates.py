"""`/api/templates`: prompts of document jobs. Each save is a new version."""

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from aijobs.domain.documents.prompt_stages import Stages, split
from aijobs.domain.documents.templates import (
    MAX_PROMPT_LENGTH,
    TEMPLATE_ID,
    StageSettings,
    Template,
    TemplateDefinition,
)
from aijobs.domain.errors import NotAllowed
from aijobs.domain.jobs.events import Moment
from aijobs.persistence.access.keys import KeyKind
from aijobs.persistence.documents.templates import (
    delete_template,
    save_template,
    template_of,
    templates_page,
    versions_page,
)
from api.auth.caller import Operator, Reader
from api.dependencies import AllParts
from api.problems import problem_responses
from api.schemas import jobs as shapes
from api.strict_json import StrictRoute

MAX_PAGE: Final = 100
MAX_VERSION: Final = 2**31 - 1

TemplateId = Annotated[str, Path(pattern=f"^{TEMPLATE_ID}$", examples=["contract_zh"])]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]

router = APIRouter(prefix="/api/templates", tags=["templates"], route_class=StrictRoute)


class PreviewRequest(BaseModel):
    """A prompt that is to be cut, and how."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(min_length=1, max_length=MAX_PROMPT_LENGTH)
    stages: StageSettings = StageSettings()


class TemplateBrief(shapes.Shape):
    """A template in a list: without its prompt."""

    id: str
    name: str
    version: int
    columns: list[str]
    create_time: Moment


class SavedTemplate(Template):
    """A template as it was saved. `warnings` tell what its stages lack."""

    warnings: tuple[str, ...]


class PreviewedStage(shapes.Shape):
    """`name` is the heading; `text` is what the model will be asked."""

    number: int
    name: str
    text: str


class Preview(shapes.Shape):
    """The stages in the order in which they will be asked."""

    stages: list[PreviewedStage]
    warnings: list[str]


@router.get("", summary="List templates", responses=problem_responses(401, 403))
async def list_templates(
    _caller: Reader,
    parts: AllParts,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 20,
) -> shapes.Page[TemplateBrief]:
    """By their id."""
    async with parts.database.read() as session:
        found, has_more = await templates_page(session, after=cursor, limit=limit)
    briefs = [_brief(template) for template in found]
    return shapes.Page(data=briefs, has_more=has_more, next_cursor=found[-1].id if has_more else None)


@router.post("/preview", summary="See how a prompt is cut", responses=problem_responses(400, 401, 403, 413, 415))
async def preview(wanted: PreviewRequest, _caller: Operator) -> Preview:
    """Nothing is saved."""
    cut = await _cut(wanted.prompt, wanted.stages)
    stages = [PreviewedStage(number=stage.number, name=stage.name, text=stage.text) for stage in cut.stages]
    return Preview(stages=stages, warnings=list(cut.warnings))


@router.get("/{template_id}", summary="Look at a template", responses=problem_responses(401, 403, 404))
async def get_template(
    caller: Reader,
    template_id: TemplateId,
    parts: AllParts,
    version: Annotated[int | None, Query(ge=1, le=MAX_VERSION)] = None,
) -> Template:
    """Its newest version; or another one, which is there also after the template was deleted.

    For service keys only: a prompt is its operator's own.
    """
    if caller.kind is KeyKind.USER:
        raise NotAllowed("Prompts are shown to service keys only.")
    async with parts.database.read() as session:
        return await template_of(session, template_id, version)


@router.put(
    "/{template_id}",
    summary="Save a template",
    response_model=SavedTemplate,
    responses={201: {"model": SavedTemplate}, **problem_responses(400, 401, 403, 413, 415)},
)
async def put_template(
    template_id: TemplateId, definition: TemplateDefinition, caller: Operator, parts: AllParts
) -> JSONResponse:
    """201 and a new version; 200 and the old one, when nothing has changed. Jobs keep the version they began with."""
    cut = await _cut(definition.prompt, definition.stages)
    async with parts.database.write() as session:
        template, is_new = await save_template(session, template_id, definition, saved_by=caller.key_id)
    saved = SavedTemplate(**dict(template), warnings=cut.warnings)
    return JSONResponse(saved.model_dump(mode="json"), 201 if is_new else 200)


@router.delete(
    "/{template_id}", status_code=204, summary="Delete a template", responses=problem_responses(401, 403, 404)
)
async def remove_template(template_id: TemplateId, caller: Operator, parts: AllParts) -> Response:
    """Nothing new begins with it. What has begun goes on, and its rows stay."""
    async with parts.database.write() as session:
        await delete_template(session, template_id, deleted_by=caller.key_id)
    return Response(status_code=204)


@router.get("/{template_id}/versions", summary="A template's versions", responses=problem_responses(401, 403, 404))
async def list_versions(
    _caller: Reader,
    template_id: TemplateId,
    parts: AllParts,
    cursor: Annotated[int | None, Query(ge=1, le=MAX_VERSION)] = None,
    limit: Limit = 20,
) -> shapes.Page[TemplateBrief]:
    """Newest first."""
    async with parts.database.read() as session:
        found, has_more = await versions_page(session, template_id, below=cursor, limit=limit)
    briefs = [_brief(template) for template in found]
    return shapes.Page(data=briefs, has_more=has_more, next_cursor=str(found[-1].version) if has_more else None)


async def _cut(prompt: str, settings: StageSettings) -> Stages:
    return await asyncio.to_thread(split, prompt, settings)


def _brief(template: Template) -> TemplateBrief:
    return TemplateBrief(
        id=template.id,
        name=template.name,
        version=template.version,
        columns=[column.name for column in template.columns],
        create_time=template.create_time,
    )
