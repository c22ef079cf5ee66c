"""The form for a new job: what it asks of the API, and where each error belongs in it."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from aijobs.domain.errors import AijobsError, BadInput, FieldError
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.jobs.slots.fair_queue import DEFAULT_PRIORITY
from aijobs.domain.values.json_pointer import pointer
from aijobs.domain.values.redaction import without_secrets
from aijobs.domain.values.sandbox_faults import METADATA_KEY
from aijobs.persistence.tables import JobRow
from api.auth.named_users import USER_FIELD
from api.schemas.jobs import CatalogueEntry
from dashboard.forms.form_errors import fields_shown
from dashboard.forms.metadata_lines import FIELD as METADATA
from dashboard.forms.metadata_lines import MetadataLine, line_errors, metadata_lines, metadata_text
from dashboard.forms.parameters.schema_form import OTHER_FIELDS, FormField, fields_of, filled_form, parameters_of
from dashboard.forms.sent_form import SentForm, whole_number

COUNT: Final = "output_count"
PRIORITY: Final = "priority"
CALLBACK: Final = "callback_url"
FAULTS: Final = f"{METADATA}.{METADATA_KEY}"  #: what the sandbox is asked to do wrong
TIMES: Final = ("start_at", "expires_at")  #: a browser sends them without a zone: they are UTC here


def call_of(entry: CatalogueEntry, sent: SentForm) -> dict[str, Any]:
    """The body of `POST /api/jobs` that the form stands for. What is not valid stays text, to be rejected later."""
    body: dict[str, Any] = {"model_id": entry.model_id, "params": parameters_of(entry.parameters or {}, sent)}
    if (count := _number(sent, COUNT, 1)) != 1:
        body[COUNT] = count
    if metadata := _metadata(sent):
        body[METADATA] = metadata
    if callback_url := sent.text(CALLBACK).strip():
        body[CALLBACK] = callback_url
    if (priority := _number(sent, PRIORITY, DEFAULT_PRIORITY)) != DEFAULT_PRIORITY:
        body[PRIORITY] = priority
    body |= {name: f"{text}Z" for name in TIMES if (text := sent.text(name))}
    return body


def request_of(entry: CatalogueEntry, sent: SentForm, user_id: str | None) -> JobRequest:
    """Raises BadInput."""
    call, lines = call_of(entry, sent), metadata_lines(sent.text(METADATA))
    wrong = list(line_errors(lines))
    if isinstance(call["params"].get(OTHER_FIELDS), str):
        wrong.append(FieldError(pointer("params", OTHER_FIELDS), "Must be a JSON object."))
    try:
        request = JobRequest.model_validate({**call, USER_FIELD: user_id})
    except ValidationError as invalid:
        wrong += [_field_error(error["loc"], error["msg"], lines) for error in invalid.errors()]
    if wrong:
        raise BadInput("Some fields are wrong.", *wrong)
    return request


def form_of(entry: CatalogueEntry, job: JobRow, *, count: int) -> SentForm:
    """The form that a job was made of, or could have been, for another one. What has secrets is left out."""
    filled = filled_form(entry.parameters or {}, job.params)
    metadata = _without_secret_ones(job.extra)
    callback_url = _without_secret_ones({CALLBACK: job.callback_url or ""})
    texts = {
        COUNT: str(count),
        PRIORITY: str(job.priority),
        FAULTS: metadata.pop(METADATA_KEY, ""),
        METADATA: metadata_text(metadata),
        **callback_url,
    }
    return SentForm({**filled.texts, **{name: [text] for name, text in texts.items()}})


def default_form(entry: CatalogueEntry) -> SentForm:
    """The form as it is first shown."""
    fields = fields_of(entry.parameters or {})
    return SentForm({field.sent_as: field.values for field in fields})


def field_errors(refused: AijobsError | None, lists: Container[str]) -> dict[str, str]:
    """The error message of each field, by its name in the form; of a row of `lists`, by that and its number."""
    messages: dict[str, str] = {}
    for field in fields_shown(refused):
        parts = field.pointer.lstrip("/").split("/")
        name = ".".join(parts[:2]) if parts[0] in {"params", METADATA} else parts[0]
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
    of_the_form = {COUNT, USER_FIELD, METADATA, PRIORITY, CALLBACK, FAULTS, *TIMES}
    lines = []
    for name, message in errors.items():
        field = by_name.get(name) or by_name.get(name.rpartition(".")[0])
        lines.append(ErrorField(message, name, field, name if field or name in of_the_form else None))
    return lines


def _metadata(sent: SentForm) -> dict[str, str]:
    """What the lines say, and the sandbox is told."""
    said = {line.key: line.value for line in metadata_lines(sent.text(METADATA)) if line.key}
    faults = sent.text(FAULTS).strip()
    return {**said, METADATA_KEY: faults} if faults else said


def _number(sent: SentForm, name: str, default: int) -> int | str:
    """A text that is no whole number is returned as it is; validation rejects it later."""
    text = sent.text(name, str(default))
    number = whole_number(text)
    return text if number is None else number


def _field_error(location: Sequence[int | str], message: str, lines: Sequence[MetadataLine]) -> FieldError:
    """At its line, where it is about one of the metadata."""
    if location[0] == METADATA and len(location) > 1:
        for line in lines:
            if line.key == location[1]:
                return line.error(message)
    return FieldError(pointer(*location), message)


def _without_secret_ones(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if without_secrets({name: value})[name] == value}
