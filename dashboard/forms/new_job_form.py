"""The form for a new job: what it asks of the API, and where each error belongs in it."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from aijobs.domain.errors import AijobsError, BadInput, FieldError
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.values.json_pointer import pointer
from aijobs.domain.values.sandbox_faults import METADATA_KEY
from api.auth.named_users import USER_FIELD
from api.schemas.jobs import CatalogueEntry
from dashboard.forms.form_errors import fields_shown
from dashboard.forms.parameters.schema_form import FormField, fields_of, filled_form, parameters_of
from dashboard.forms.sent_form import SentForm

MAX_DIGITS: Final = 6
COUNT: Final = "output_count"
FAULTS: Final = f"metadata.{METADATA_KEY}"  #: what the sandbox is asked to do wrong
TIMES: Final = ("start_at", "expires_at")  #: a browser sends them without a zone: they are UTC here


def call_of(entry: CatalogueEntry, sent: SentForm) -> dict[str, Any]:
    """The body of `POST /api/jobs` that the form stands for. What is not valid stays text, to be rejected later."""
    body: dict[str, Any] = {"model_id": entry.model_id, "params": parameters_of(entry.parameters or {}, sent)}
    if (count := count_of(sent)) != 1:
        body[COUNT] = count
    if faults := sent.text(FAULTS).strip():
        body["metadata"] = {METADATA_KEY: faults}
    body |= {name: f"{text}Z" for name in TIMES if (text := sent.text(name))}
    return body


def request_of(entry: CatalogueEntry, sent: SentForm, user_id: str | None) -> JobRequest:
    """Raises BadInput."""
    try:
        return JobRequest.model_validate({**call_of(entry, sent), USER_FIELD: user_id})
    except ValidationError as invalid:
        wrong = [FieldError(pointer(*error["loc"]), error["msg"]) for error in invalid.errors()]
        raise BadInput("Some fields are wrong.", *wrong) from None


def form_of(entry: CatalogueEntry, params: Mapping[str, Any], metadata: Mapping[str, str], *, count: int) -> SentForm:
    """The form that a job was made of, or could have been."""
    filled = filled_form(entry.parameters or {}, params)
    return SentForm({**filled.texts, COUNT: [str(count)], FAULTS: [metadata.get(METADATA_KEY, "")]})


def default_form(entry: CatalogueEntry) -> SentForm:
    """The form as it is first shown."""
    fields = fields_of(entry.parameters or {})
    return SentForm({field.sent_as: field.values for field in fields})


def count_of(sent: SentForm) -> int | str:
    """A text that is no whole number is returned as it is; validation rejects it later."""
    text = sent.text(COUNT, "1")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < MAX_DIGITS else text


def field_errors(refused: AijobsError | None, lists: Container[str]) -> dict[str, str]:
    """The error message of each field, by its name in the form; of a row of `lists`, by that and its number."""
    messages: dict[str, str] = {}
    for field in fields_shown(refused):
        parts = field.pointer.lstrip("/").split("/")
        name = ".".join(parts[:2]) if parts[0] in {"params", "metadata"} else parts[0]
        if name in lists and len(parts) > 2 and parts[2].isdecimal():
            name = f"{name}.{parts[2]}"
        messages[name] = f"{messages[name]} {field.message}" if name in messages else field.message
    return messages


@dataclass(frozen=True)
class ErrorField:
    """A line of the list of errors. `field`: its parameter. `anchor`: where it is shown too; None: only here."""

    message: str
    name: str
    field: FormField | None
    anchor: str | None


def error_fields(errors: Mapping[str, str], fields: Sequence[FormField]) -> list[ErrorField]:
    by_name = {field.sent_as: field for field in fields}
    of_the_form = {COUNT, USER_FIELD, FAULTS, *TIMES}
    lines = []
    for name, message in errors.items():
        field = by_name.get(name) or by_name.get(name.rpartition(".")[0])
        lines.append(ErrorField(message, name, field, name if field or name in of_the_form else None))
    return lines
