"""Submitting a job with a form that is built from the model's parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from aijobs.domain.errors import (
    AijobsError,
    BadInput,
    FieldError,
    IdempotencyInFlight,
    IdempotencyMismatch,
    InvalidParameters,
    NotAllowed,
    NotFound,
    PointsExhausted,
)
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.values.ids import new_id
from aijobs.domain.values.json_pointer import pointer
from aijobs.domain.values.sandbox_faults import METADATA_KEY
from aijobs.persistence.access.keys import KeyKind
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.tables import JobRow
from aijobs.usecases.models import AvailableModels
from api.auth.caller import Writer
from api.auth.named_users import USER_FIELD, checked_user, user_in_form
from api.dependencies import Accept, DailyLimit, HasSandbox, Models
from api.problems import status_of
from api.schemas.jobs import CatalogueEntry, Points
from api.schemas.model_responses import model_responses
from api.schemas.points_responses import points_of_today
from dashboard.forms.form_errors import fields_shown, summary_of
from dashboard.forms.schema_form import fields_of, parameters_of, sent_again
from dashboard.page import CHOSEN_USER, PageRequest, PageRoute, Visiting, go_to

MAX_FIELDS: Final = 200
MAX_DIGITS: Final = 6
COUNT: Final = "output_count"
FAULTS: Final = f"metadata.{METADATA_KEY}"  #: what the sandbox is asked to do wrong
TIMES: Final = ("start_at", "expires_at")  #: a browser sends them without a zone: they are UTC here

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True)
class Price:
    """What a job would cost. `points`: the user's points of today; None while the user is unknown."""

    due: int
    points: Points | None

    @property
    def is_too_much(self) -> bool:
        return self.points is not None and self.due > self.points.remaining


@dataclass(frozen=True)
class JobForm:
    """The form, for one visitor."""

    visit: PageRequest
    models: AvailableModels
    daily_limit: int
    has_sandbox: bool

    def entry(self, model_id: str) -> CatalogueEntry:
        """The model of this id; without an id, the first that is configured. Raises NotFound."""
        entries = model_responses(self.models)
        for entry in entries:
            if entry.model_id == model_id or (not model_id and entry.configured):
                return entry
        if model_id or not entries:
            raise NotFound("There is no such model.")
        return entries[0]

    async def page(
        self,
        entry: CatalogueEntry,
        *,
        key: str,
        user: str,
        sent: Mapping[str, str] | None = None,
        refused: AijobsError | None = None,
    ) -> HTMLResponse:
        count = (sent or {}).get(COUNT, "1")
        fields = fields_of(entry.parameters, sent) if entry.parameters else []
        return await self.visit.page(
            "new.html",
            status=status_of(type(refused)) if refused else HTTPStatus.OK,
            current="new",
            entry=entry,
            models=model_responses(self.models),
            fields=fields,
            count=count,
            user=user,
            asks_for_user=self.visit.caller.kind is KeyKind.SERVICE,
            key=key,
            price=await self.price(entry, count=_parse_count(count), user=user),
            refused=summary_of(refused, self.visit.words) if refused else None,
            field_errors=_field_errors(refused),
            has_sandbox=self.has_sandbox,
            faults=(sent or {}).get(FAULTS, ""),
            times={name: (sent or {}).get(name, "") for name in TIMES},
            shown_at={COUNT, USER_FIELD, FAULTS, *TIMES, *(field.sent_as for field in fields)},
        )

    async def price(self, entry: CatalogueEntry, *, count: int | str, user: str) -> Price:
        due = self.models.model(entry.model_id).price(count) if isinstance(count, int) else 0
        try:
            user_id = self.visit.caller.acting_user(user or None)
        except (InvalidParameters, NotAllowed):
            return Price(due, None)
        return Price(due, await self.visit.database.read(points_of_today, user_id, daily_limit=self.daily_limit))


async def _job_form(visit: Visiting, models: Models, daily_limit: DailyLimit, has_sandbox: HasSandbox) -> JobForm:
    return JobForm(visit, models, daily_limit, has_sandbox)


Form = Annotated[JobForm, Depends(_job_form)]


@router.get("/new")
async def show_form(
    form: Form,
    caller: Writer,
    model: str = "",
    user: str = "",
    origin: Annotated[str, Query(alias="from", max_length=40)] = "",
) -> HTMLResponse:
    """`from`: the code of a job whose request the form is filled with. Raises NotFound."""
    if user:
        checked_user(user, where=f"/query/{CHOSEN_USER}")
    if origin:
        job = await form.visit.database.read(job_of, origin, user_id=caller.visible_user)
        entry = form.entry(job.model_id)
        return await form.page(entry, key=new_id("form"), user=job.user_id, sent=_sent_for(entry, job))
    return await form.page(form.entry(model), key=new_id("form"), user=user or caller.own_user or "")


@router.get("/new/price")
async def show_price(
    form: Form,
    model_id: str,
    output_count: Annotated[str, Query()] = "1",
    user_id: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    price = await form.price(form.entry(model_id), count=_parse_count(output_count), user=user_id)
    return await form.visit.page("pieces/price.html", price=price)


@router.post("/new")
async def hand_in(request: Request, form: Form, caller: Writer, accept: Accept) -> Response:
    """Shows the new job. The form has an idempotency key: sent twice, it makes one job."""
    async with request.form(max_files=0, max_fields=MAX_FIELDS) as fields:
        sent = {name: value for name, value in fields.items() if isinstance(value, str)}
        user_id = user_in_form(fields)
    entry = form.entry(sent.get("model_id", ""))
    try:
        job_request = _request(entry, sent, user_id)
        owner = caller.owner(job_request.user_id)
        receipt = await accept(job_request, owner, idempotency_key=sent.get("idempotency_key") or None)
    except (BadInput, PointsExhausted, IdempotencyMismatch, IdempotencyInFlight) as refused:
        key = new_id("form") if isinstance(refused, IdempotencyMismatch) else sent.get("idempotency_key", "")
        return await form.page(entry, key=key, user=user_id or "", sent=sent, refused=refused)
    return go_to(f"/jobs/{receipt.code}")


def _sent_for(entry: CatalogueEntry, job: JobRow) -> dict[str, str]:
    """The form as it would have been sent for a job. Its times are over, and are left out."""
    faults = job.extra.get(METADATA_KEY, "")
    return sent_again(entry.parameters or {}, job.params) | {COUNT: str(job.output_count), FAULTS: faults}


def _request(entry: CatalogueEntry, sent: Mapping[str, str], user_id: str | None) -> JobRequest:
    """Raises BadInput."""
    body: dict[str, Any] = {
        "model_id": entry.model_id,
        "params": parameters_of(entry.parameters or {}, sent),
        COUNT: _parse_count(sent.get(COUNT, "1")),
        USER_FIELD: user_id,
        **{name: f"{sent[name]}Z" for name in TIMES if sent.get(name)},
        "metadata": {METADATA_KEY: faults} if (faults := sent.get(FAULTS, "").strip()) else {},
    }
    try:
        return JobRequest.model_validate(body)
    except ValidationError as invalid:
        raise BadInput("Some fields are wrong.", *_fields(invalid)) from None


def _field_errors(refused: AijobsError | None) -> dict[str, str]:
    """The error message of each field, by its name in the form."""
    messages: dict[str, str] = {}
    for field in fields_shown(refused):
        parts = field.pointer.lstrip("/").split("/")
        name = ".".join(parts[:2]) if parts[0] in {"params", "metadata"} else parts[0]
        messages[name] = f"{messages[name]} {field.message}" if name in messages else field.message
    return messages


def _fields(invalid: ValidationError) -> list[FieldError]:
    return [FieldError(pointer(*error["loc"]), error["msg"]) for error in invalid.errors()]


def _parse_count(text: str) -> int | str:
    """A text that is no whole number is returned as it is; validation rejects it later."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < MAX_DIGITS else text
