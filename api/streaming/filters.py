"""Filters for events, as sent in a URL's query or in a WebSocket's first message."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.domain.jobs.events import EventKind
from aijobs.domain.lifecycle import STATUS_AS_WRITTEN, JobStatus
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.event_log import EventFilter
from aijobs.persistence.jobs.queries import job_of

MAX_CODES: Final = 100
MAX_POSITION: Final = 2**63 - 1

Word = Annotated[str, Field(max_length=100)]


class LogQuery(BaseModel):
    """Filters; what is not named filters nothing. Each may be given several times."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    code: list[Word] = Field(default=[], max_length=MAX_CODES, description="Of jobs.")
    model_id: list[Word] = Field(default=[], max_length=20)
    job_status: list[Word] = Field(default=[], max_length=20, description="Statuses entered: names or numbers.")
    kind: list[EventKind] = Field(default=[], max_length=20)


def number(text: str | None, *, at_most: int) -> int | None:
    """The number, or None when the text is not one of ASCII digits only, or is above `at_most`."""
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > len(str(at_most)):
        return None
    return int(text) if int(text) <= at_most else None


async def event_filter(user_id: str | None, query: LogQuery, database: Database) -> EventFilter:
    """A filter for this user's events; None means the events of all users.

    Raises NotFound for another user's job, InvalidParameters for an unknown status.
    """
    if query.code:

        def work(session: Session) -> None:
            for code in query.code:
                job_of(session, code, user_id=user_id)

        await database.read(work)
    return EventFilter(
        user_id=user_id,
        codes=frozenset(query.code),
        model_ids=frozenset(query.model_id),
        statuses=frozenset(map(_parse_status, query.job_status)),
        kinds=frozenset(query.kind),
    )


def _parse_status(text: str) -> JobStatus:
    if text in STATUS_AS_WRITTEN:
        return STATUS_AS_WRITTEN[text]
    error = FieldError("/query/job_status", f"Must be one of {', '.join(JobStatus.__members__)}, or its number.")
    raise InvalidParameters("There is no such status.", error)
