"""Templates: the list, what each asks and brings, and a form to change one, to try it, or to make a new one."""

import re
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from aijobs.domain.documents.prompt_stages import Stages
from aijobs.domain.documents.templates import TEMPLATE_ID, Template
from aijobs.domain.errors import BadInput, FieldError, InvalidParameters, NotFound
from aijobs.persistence.database import Database
from aijobs.persistence.documents.templates import delete_template, template_of, templates_page, versions_page
from aijobs.usecases.edit_template import cut_stages, save_version
from api.auth.caller import Caller, Operator
from api.paths import TemplateId
from api.problems import status_of
from dashboard.page import PageRequest, PageRoute, Visiting, go_to
from dashboard.pages.job_document import cut, headed
from dashboard.template_form import TemplateForm

PAGE: Final = 50
MAX_VERSION: Final = 2**31 - 1
MAX_VERSIONS: Final = 20  #: listed on a template's page
MAX_FIELDS: Final = 20
SAVE: Final = "save"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/templates")
async def show_templates(visit: Visiting, cursor: Annotated[str | None, Query(max_length=64)] = None) -> HTMLResponse:
    async with visit.database.read() as session:
        templates, has_more = await templates_page(session, after=cursor, limit=PAGE)
    return await visit.page(
        "templates.html",
        here="templates",
        templates=templates,
        next_page=templates[-1].id if has_more else None,
        is_first=cursor is None,
        may_read_prompts=visit.caller.reads_prompts,
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
    template = await _readable(visit.caller, visit.database, template_id, version)
    stages = await cut(template)
    async with visit.database.read() as session:
        versions, _ = await versions_page(session, template_id, below=None, limit=MAX_VERSIONS)
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
    template = await _readable(visit.caller, visit.database, template_id)
    return await _form(visit, TemplateForm.of(template), is_new=False)


@router.post("/templates/{template_id}/edit")
async def change(request: Request, visit: Visiting, template_id: TemplateId, caller: Operator) -> Response:
    """A new version; or only a look at its stages."""
    await _readable(caller, visit.database, template_id)
    return await _done(request, visit, caller, template_id)


@router.post("/templates/{template_id}/delete")
async def delete(visit: Visiting, template_id: TemplateId, caller: Operator) -> Response:
    async with visit.database.write() as session:
        await delete_template(session, template_id, deleted_by=caller.key_id)
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
                await _require_free(visit.database, form.id)
            await save_version(visit.database, form.id, definition, caller.actor)
            return go_to(f"/templates/{form.id}")
        seen = await cut_stages(definition.prompt, definition.stages)
        return await _form(visit, form, is_new=is_new, seen=seen)
    except BadInput as refused:
        return await _form(visit, form, is_new=is_new, refused=refused)


async def _readable(caller: Caller, database: Database, template_id: str, version: int | None = None) -> Template:
    """Raises NotAllowed for those to whom prompts are not shown, NotFound."""
    caller.needs_prompts()
    async with database.read() as session:
        return await template_of(session, template_id, version)


async def _require_free(database: Database, template_id: str) -> None:
    """Raises InvalidParameters."""
    if not re.fullmatch(TEMPLATE_ID, template_id):
        unfit = FieldError("/id", "Letters, digits, - and _, at most 64, beginning with a letter or digit.")
        raise InvalidParameters("Some fields are wrong.", unfit)
    try:
        async with database.read() as session:
            await template_of(session, template_id)
    except NotFound:
        return
    raise InvalidParameters("Some fields are wrong.", FieldError("/id", "There is a template of this id already."))


async def _form(
    visit: PageRequest,
    form: TemplateForm,
    *,
    is_new: bool,
    seen: Stages | None = None,
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
