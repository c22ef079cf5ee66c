"""Templates: the list, the page of each, and a form to create, change or preview one."""

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
from aijobs.usecases.edit_template import save_version, split_prompt
from api.auth.caller import Caller, TemplateKeeper
from api.problems import status_of
from api.requests.paths import TemplateId
from dashboard.forms.column_rule_lines import rule_texts
from dashboard.forms.form_errors import fields_shown, summary_of
from dashboard.forms.template_form import TemplateForm
from dashboard.page import PageRequest, PageRoute, Visiting, go_to
from dashboard.pages.job_document import cut_template, with_headings

PAGE: Final = 50
MAX_VERSION: Final = 2**31 - 1
MAX_VERSIONS: Final = 20  #: listed on a template's page
MAX_FIELDS: Final = 30
MAX_CHOICES: Final = 100  #: that a form offers
SAVE: Final = "save"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/templates")
async def show_templates(visit: Visiting, cursor: Annotated[str | None, Query(max_length=64)] = None) -> HTMLResponse:
    templates, has_more = await visit.database.snapshot(templates_page, after=cursor, limit=PAGE)
    return await visit.page(
        "templates.html",
        current="templates",
        templates=templates,
        next_page=templates[-1].id if has_more else None,
        is_first=cursor is None,
        may_read_prompts=visit.caller.reads_prompts,
    )


@router.get("/new/template")
async def show_empty_form(visit: Visiting, _caller: TemplateKeeper) -> HTMLResponse:
    return await _form(visit, TemplateForm(), is_new=True)


@router.post("/templates")
async def make(request: Request, visit: Visiting, caller: TemplateKeeper) -> Response:
    """Create a template, or preview its stages."""
    return await _preview_or_save(request, visit, caller, None)


@router.get("/templates/{template_id}")
async def show_template(
    visit: Visiting, template_id: TemplateId, version: Annotated[int | None, Query(ge=1, le=MAX_VERSION)] = None
) -> HTMLResponse:
    template = await _readable(visit.caller, visit.database, template_id, version)
    stages = await cut_template(template)
    versions, _ = await visit.database.snapshot(versions_page, template_id, below=None, limit=MAX_VERSIONS)
    return await visit.page(
        "template.html",
        current="templates",
        shown=template,
        rules_of=rule_texts,
        is_newest=version is None,
        stages=with_headings(stages.stages),
        warnings=stages.warnings,
        versions=versions,
    )


@router.get("/templates/{template_id}/edit")
async def show_form(visit: Visiting, template_id: TemplateId, _caller: TemplateKeeper) -> HTMLResponse:
    template = await _readable(visit.caller, visit.database, template_id)
    return await _form(visit, TemplateForm.of(template), is_new=False)


@router.post("/templates/{template_id}/edit")
async def change(request: Request, visit: Visiting, template_id: TemplateId, caller: TemplateKeeper) -> Response:
    """Save a new version, or preview its stages."""
    await _readable(caller, visit.database, template_id)
    return await _preview_or_save(request, visit, caller, template_id)


@router.post("/templates/{template_id}/delete")
async def delete(visit: Visiting, template_id: TemplateId, caller: TemplateKeeper) -> Response:
    await visit.database.write(delete_template, template_id, deleted_by=caller.key_id)
    return go_to("/templates")


async def template_choices(visit: PageRequest) -> list[tuple[str, str]]:
    """Ids and names, for forms that need a template."""
    templates, _ = await visit.database.snapshot(templates_page, after=None, limit=MAX_CHOICES)
    return [(template.id, template.name) for template in templates]


async def _preview_or_save(request: Request, visit: PageRequest, caller: Caller, template_id: str | None) -> Response:
    """Save or preview, as the form's button says. `template_id` is None for a new template."""
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
        preview = await split_prompt(definition.prompt, definition.stages)
        return await _form(visit, form, is_new=is_new, preview=preview)
    except BadInput as refused:
        return await _form(visit, form, is_new=is_new, refused=refused)


async def _readable(caller: Caller, database: Database, template_id: str, version: int | None = None) -> Template:
    """Raises NotAllowed for a caller who may not read prompts, and NotFound."""
    caller.needs_prompts()
    return await database.read(template_of, template_id, version)


async def _require_free(database: Database, template_id: str) -> None:
    """Raises InvalidParameters when the id is invalid or taken."""
    if not re.fullmatch(TEMPLATE_ID, template_id):
        invalid_id = FieldError("/id", "Letters, digits, - and _, at most 64, beginning with a letter or digit.")
        raise InvalidParameters("Some fields are wrong.", invalid_id)
    try:
        await database.read(template_of, template_id)
    except NotFound:
        return
    raise InvalidParameters("Some fields are wrong.", FieldError("/id", "There is a template of this id already."))


async def _form(
    visit: PageRequest,
    form: TemplateForm,
    *,
    is_new: bool,
    preview: Stages | None = None,
    refused: BadInput | None = None,
) -> HTMLResponse:
    return await visit.page(
        "template_form.html",
        status=status_of(type(refused)) if refused else HTTPStatus.OK,
        current="templates",
        form=form,
        is_new=is_new,
        stages=with_headings(preview.stages) if preview else None,
        warnings=preview.warnings if preview else (),
        refused=summary_of(refused, visit.words) if refused else None,
        field_errors=_field_errors(refused),
    )


def _field_errors(refused: BadInput | None) -> dict[str, list[str]]:
    """The error messages of each field, by its name in the form."""
    messages: dict[str, list[str]] = {}
    for field in fields_shown(refused):
        messages.setdefault(field.pointer.rpartition("/")[2], []).append(field.message)
    return messages
