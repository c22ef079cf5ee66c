"""Erasing what belongs to jobs that have ended, wholly or in part. A bare row remains of each: figures count it."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, select
from sqlalchemy import delete as delete_rows
from sqlalchemy import update as update_rows
from sqlmodel import Session, SQLModel

from aijobs.domain.jobs.retention import LetGo
from aijobs.persistence.column_types import now
from aijobs.persistence.database import connection_of
from aijobs.persistence.photo_reviews import on_photos_gone
from aijobs.persistence.tables.locked_jobs import JOBS

_TABLES: Final = SQLModel.metadata.tables
BEAUTIFIED: Final = _TABLES["photo_beautify"]
EVENTS: Final = _TABLES["job_event"]
OUTPUTS: Final = _TABLES["output"]
ITEMS: Final = _TABLES["batch_item"]
MESSAGES: Final = _TABLES["conversation_message"]
CONVERSATIONS: Final = _TABLES["conversation"]
SUBMISSIONS: Final = _TABLES["submission"]

#: Besides what has a lifetime of its own, in an order in which nothing refers to what is gone.
_OF_JOB: Final = ("track", "job_start", "held_job", "slot", "webhook_delivery", "table_change")

#: What a bare row does not say any more.
_BARE: Final[dict[str, Any]] = {
    "type": None,
    "action": None,
    "params": {},
    "metadata": {},
    "callback_url": None,
    "waiting": None,
    "photo_review_analysis_code": None,
    "req_json": None,
    "resp_json": None,
    "out_id": None,
    "traceparent": None,
    "create_by": None,
    "update_by": None,
    "needs_review": False,
    "del": True,
    "deleted_at": None,
}


def output_keys(session: Session, codes: Sequence[str]) -> list[str]:
    """Where the store has, or may have, outputs of the jobs."""
    keys = connection_of(session).execute(select(OUTPUTS.c.key).where(OUTPUTS.c.job_code.in_(codes)))
    return list(keys.scalars())


def delivery_codes(session: Session, codes: Sequence[str]) -> list[str]:
    """Of the webhooks of the jobs, which are the ids of their workflows."""
    deliveries = _TABLES["webhook_delivery"]
    found = connection_of(session).execute(select(deliveries.c.code).where(deliveries.c.job_code.in_(codes)))
    return list(found.scalars())


def erase_parts(session: Session, codes: Sequence[str], parts: LetGo) -> None:
    """Erase these parts of the jobs, in the caller's transaction. A second call changes nothing."""
    if LetGo.EVENTS in parts:
        _erase_events(session, codes, with_details=LetGo.JOB in parts)
    if LetGo.EXCHANGES in parts:
        _erase_exchanges(session, codes)
    if LetGo.CONVERSATIONS in parts:
        _erase_conversations(session, codes)
    if LetGo.OUTPUTS in parts:
        _erase_outputs(session, codes)
    if LetGo.JOB in parts:
        _erase_rest(session, codes)
    marked = update_rows(JOBS).where(JOBS.c.code.in_(codes))
    connection_of(session).execute(marked.values(let_go=JOBS.c.let_go.op("|")(int(parts))))


def delete_of(session: Session, table: Table, *conditions: ColumnElement[bool]) -> int:
    return connection_of(session).execute(delete_rows(table).where(*conditions)).rowcount


def _erase_events(session: Session, codes: Sequence[str], *, with_details: bool) -> None:
    """The last event of each job stays: the log's positions are never used twice, and readers know theirs."""
    last = select(JOBS.c.event_seq).where(JOBS.c.code == EVENTS.c.job_code).scalar_subquery()
    delete_of(session, EVENTS, EVENTS.c.job_code.in_(codes), EVENTS.c.seq < last)
    if with_details:
        connection_of(session).execute(update_rows(EVENTS).where(EVENTS.c.job_code.in_(codes)).values(detail={}))


def _erase_exchanges(session: Session, codes: Sequence[str]) -> None:
    connection = connection_of(session)
    delete_of(session, _TABLES["vendor_report"], _TABLES["vendor_report"].c.job_code.in_(codes))
    of_jobs = update_rows(SUBMISSIONS).where(SUBMISSIONS.c.job_code.in_(codes))
    connection.execute(of_jobs.values(request={}, cause=None))
    connection.execute(update_rows(JOBS).where(JOBS.c.code.in_(codes)).values(req_json=None, resp_json=None))


def _erase_conversations(session: Session, codes: Sequence[str]) -> None:
    """Costs are kept with the job."""
    connection = connection_of(session)
    delete_of(session, _TABLES["conversation_document"], _TABLES["conversation_document"].c.job_code.in_(codes))
    connection.execute(update_rows(MESSAGES).where(MESSAGES.c.job_code.in_(codes)).values(content=None, file=None))
    open_ones = update_rows(CONVERSATIONS).where(
        CONVERSATIONS.c.job_code.in_(codes), CONVERSATIONS.c.cleared_at.is_(None)
    )
    connection.execute(open_ones.values(cleared_at=now()))


def _erase_outputs(session: Session, codes: Sequence[str]) -> None:
    of_jobs = BEAUTIFIED.c.job_code.in_(codes)
    reviews = connection_of(session).execute(select(BEAUTIFIED.c.photo_review_analysis_code).where(of_jobs).distinct())
    if gone := reviews.scalars().all():
        delete_of(session, BEAUTIFIED, of_jobs)
        on_photos_gone(session, gone)
    delete_of(session, OUTPUTS, OUTPUTS.c.job_code.in_(codes))
    delete_of(session, _TABLES["template_row"], _TABLES["template_row"].c.source.in_(codes))
    delete_of(session, _TABLES["table_change"], _TABLES["table_change"].c.job_code.in_(codes))
    connection_of(session).execute(update_rows(JOBS).where(JOBS.c.code.in_(codes)).values(needs_review=False))


def _erase_rest(session: Session, codes: Sequence[str]) -> None:
    connection = connection_of(session)
    for name in _OF_JOB:
        delete_of(session, _TABLES[name], _TABLES[name].c.job_code.in_(codes))
    for table in (MESSAGES, CONVERSATIONS, SUBMISSIONS):
        delete_of(session, table, table.c.job_code.in_(codes))
    connection.execute(update_rows(ITEMS).where(ITEMS.c.job_code.in_(codes)).values(params={}, metadata={}, error=None))
    _keep_error_codes(session, codes)
    connection.execute(update_rows(JOBS).where(JOBS.c.code.in_(codes)).values(_BARE))


def _keep_error_codes(session: Session, codes: Sequence[str]) -> None:
    """Figures count failures by their codes; the words are those of a vendor, or of a person."""
    connection = connection_of(session)
    failed = select(JOBS.c.code, JOBS.c.error).where(JOBS.c.code.in_(codes), JOBS.c.error.is_not(None))
    for code, error in connection.execute(failed).all():
        if error:
            bare = {"code": error["code"], "message": "", "stage": error["stage"]}
            connection.execute(update_rows(JOBS).where(JOBS.c.code == code).values(error=bare))
