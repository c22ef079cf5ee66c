"""What was said when a step of a job failed, and why a cancel was requested: the words of an error, by its code.

Temporal's history holds codes alone, since vendors quote prompts. The words are notes among the job's events.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Table, bindparam, select
from sqlmodel import Session

from aijobs.domain.jobs.events import EventKind
from aijobs.domain.jobs.job import CANCELED, JobError
from aijobs.domain.values.clean_text import clean
from aijobs.persistence.database import connection_of
from aijobs.persistence.tables import JobEventRow
from aijobs.persistence.tables.locked_jobs import AnyJob

_EVENTS: Final[Table] = JobEventRow.__table__  # type: ignore[attr-defined]
_NOTES: Final = (
    select(_EVENTS.c.detail)
    .where(_EVENTS.c.job_code == bindparam("code"), _EVENTS.c.kind == EventKind.NOTE)
    .order_by(_EVENTS.c.seq)
)


FIRST_EVENT: Final = 1  #: the number of a job's first event, which is never a note


def cancel_reason_of(session: Session, job: AnyJob) -> str | None:
    """The reason of a locked job's cancel request; None when there is none."""
    return None if job.event_seq <= FIRST_EVENT else _cancel_reason(_notes(session, job))


def failure_note(code: str, words: str) -> dict[str, Any]:
    """The detail of the note that keeps the words of a failure."""
    return {"failed": code, "why": clean(words)}


def in_words(session: Session, job: AnyJob, error: JobError) -> JobError:
    """An error that came from the workflow, with the words that the notes of its job have for its code.

    Without any, a message that is only a code becomes a sentence, and every other one stays.
    """
    words = _words_of(error.code, _notes(session, job))
    if words is None and error.message == error.code:
        words = f"{error.code.replace('_', ' ').capitalize()}."
    return error if words is None else error.model_copy(update={"message": words})


def _notes(session: Session, job: AnyJob) -> Sequence[Mapping[str, Any]]:
    return connection_of(session).execute(_NOTES, {"code": job.code}).scalars().all()


def _words_of(code: str, notes: Sequence[Mapping[str, Any]]) -> str | None:
    if code == CANCELED:
        return _cancel_reason(notes)
    return next((str(detail["why"]) for detail in reversed(notes) if detail.get("failed") == code), None)


def _cancel_reason(notes: Sequence[Mapping[str, Any]]) -> str | None:
    return next((str(detail["reason"]) for detail in notes if "cancel" in detail), None)
