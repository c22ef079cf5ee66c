"""Handing in a job by a form that is made from the model's own parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
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
from aijobs.persistence.access.keys import KeyKind
from aijobs.usecases.accept_job import take_in
from api.auth.caller import Writer
from api.problems import status_of
from api.routes.catalogue import list_models
from api.routes.points import points_today
from api.schemas import jobs as shapes
from dashboard.page import PageRequest, PageRoute, Visiting, go_to
from dashboard.schema_form import fields_of, parameters_of

MAX_FIELDS: Final = 200
MAX_DIGITS: Final = 6
USER: Final = "user_id"
COUNT: Final = "output_count"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True)
class Price:
    """What a job would cost its user, whose points of today are known when he is."""

    due: int
    points: shapes.Points | None

    @property
    def is_too_much(self) -> bool:
        return self.points is not None and self.due > self.points.remaining


@router.get("/new")
async def show_form(visit: Visiting, caller: Writer, model: str = "", user: str = "") -> HTMLResponse:
    entry = await _wanted(visit, model)
    return await _form(visit, entry, key=new_id("form"), user=user or caller.own_user or "")


@router.get("/new/price")
async def show_price(
    visit: Visiting,
    model_id: str,
    output_count: Annotated[str, Query()] = "1",
    user_id: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    entry = await _wanted(visit, model_id)
    price = await _price(visit, entry, count=_whole(output_count), user=user_id)
    return await visit.page("pieces/price.html", price=price)


@router.post("/new")
async def hand_in(request: Request, visit: Visiting, caller: Writer) -> Response:
    """Shows the new job. Sent twice, or reloaded, the form makes one job: it carries its idempotency key."""
    async with request.form(max_files=0, max_fields=MAX_FIELDS) as form:
        sent = {name: value for name, value in form.items() if isinstance(value, str)}
    entry = await _wanted(visit, sent.get("model_id", ""))
    try:
        answer = await take_in(visit.parts, caller, _request(entry, sent), sent.get("idempotency_key") or None)
    except (BadInput, PointsExhausted, IdempotencyMismatch, IdempotencyInFlight) as refused:
        key = new_id("form") if isinstance(refused, IdempotencyMismatch) else sent.get("idempotency_key", "")
        return await _form(visit, entry, key=key, user=sent.get(USER, ""), sent=sent, refused=refused)
    return go_to(answer.location.removeprefix("/api"))


def _request(entry: shapes.CatalogueEntry, sent: Mapping[str, str]) -> JobRequest:
    """Raises BadInput."""
    wanted: dict[str, Any] = {
        "model_id": entry.model_id,
        "params": parameters_of(entry.parameters or {}, sent),
        COUNT: _whole(sent.get(COUNT, "1")),
        USER: sent.get(USER, "").strip() or None,
    }
    try:
        return JobRequest.model_validate(wanted)
    except ValidationError as invalid:
        raise BadInput("Some fields are wrong.", *_fields(invalid)) from None


async def _wanted(visit: PageRequest, model_id: str) -> shapes.CatalogueEntry:
    """The model of this id; where none is named, the first that can be used. Raises NotFound."""
    entries = await _models(visit)
    for entry in entries:
        if entry.model_id == model_id or (not model_id and entry.configured):
            return entry
    if model_id or not entries:
        raise NotFound("There is no such model.")
    return entries[0]


async def _models(visit: PageRequest) -> list[shapes.CatalogueEntry]:
    return (await list_models(visit.caller, visit.parts)).data


async def _form(
    visit: PageRequest,
    entry: shapes.CatalogueEntry,
    *,
    key: str,
    user: str,
    sent: Mapping[str, str] | None = None,
    refused: AijobsError | None = None,
) -> HTMLResponse:
    count = (sent or {}).get(COUNT, "1")
    fields = fields_of(entry.parameters, sent) if entry.parameters else []
    return await visit.page(
        "new.html",
        status=status_of(type(refused)) if refused else HTTPStatus.OK,
        here="new",
        entry=entry,
        models=await _models(visit),
        fields=fields,
        count=count,
        user=user,
        asks_for_user=visit.caller.kind is KeyKind.SERVICE,
        key=key,
        price=await _price(visit, entry, count=_whole(count), user=user),
        refused=str(refused) if refused else None,
        wrong=_by_field(refused),
        shown_at={COUNT, USER, *(field.sent_as for field in fields)},
    )


async def _price(visit: PageRequest, entry: shapes.CatalogueEntry, *, count: int | str, user: str) -> Price:
    due = entry.unit_point * count if isinstance(count, int) else 0
    caller = visit.caller
    try:
        named = caller.acting_user(user.strip() or None)
    except (InvalidParameters, NotAllowed):
        return Price(due, None)
    whose = replace(caller, named=named) if caller.kind is KeyKind.SERVICE else caller
    return Price(due, await points_today(whose, visit.parts))


def _by_field(refused: AijobsError | None) -> dict[str, str]:
    """What is wrong with each field, by the field's name in the form."""
    wrong: dict[str, str] = {}
    for field in refused.fields if isinstance(refused, BadInput) else ():
        parts = field.pointer.lstrip("/").split("/")
        name = ".".join(parts[:2]) if parts[0] == "params" else parts[0]
        wrong[name] = f"{wrong[name]} {field.message}" if name in wrong else field.message
    return wrong


def _fields(invalid: ValidationError) -> list[FieldError]:
    return [FieldError(pointer(*error["loc"]), error["msg"]) for error in invalid.errors()]


def _whole(written: str) -> int | str:
    """What is no whole number stays as it is, and is refused with the rest."""
    return int(written) if written.isascii() and written.isdecimal() and len(written) < MAX_DIGITS else written
