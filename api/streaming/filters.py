"""What of the log somebody wants to hear, as it is written in an address or in a WebSocket's first message."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.domain.jobs.events import EventKind
from aijobs.domain.lifecycle import JobStatus
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


def number(written: str | None, *, at_most: int) -> int | None:
    """A number that was written decently, and can be one; else nothing."""
    if written is None or not (written.isascii() and written.isdecimal()) or len(written) > len(str(at_most)):
        return None
    return int(written) if int(written) <= at_most else None


async def event_filter(user_id: str | None, query: LogQuery, database: Database) -> EventFilter:
    """Of this user's events; without one, of everybody's.

    Raises NotFound for a job of somebody else, InvalidParameters for a status that there is none.
    """
    if query.code:
        async with database.read() as session:
            for code in query.code:
                await job_of(session, code, user_id=user_id)
    return EventFilter(
        user_id=user_id,
        codes=frozenset(query.code),
        model_ids=frozenset(query.model_id),
        statuses=frozenset(map(_status, query.job_status)),
        kinds=frozenset(query.kind),
    )


def _status(written: str) -> JobStatus:
    if written in JobStatus.__members__:
        return JobStatus[written]
    if (found := number(written, at_most=max(JobStatus))) is not None:
        return JobStatus(found)
    wrong = FieldError("/query/job_status", f"Must be one of {', '.join(JobStatus.__members__)}, or its number.")
    raise InvalidParameters("There is no such status.", wrong)
