"""The log of a job as text: its events, what was sent for it and what came back, and what its webhooks were told.

A line is a time in UTC, a word for its kind, and names with their values; secrets are removed, as on the page.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from sqlmodel import Session

from aijobs.domain.jobs.events import JobEvent, rfc3339
from aijobs.domain.values.redaction import without_secrets
from aijobs.persistence.jobs.event_log import events_after
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.jobs.statistics import submissions_of
from aijobs.persistence.tables import SubmissionRow, WebhookDeliveryRow
from aijobs.persistence.webhooks.log import DeliveryFilter, deliveries_page
from api.requests.paths import JobCode
from dashboard.page import PageRoute, Visiting

SHOWN: Final = 300
"""The last events that the page shows."""

MOST: Final = 20_000
"""The last events that the file has."""

MOST_DELIVERIES: Final = 100
MAX_VALUE: Final = 500  #: characters

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True)
class LogLine:
    """`kind` is one of ours: status, progress, note, sent, answer, webhook."""

    at: datetime
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{rfc3339(self.at)}  {self.kind:<8}  {self.text}".rstrip()


def log_of(session: Session, code: str, *, user_id: str | None, last: int = SHOWN) -> list[LogLine]:
    """The lines of a job's last events, in order, and all others. Raises NotFound when it is another user's."""
    job = job_of(session, code, user_id=user_id)
    events = events_after(session, code, max(job.event_seq - last, 0), at_most=last)
    sent_to = DeliveryFilter(user_id=user_id, job_code=code)
    deliveries, _ = deliveries_page(session, sent_to, limit=MOST_DELIVERIES)
    return sorted(
        [*_of_events(events), *_of_submissions(submissions_of(session, code)), *_of_deliveries(deliveries)],
        key=lambda line: line.at,
    )


@router.get("/jobs/{code}/log.txt")
async def open_log(code: JobCode, visit: Visiting) -> PlainTextResponse:
    lines = await visit.database.snapshot(log_of, code, user_id=visit.caller.visible_user, last=MOST)
    text = "".join(f"{line}\n" for line in lines)
    return PlainTextResponse(text, headers={"Content-Disposition": f'inline; filename="{code}.log"'})


def _of_events(events: Sequence[JobEvent]) -> Iterator[LogLine]:
    for event in events:
        unit = {} if event.unit_progress is None else {"unit": round(event.unit_progress, 1)}
        yield LogLine(event.at, event.kind, _text(event.job_status_name, {**unit, **_shortened(event.detail)}))


def _shortened(detail: Mapping[str, Any]) -> dict[str, Any]:
    """Without sentences for people: what is waited for has a code."""
    waiting = detail.get("waiting")
    if not isinstance(waiting, Mapping):
        return dict(detail)
    known = {name: value for name, value in waiting.items() if value is not None and name != "message"}
    return {**detail, "waiting": known}


def _of_submissions(submissions: Sequence[SubmissionRow]) -> Iterator[LogLine]:
    for one in submissions:
        number = {"submission": one.number}
        sent = {"provider": one.provider, "credential": one.credential, "fallback": one.fallback}
        where = {"method": one.request.get("method"), "url": one.request.get("url")}
        yield LogLine(one.intent_at, "sent", _text("", {**number, **sent, **where}))
        if one.outcome_at is not None:
            answer = {"outcome": one.outcome, "ref": one.ref_id, "cause": one.cause}
            yield LogLine(one.outcome_at, "answer", _text("", {**number, **answer}))


def _of_deliveries(deliveries: Sequence[WebhookDeliveryRow]) -> Iterator[LogLine]:
    for one in deliveries:
        for number, attempt in enumerate(one.tries, 1):
            told = {"to": one.url, "try": number, "http": attempt.get("status"), "error": attempt.get("error")}
            yield LogLine(datetime.fromisoformat(attempt["at"]), "webhook", _text(one.topic, told))


def _text(word: str, values: Mapping[str, Any]) -> str:
    shown = without_secrets(dict(values))
    pairs = [f"{name}={_value(value)}" for name, value in shown.items() if value is not None]
    return " ".join([*([word] if word else []), *pairs])


def _value(value: Any) -> str:
    """In one line of printable characters."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"
    is_plain = (text.isprintable() and not any(mark in text for mark in ' "=')) or not isinstance(value, str)
    return text if is_plain else json.dumps(text, ensure_ascii=not text.isprintable())
