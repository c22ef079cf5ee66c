"""Submissions in the database: the intent before the send, the outcome after it."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final, Unpack

from sqlalchemy import RowMapping, Update, bindparam, insert, select, update
from sqlmodel import Session

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import (
    CancelRequested,
    DeadlinePassed,
    JobExpired,
    JobIsFinal,
    SlotAwaited,
    SubmissionExists,
    UnknownJob,
)
from aijobs.domain.jobs.circuits import Trial
from aijobs.domain.jobs.job import JobState, RerunFrom
from aijobs.domain.jobs.submissions import (
    CAME_TO_NOTHING,
    Accepted,
    Outcome,
    ProviderRequest,
    Ref,
    Rejected,
    Sending,
    Submission,
    SubmitOutcome,
    Unknown,
)
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import SubmitInput
from aijobs.domain.values.clean_text import clean
from aijobs.persistence.access.installation import COPIED_AT
from aijobs.persistence.added_models import model_of
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database, connection_of
from aijobs.persistence.jobs import gate
from aijobs.persistence.jobs.endings import require_in_time
from aijobs.persistence.jobs.other_submissions import (
    SUBMISSIONS,
    digest,
    forgotten_since,
    known_ids,
    may_be_anothers,
    voided_before,
)
from aijobs.persistence.jobs.queries import INPUT_COLUMNS, STATE_COLUMNS, input_in, state_in, state_of, uploaded_files
from aijobs.persistence.jobs.waiting import hold, wait_after, wait_in_line
from aijobs.persistence.pauses import ANY_PAUSE, HELD_BY
from aijobs.persistence.slots.admission import IS_HELD_UP, OWN_LINE, admit, reject
from aijobs.persistence.slots.outlook import SlotRules
from aijobs.persistence.tables import SubmissionRow
from aijobs.persistence.tables.locked_jobs import JOBS, AnyJob, lock
from aijobs.persistence.vendor_credentials import note_outcome

_SENT: Final = ("id", "job_code", "number", "token", "request", "intent_at")
_COLUMNS: Final = (*_SENT, "outcome", "ref", "credential", "fallback", "cause")
_SELECT: Final = select(*(SUBMISSIONS.c[name] for name in _COLUMNS))
_BY_ID: Final = _SELECT.where(SUBMISSIONS.c.id == bindparam("of_id"))

#: A job's last submission, whose columns are null where there is none, and the job that it may repeat.
_LAST: Final = (
    _SELECT.add_columns(JOBS.c.rerun_of, JOBS.c.rerun_from)
    .select_from(JOBS.outerjoin(SUBMISSIONS, SUBMISSIONS.c.job_code == JOBS.c.code))
    .where(JOBS.c.code == bindparam("of_job"))
    .order_by(SUBMISSIONS.c.number.desc())
    .limit(1)
)
_LAST_AND_LINE: Final = _LAST.add_columns(IS_HELD_UP.label("is_held_up"), HELD_BY.label("held_by"))
_LAST_AND_JOB: Final = _LAST.add_columns(
    *dict.fromkeys((*STATE_COLUMNS, *INPUT_COLUMNS, JOBS.c.create_time)),
    OWN_LINE.label("line"),
    ANY_PAUSE.label("any_pause"),
    COPIED_AT.label("copied_at"),
)
_INSERT: Final = insert(SUBMISSIONS)
_UPDATE: Final = update(SUBMISSIONS).where(SUBMISSIONS.c.id == bindparam("of_id"))
_UPDATE_FIRST: Final = _UPDATE.where(SUBMISSIONS.c.outcome.is_(None))


def last_submission(session: Session, job_code: str) -> Submission | None:
    """The job's last submission; for a rerun from migration, that of the job which it repeats."""
    found = connection_of(session).execute(_LAST, {"of_job": job_code}).mappings().one_or_none()
    return _last_of(session, found) if found is not None else None


def _last_of(session: Session, found: RowMapping) -> Submission | None:
    """The submission in a row of `_LAST`, or that of the job which is migrated again."""
    if found["id"] is not None:
        return _submission(found)
    return last_submission(session, found["rerun_of"]) if found["rerun_from"] == RerunFrom.MIGRATION else None


def intend(session: Session, job: AnyJob, rules: SlotRules, **sending: Unpack[Sending]) -> Submission | timedelta:
    """Store the intent to submit a locked job, before the request is sent. Or wait, and look again so much later.

    Raises JobIsFinal and CancelRequested, and SubmissionExists unless the ones before it came to nothing.
    """
    gate.require_not_canceled(session, job)
    credential = sending.get("credential") or sending["provider"]
    of = {"of_job": job.code, "of_provider": sending["provider"], "of_credential": credential}
    found = connection_of(session).execute(_LAST_AND_LINE, of).mappings().one()
    if (last := _last_of(session, found)) is not None and last.outcome not in CAME_TO_NOTHING:
        raise SubmissionExists(f"Submission {last.number} of {job.code} may have arrived.")
    if found["held_by"] is not None:
        return hold(session, job, found["held_by"], model_of(session, rules.catalogue, job.model_id))
    in_line = admit(session, job, credential=credential, rules=rules, is_held_up=found["is_held_up"])
    if in_line is not None:
        return wait_in_line(session, job, in_line, model_of(session, rules.catalogue, job.model_id))
    if (fallback := sending.get("fallback")) is not None:
        gate.note(session, job, {"fallback": fallback, "why": clean(sending.get("why") or "")})
    return _stored(session, job, last, sending)


def _stored(session: Session, job: AnyJob, last: Submission | None, sending: Sending) -> Submission:
    token, request, credential = sending["token"], sending["request"], sending.get("credential")
    sent = asdict(request)
    number, intent_at = last.number + 1 if last else 1, sending.get("sent_at") or now()
    if number != sending.get("number", number):
        raise SubmissionExists(f"Submission {number - 1} of {job.code} was faster.")
    row = {
        "job_code": job.code,
        "number": number,
        "provider": sending["provider"],
        "credential": credential,
        "fallback": sending.get("fallback"),
        "token": token,
        "request": sent,
        "request_sha256": digest(sent),
        "intent_at": intent_at,
    }
    job.req_json = sent
    inserted = connection_of(session).execute(_INSERT, row).inserted_primary_key
    assert inserted is not None, "the database numbers the row"
    return Submission(
        id=inserted[0],
        job_code=job.code,
        number=number,
        token=token,
        request=request,
        intent_at=intent_at,
        outcome=None,
        ref=None,
        credential=credential,
        fallback=sending.get("fallback"),
    )


def conclude(session: Session, job: AnyJob, submission: Submission, outcome: SubmitOutcome) -> Outcome:
    """Record the outcome of a locked job's submission, and return what is recorded now.

    ACCEPTED and VOIDED never change here; UNKNOWN may still become ACCEPTED or REJECTED.
    """
    if submission.outcome in (Outcome.ACCEPTED, Outcome.VOIDED):
        return submission.outcome
    if submission.outcome is Outcome.UNKNOWN:
        resolved = type(outcome).__name__.lower()
        job.waiting = None
        gate.note(session, job, {"submission": submission.number, "resolved": resolved, "waiting": None})
    decided = _decide(session, _UPDATE, job, submission, outcome)
    assert decided is not None, "submissions are never deleted"
    return decided


def _decide(
    session: Session, statement: Update, job: AnyJob, submission: Submission, outcome: SubmitOutcome
) -> Outcome | None:
    """Write an outcome by one of our two statements. None when it has written nothing."""
    changes = _changes(submission, outcome)
    written = connection_of(session).execute(statement, {"of_id": submission.id, "outcome_at": now(), **changes})
    if written.rowcount == 0:
        return None
    if "ref_id" in changes:
        job.out_id = changes["ref_id"]
    return Outcome(changes["outcome"])


def _changes(submission: Submission, outcome: SubmitOutcome) -> dict[str, Any]:
    match outcome:
        case Accepted(sent_ref):
            ref = clean(submission.bound(sent_ref))
            return {"outcome": Outcome.ACCEPTED, "ref": ref, "ref_id": str(ref["id"])}
        case Rejected(code=code, message=message):
            return {"outcome": Outcome.REJECTED, "cause": clean(f"{code}: {message}")}
        case Unknown(cause):
            return {"outcome": Outcome.UNKNOWN, "cause": clean(cause)}


def as_submission(row: SubmissionRow) -> Submission:
    return _submission(row.model_dump(include={*_COLUMNS}))


def _submission(row: RowMapping | dict[str, Any]) -> Submission:
    return Submission(
        **{
            **{name: row[name] for name in _COLUMNS},
            "request": ProviderRequest(**row["request"]),
            "outcome": Outcome(row["outcome"]) if row["outcome"] else None,
        }
    )


def _submit_input(session: Session, code: str) -> SubmitInput:
    found = connection_of(session).execute(_LAST_AND_JOB, {"of_job": code}).mappings().one_or_none()
    if found is None:
        raise UnknownJob(f"There is no job {code} in this database.")
    assignment = input_in(found)
    origin = last_submission(session, assignment.origin) if assignment.origin else None
    last = _last_of(session, found)
    return SubmitInput(
        state=state_in(found),
        last=last,
        assignment=assignment,
        files=uploaded_files(session, assignment),
        origin=origin.ref if origin else None,
        line=found["line"],
        may_be_held_back=found["any_pause"],
        may_have_been_sent_since=forgotten_since(found["copied_at"], found["create_time"], last),
    )


def _intend(session: Session, code: str, rules: SlotRules, **sending: Unpack[Sending]) -> Submission | timedelta:
    job = lock(session, code)
    if job.is_expired(now()):
        raise JobExpired(f"{code} is not sent any more: it had not started in time.")
    require_in_time(session, job, rules.catalogue)
    intended = intend(session, job, rules, **sending)
    job.save(session)
    return intended


def _intend_again(session: Session, sent: Submission, *, catalogue: Catalogue) -> None:
    job = lock(session, sent.job_code)
    require_in_time(session, job, catalogue)
    gate.require_not_canceled(session, job)
    gate.note(session, job, {"submission": sent.number, "sent": "again"})
    job.save(session)


def _void(session: Session, sent: Submission, why: str, *, catalogue: Catalogue) -> bool:
    job = lock(session, sent.job_code)
    known = _submission(connection_of(session).execute(_BY_ID, {"of_id": sent.id}).mappings().one())
    if known.outcome is Outcome.VOIDED:
        return True
    try:
        require_in_time(session, job, catalogue)
        gate.require_not_canceled(session, job)
    except (DeadlinePassed, JobIsFinal, CancelRequested):
        return False
    if known.outcome not in (None, Outcome.ACCEPTED) or voided_before(session, sent.job_code):
        return False
    voided = {"outcome": Outcome.VOIDED, "cause": clean(why), "outcome_at": now()}
    connection_of(session).execute(_UPDATE, {"of_id": sent.id, **voided})
    gate.note(session, job, {"submission": sent.number, "voided": clean(why)})
    job.save(session)
    return True


def _conclude(
    session: Session, sent: Submission, outcome: SubmitOutcome, trial: Trial | None, *, catalogue: Catalogue
) -> JobState:
    job = lock(session, sent.job_code)
    note_outcome(session, trial, outcome)
    recorded = _decide(session, _UPDATE_FIRST, job, sent, outcome)
    if recorded is None:
        known = _submission(connection_of(session).execute(_BY_ID, {"of_id": sent.id}).mappings().one())
        recorded = conclude(session, job, known, outcome)
    if recorded is Outcome.REJECTED:
        refused = outcome.retry_after if isinstance(outcome, Rejected) else None
        credential = sent.credential or (session.get_one(SubmissionRow, sent.id).provider if refused else "")
        reject(session, job, credential, retry_after=refused)
    if not isinstance(outcome, Rejected) and not job.job_status.is_final:
        detail = {"submission": sent.number, "outcome": recorded, **sent.shown_credential}
        gate.advance(session, job, JobStatus.SUBMITTED, detail=detail)
    if recorded is not Outcome.ACCEPTED:
        wait_after(session, job, outcome, recorded, model_of(session, catalogue, job.model_id))
    job.save(session)
    return state_of(job)


class DatabaseSubmissionLog:
    """Implements SubmissionLog."""

    def __init__(self, database: Database, rules: SlotRules) -> None:
        self._database, self._rules, self._catalogue = database, rules, rules.catalogue

    async def submit_input(self, code: str) -> SubmitInput:
        return await self._database.read(_submit_input, code)

    async def last_submission(self, code: str) -> Submission | None:
        return await self._database.read(last_submission, code)

    async def intend(self, code: str, **sending: Unpack[Sending]) -> Submission:
        intended = await self._database.write(_intend, code, self._rules, **sending)
        if isinstance(intended, timedelta):
            raise SlotAwaited("It waits, since no more may be sent now.", retry_after=intended)
        return intended

    async def intend_again(self, submission: Submission) -> None:
        await self._database.write(_intend_again, submission, catalogue=self._catalogue)

    async def conclude(self, submission: Submission, outcome: SubmitOutcome, *, trial: Trial | None = None) -> JobState:
        return await self._database.write(_conclude, submission, outcome, trial, catalogue=self._catalogue)

    async def void(self, submission: Submission, why: str) -> bool:
        return await self._database.write(_void, submission, why, catalogue=self._catalogue)

    async def known_ids(self, provider: str, *, since: datetime) -> frozenset[str]:
        return await self._database.read(known_ids, provider, since)

    async def may_be_anothers(self, provider: str, submission: Submission, ref: Ref) -> bool:
        return await self._database.read(may_be_anothers, provider, submission, ref)
