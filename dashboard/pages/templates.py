"""Templates: the list, what each asks and brings, and a form to change one, to try it, or to make a new one."""

import re
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from aijobs.domain.documents.templates import TEMPLATE_ID, TemplateDefinition
from aijobs.domain.errors import BadInput, FieldError, InvalidParameters, NotFound
from api.auth.caller import Caller, Operator
from api.dependencies import Parts
from api.problems import status_of
from api.routes.templates import (
    MAX_VERSION,
    Preview,
    PreviewRequest,
    TemplateId,
    get_template,
    list_templates,
    list_versions,
    preview,
    put_template,
    remove_template,
)
from dashboard.page import PageRequest, PageRoute, Visiting, go_to
from dashboard.pages.job_document import cut, headed, reads_prompts
from dashboard.template_form import TemplateForm

PAGE: Final = 50
MAX_VERSIONS: Final = 20  #: listed on a template's page
MAX_FIELDS: Final = 20
SAVE: Final = "save"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/templates")
async def show_templates(visit: Visiting, cursor: Annotated[str | None, Query(max_length=64)] = None) -> HTMLResponse:
    listed = await list_templates(visit.caller, visit.parts, cursor, PAGE)
    return await visit.page(
        "templates.html",
        here="templates",
        listed=listed,
        is_first=cursor is None,
        may_read_prompts=reads_prompts(visit),
    )


@router.get("/new/template")
async def show_empty_form(visit: Visiting, _caller: Operator) -> HTMLResponse:
    return await _form(visit, TemplateForm(), is_new=True)


@router.post("/templates")
async def make(request: Request, visit: Visiting, caller: Operator) -> Response:
    """A template of an id that is not taken; or only a look at its stages."""
    return await _done(request, visit, caller, None)


@router.get("/templates/{template_id}")
async def show_template(
    visit: Visiting, template_id: TemplateId, version: Annotated[int | None, Query(ge=1, le=MAX_VERSION)] = None
) -> HTMLResponse:
    template = await get_template(visit.caller, template_id, visit.parts, version)
    stages = await cut(template)
    versions = await list_versions(visit.caller, template_id, visit.parts, limit=MAX_VERSIONS)
    return await visit.page(
        "template.html",
        here="templates",
        shown=template,
        is_newest=version is None,
        stages=headed(stages.stages),
        warnings=stages.warnings,
        versions=versions,
    )


@router.get("/templates/{template_id}/edit")
async def show_form(visit: Visiting, template_id: TemplateId, _caller: Operator) -> HTMLResponse:
    template = await get_template(visit.caller, template_id, visit.parts)
    return await _form(visit, TemplateForm.of(template), is_new=False)


@router.post("/templates/{template_id}/edit")
async def change(request: Request, visit: Visiting, template_id: TemplateId, caller: Operator) -> Response:
    """A new version; or only a look at its stages."""
    await get_template(caller, template_id, visit.parts)
    return await _done(request, visit, caller, template_id)


@router.post("/templates/{template_id}/delete")
async def delete(visit: Visiting, template_id: TemplateId, caller: Operator) -> Response:
    await remove_template(template_id, caller, visit.parts)
    return go_to("/templates")


async def _done(request: Request, visit: PageRequest, caller: Caller, template_id: str | None) -> Response:
    """What the form's button says: without `template_id` for a new one."""
    async with request.form(max_files=0, max_fields=MAX_FIELDS) as fields:
        sent = {name: value for name, value in fields.items() if isinstance(value, str)}
    form = TemplateForm.sent(sent if template_id is None else {**sent, "id": template_id})
    is_new = template_id is None
    try:
        definition = form.definition()
        if sent.get("do") == SAVE:
            if is_new:
                await _require_free(visit.parts, caller, form.id)
            await put_template(form.id, definition, caller, visit.parts)
            return go_to(f"/templates/{form.id}")
        return await _form(visit, form, is_new=is_new, seen=await _preview(definition, caller))
    except BadInput as refused:
        return await _form(visit, form, is_new=is_new, refused=refused)


async def _preview(definition: TemplateDefinition, caller: Caller) -> Preview:
    return await preview(PreviewRequest(prompt=definition.prompt, stages=definition.stages), caller)


async def _require_free(parts: Parts, caller: Caller, template_id: str) -> None:
    """Raises InvalidParameters."""
    if not re.fullmatch(TEMPLATE_ID, template_id):
        unfit = FieldError("/id", "Letters, digits, - and _, at most 64, beginning with a letter or digit.")
        raise InvalidParameters("Some fields are wrong.", unfit)
    try:
        await get_template(caller, template_id, parts)
    except NotFound:
        return
    raise InvalidParameters("Some fields are wrong.", FieldError("/id", "There is a template of this id already."))


async def _form(
    visit: PageRequest,
    form: TemplateForm,
    *,
    is_new: bool,
    seen: Preview | None = None,
    refused: BadInput | None = None,
) -> HTMLResponse:
    return await visit.page(
        "template_form.html",
        status=status_of(type(refused)) if refused else HTTPStatus.OK,
        here="templates",
        form=form,
        is_new=is_new,
        stages=headed(seen.stages) if seen else None,
        warnings=seen.warnings if seen else (),
        refused=str(refused) if refused else None,
        wrong=_by_field(refused),
    )


def _by_field(refused: BadInput | None) -> dict[str, list[str]]:
    """What is wrong with each field, by its name in the form."""
    wrong: dict[str, list[str]] = {}
    for field in refused.fields if refused else ():
        wrong.setdefault(field.pointer.rpartition("/")[2], []).append(field.message)
    return wrong
