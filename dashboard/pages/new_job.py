"""Submitting a job with a form that is built from the model's parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from aijobs.domain.errors import (
    AijobsError,
    BadInput,
    IdempotencyInFlight,
    IdempotencyMismatch,
    NotFound,
    PointsExhausted,
)
from aijobs.domain.jobs.slots.fair_queue import DEFAULT_PRIORITY, FIRST_PRIORITY, LAST_PRIORITY
from aijobs.domain.values.scopes import Scope
from aijobs.persistence.access.keys import KeyKind
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.tables import JobRow
from aijobs.usecases.models import AvailableModels
from api.auth.caller import Caller, Writer
from api.auth.named_users import checked_user, user_in_form
from api.dependencies import Accept, DailyLimit, HasSandbox, Intake, Models, PublicUrl
from api.problems import status_of
from api.schemas.jobs import CatalogueEntry
from api.schemas.model_responses import model_response, model_responses
from dashboard.forms.call_snippets import ApiCall, CallSnippet, snippets_of
from dashboard.forms.form_errors import summary_of
from dashboard.forms.metadata_lines import FIELD as METADATA
from dashboard.forms.new_job_form import (
    CALLBACK,
    COUNT,
    FAULTS,
    PRIORITY,
    TIMES,
    call_of,
    default_form,
    error_fields,
    field_errors,
    form_of,
    request_of,
)
from dashboard.forms.parameters.controls import Control
from dashboard.forms.parameters.schema_form import FormField, fields_of, in_words
from dashboard.forms.sent_form import KEY, SentForm, form_key
from dashboard.page import CHOSEN_USER, PageRequest, PageRoute, Visiting, go_to
from dashboard.pages.job_price import Price, Pricing
from dashboard.pages.templates import template_choices

MAX_FIELDS: Final = 500

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True)
class JobForm:
    """The form, for one visitor."""

    visit: PageRequest
    models: AvailableModels
    pricing: Pricing
    has_sandbox: bool
    url: str  #: of the API, as callers know it

    def entry(self, model_id: str) -> CatalogueEntry:
        """The model of this id; without an id, the first that is configured. Raises NotFound."""
        known = list(self.models)
        chosen = [one for one in known if one.model_id == model_id] if model_id else known
        if not chosen:
            raise NotFound("There is no such model.")
        configured = (one for one in chosen if self.models.adapter_of(one) is not None)
        return model_response(self.models, next(configured, chosen[0]))

    @property
    def priorities(self) -> Sequence[int]:
        """Those that the visitor may ask for."""
        first = FIRST_PRIORITY if self.visit.may(Scope.JOBS_PRIORITY) else DEFAULT_PRIORITY
        return range(first, LAST_PRIORITY + 1)

    async def page(
        self,
        entry: CatalogueEntry,
        *,
        key: str,
        user: str,
        sent: SentForm | None = None,
        refused: AijobsError | None = None,
        origin: JobRow | None = None,
    ) -> HTMLResponse:
        """`origin`: the job that the form is filled in from."""
        filled = sent or SentForm()
        fields = in_words(fields_of(entry.parameters, sent) if entry.parameters else (), self.visit.words)
        errors = field_errors(refused, {field.sent_as for field in fields if field.is_list})
        return await self.visit.page(
            "new.html",
            status=status_of(type(refused)) if refused else HTTPStatus.OK,
            current="new",
            entry=entry,
            models=model_responses(self.models),
            fields=fields,
            templates=await self._templates(fields),
            count=filled.text(COUNT, "1"),
            user=user,
            asks_for_user=self.visit.caller.kind is KeyKind.SERVICE,
            key=key,
            price=await self.price(entry, sent, user=user),
            snippets=self.snippets(entry, sent, user=user),
            refused=summary_of(refused, self.visit.words) if refused else None,
            field_errors=errors,
            error_fields=error_fields(errors, fields),
            has_sandbox=self.has_sandbox,
            faults=filled.text(FAULTS),
            times={name: filled.text(name) for name in TIMES},
            metadata=filled.text(METADATA),
            callback_url=filled.text(CALLBACK),
            priority=filled.text(PRIORITY, str(DEFAULT_PRIORITY)),
            priorities=self.priorities,
            origin=origin,
        )

    async def price(self, entry: CatalogueEntry, sent: SentForm | None, *, user: str) -> Price:
        """`sent`: None while the form has its defaults."""
        call = call_of(entry, sent or default_form(entry))
        return await self.pricing.price(entry.model_id, call["params"], count=call.get(COUNT, 1), user=user)

    def snippets(self, entry: CatalogueEntry, sent: SentForm | None, *, user: str) -> Sequence[CallSnippet]:
        named = user if self.visit.caller.kind is KeyKind.SERVICE else ""
        return snippets_of(ApiCall(self.url, call_of(entry, sent or default_form(entry)), named))

    async def _templates(self, fields: Sequence[FormField]) -> list[tuple[str, str]]:
        """Ids and names, for a model that needs one."""
        if all(field.control is not Control.TEMPLATE for field in fields):
            return []
        return await template_choices(self.visit)


async def _job_form(
    visit: Visiting, models: Models, daily_limit: DailyLimit, has_sandbox: HasSandbox, intake: Intake, url: PublicUrl
) -> JobForm:
    return JobForm(visit, models, Pricing(visit, models, intake, daily_limit), has_sandbox, url)


Form = Annotated[JobForm, Depends(_job_form)]


@router.get("/new")
async def show_form(
    form: Form,
    caller: Writer,
    model: str = "",
    user: str = "",
    origin: Annotated[str, Query(alias="from", max_length=100)] = "",
) -> HTMLResponse:
    """`from`: a job, whose values the form is filled with, to be edited and run again."""
    if user:
        checked_user(user, where=f"/query/{CHOSEN_USER}")
    if origin:
        return await _edit(form, caller, await form.visit.database.read(job_of, origin, user_id=caller.visible_user))
    return await form.page(form.entry(model), key=form_key(), user=user or caller.own_user or "")


async def _edit(form: JobForm, caller: Caller, job: JobRow) -> HTMLResponse:
    """With the model's defaults, where the values are no longer kept, or are those of an action on another job."""
    entry = form.entry(job.model_id)
    can_be_edited = bool(job.params) and job.origin is None
    count = min(job.output_count, entry.max_output_count)
    sent = form_of(entry, job, count=count) if can_be_edited else None
    user = "" if caller.own_user is None and not job.user_id else job.user_id
    return await form.page(entry, key=form_key(), user=user, sent=sent, origin=job)


@router.post("/new/price")
async def show_price(request: Request, form: Form, caller: Writer) -> HTMLResponse:  # noqa: ARG001
    """The part of the page that follows what is filled in. Nothing is kept."""
    sent, user_id = await _sent(request)
    entry = form.entry(sent.text("model_id"))
    return await form.visit.page("pieces/price.html", price=await form.price(entry, sent, user=user_id or ""))


@router.post("/new/code")
async def show_code(request: Request, form: Form, caller: Writer) -> HTMLResponse:  # noqa: ARG001
    """The call that the form stands for, with what is filled in now. Nothing is kept."""
    sent, user_id = await _sent(request)
    entry = form.entry(sent.text("model_id"))
    return await form.visit.page("pieces/code.html", snippets=form.snippets(entry, sent, user=user_id or ""))


@router.post("/new")
async def hand_in(request: Request, form: Form, caller: Writer, accept: Accept) -> Response:
    """Shows the new job. The form has an idempotency key: sent twice, it makes one job.

    Raises NotAllowed for a priority that the caller may not ask for.
    """
    sent, user_id = await _sent(request)
    entry = form.entry(sent.text("model_id"))
    key = sent.text(KEY)
    try:
        job_request = request_of(entry, sent, user_id)
        if job_request.priority < DEFAULT_PRIORITY:
            caller.needs(Scope.JOBS_PRIORITY)
        receipt = await accept(job_request, caller.owner(job_request.user_id), idempotency_key=key or None)
    except (BadInput, PointsExhausted, IdempotencyMismatch, IdempotencyInFlight) as refused:
        return await form.page(entry, key=form_key(key, refused), user=user_id or "", sent=sent, refused=refused)
    return go_to(f"/jobs/{receipt.code}")


async def _sent(request: Request) -> tuple[SentForm, str | None]:
    """The form, and the user that it names, not yet validated."""
    async with request.form(max_files=0, max_fields=MAX_FIELDS) as fields:
        return SentForm.of(fields), user_in_form(fields)
