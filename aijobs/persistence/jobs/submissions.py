"""Submissions in the database: the intent before the send, the outcome after it."""

import hashlib
import json
from dataclasses import asdict
from datetime import datetime

from sqlmodel import Session, col, select

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import DeadlinePassed, SubmissionExists
from aijobs.domain.jobs.job import JobState, RerunFrom
from aijobs.domain.jobs.submissions import (
    Accepted,
    Outcome,
    ProviderRequest,
    Rejected,
    Submission,
    SubmitOutcome,
    Unknown,
)
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.clean_text import clean
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.jobs import gate
from aijobs.persistence.jobs.queries import state_of
from aijobs.persistence.tables import JobRow, SubmissionRow


def last_submission(session: Session, job_code: str) -> SubmissionRow | None:
    """The job's last submission; for a rerun from migration, that of the job which it repeats."""
    found = session.exec(
        select(SubmissionRow)
        .where(col(SubmissionRow.job_code) == job_code)
        .order_by(col(SubmissionRow.number).desc())
        .limit(1)
    )
    own = found.one_or_none()
    if own is not None:
        return own
    before = session.exec(
        select(JobRow.rerun_of).where(col(JobRow.code) == job_code, col(JobRow.rerun_from) == RerunFrom.MIGRATION)
    )
    source = before.one_or_none()
    return last_submission(session, source) if source else None


def intend(session: Session, job: JobRow, *, provider: str, token: str, request: ProviderRequest) -> SubmissionRow:
    """Store the intent to submit a locked job, before the request is sent.

    Raises JobIsFinal and CancelRequested, and SubmissionExists unless the ones before it were rejected.
    """
    gate.require_not_canceled(session, job)
    last = last_submission(session, job.code)
    if last is not None and last.outcome != Outcome.REJECTED:
        raise SubmissionExists(f"Submission {last.number} of {job.code} may have arrived.")
    sent = asdict(request)
    row = SubmissionRow(
        job_code=job.code,
        number=last.number + 1 if last else 1,
        provider=provider,
        token=token,
        request=sent,
        request_sha256=hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest(),
    )
    job.req_json = sent
    session.add(row)
    session.flush()
    return row


def conclude(session: Session, job: JobRow, row: SubmissionRow, outcome: SubmitOutcome) -> None:
    """Record the outcome. ACCEPTED never changes; UNKNOWN may still become ACCEPTED or REJECTED."""
    if row.outcome == Outcome.ACCEPTED:
        return
    if row.outcome == Outcome.UNKNOWN:
        gate.note(session, job, {"submission": row.number, "resolved": type(outcome).__name__.lower()})
    row.outcome_at = now()
    match outcome:
        case Accepted(ref):
            row.outcome, row.ref, row.ref_id = Outcome.ACCEPTED, ref, str(ref["id"])
            job.out_id = row.ref_id
        case Rejected(code=code, message=message):
            row.outcome, row.cause = Outcome.REJECTED, clean(f"{code}: {message}")
        case Unknown(cause):
            row.outcome, row.cause = Outcome.UNKNOWN, clean(cause)


def known_ids(session: Session, provider: str, since: datetime) -> frozenset[str]:
    found = session.exec(
        select(SubmissionRow.ref_id).where(
            col(SubmissionRow.provider) == provider,
            col(SubmissionRow.ref_id).is_not(None),
            col(SubmissionRow.intent_at) >= since,
        )
    )
    return frozenset(ref_id for ref_id in found if ref_id is not None)


def as_submission(row: SubmissionRow) -> Submission:
    assert row.id is not None
    return Submission(
        id=row.id,
        job_code=row.job_code,
        number=row.number,
        token=row.token,
        request=ProviderRequest(**row.request),
        intent_at=row.intent_at,
        outcome=Outcome(row.outcome) if row.outcome else None,
        ref=row.ref,
    )


class DatabaseSubmissionLog:
    """Implements SubmissionLog."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue

    async def last_submission(self, code: str) -> Submission | None:
        def work(session: Session) -> Submission | None:
            row = last_submission(session, code)
            return as_submission(row) if row else None

        return await self._database.read(work)

    async def intend(self, code: str, *, provider: str, token: str, request: ProviderRequest) -> Submission:
        def work(session: Session) -> Submission:
            job = gate.locked_job(session, code)
            if now() > job.create_time + self._catalogue.model(job.model_id).deadlines.business:
                raise DeadlinePassed(f"{code} is not sent any more: its business deadline has passed.")
            row = intend(session, job, provider=provider, token=token, request=request)
            return as_submission(row)

        return await self._database.write(work)

    async def conclude(self, submission: Submission, outcome: SubmitOutcome) -> JobState:
        def work(session: Session) -> JobState:
            job = gate.locked_job(session, submission.job_code)
            row = session.get_one(SubmissionRow, submission.id)
            conclude(session, job, row, outcome)
            if not isinstance(outcome, Rejected) and not job.job_status.is_final:
                detail = {"submission": row.number, "outcome": row.outcome}
                gate.advance(session, job, JobStatus.SUBMITTED, detail=detail)
            return state_of(job)

        return await self._database.write(work)

    async def known_ids(self, provider: str, *, since: datetime) -> frozenset[str]:
        return await self._database.read(known_ids, provider, since)
