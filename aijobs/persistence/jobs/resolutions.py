"""Resolving a job that ended in doubt, by an operator or by the provider's late outcome."""

from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Any

from sqlmodel import Session

from aijobs.domain.errors import NothingHeld, SubmissionExists
from aijobs.domain.jobs.retention import LetGo
from aijobs.domain.jobs.submissions import Accepted, Outcome, Ref
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.points import EntryKind, kept_points
from aijobs.domain.values.audit import Act, ActKind
from aijobs.domain.values.clean_text import clean
from aijobs.domain.values.money import Cost
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database, lock_name
from aijobs.persistence.jobs import gate, other_submissions, submissions
from aijobs.persistence.jobs.job_hooks import ON_REFUNDED
from aijobs.persistence.points import ledger
from aijobs.persistence.points.costs import set_cost
from aijobs.persistence.slots.admission import give_back
from aijobs.persistence.tables import JobRow


class Resolution(StrEnum):
    """An operator's decision about held points."""

    REFUND = "refund"
    CHARGE = "charge"


ENTRY_OF = {Resolution.REFUND: EntryKind.REFUND, Resolution.CHARGE: EntryKind.SETTLE}


def resolve(session: Session, job: JobRow, decision: Resolution, *, by: str, why: str) -> None:
    """Refund or charge the held points of a locked job. Raises NothingHeld."""
    _decide(session, job, ENTRY_OF[decision])
    charged = kept_points(ENTRY_OF[decision], job.points)
    give_back(session, job)
    gate.note(session, job, {"resolved": decision, "by": by, "why": why, "charged": charged})
    record(session, _resolved(job, {"decision": decision, "why": why, "points": job.points, "charged": charged}))


def attach(session: Session, job: JobRow, ref: Ref, *, by: str, why: str) -> None:
    """Record the provider's reference of a submission whose outcome is unknown.

    Raises SubmissionExists when the outcome of the last submission is known, or there is none, and when another job has
    this reference: nothing is paid for by two.
    """
    last = submissions.last_submission(session, job.code)
    if last is None or last.outcome is not Outcome.UNKNOWN:
        raise SubmissionExists(f"{job.code} has no submission whose outcome is unknown.")
    lock_name(session, f"reference {ref['id']}")
    if other := other_submissions.job_with(session, ref, instead_of=last):
        raise SubmissionExists(f"{ref['id']} is what {other} has submitted.")
    submissions.conclude(session, job, last, Accepted(ref))
    gate.note(session, job, {"resolved": "attach", "ref": ref["id"], "by": by, "why": why})
    record(session, _resolved(job, {"decision": "attach", "why": why, "ref": ref["id"]}))


def _resolved(job: JobRow, after: Mapping[str, Any]) -> Act:
    return Act(kind=ActKind.JOB_RESOLVED, target=job.code, user_id=job.user_id, after=after)


def record_late_outcome(
    session: Session, job: JobRow, status: JobStatus, response: dict[str, Any], *, cost: Cost | None = None
) -> None:
    """Record the provider's final status of a locked job that had ended before, and settle its held points."""
    set_cost(job, cost)
    give_back(session, job)
    finished = status is JobStatus.GENERATED
    changes: dict[str, Any] = {}
    if finished and job.generated_at is None:
        job.generated_at = now()
        if LetGo.EXCHANGES not in LetGo(job.let_go):
            job.resp_json = response
        changes["late"] = status.name
    with suppress(NothingHeld):  # decided already
        _decide(session, job, EntryKind.SETTLE if finished else EntryKind.REFUND)
        changes |= {"late": status.name, "points": "settled" if finished else "refunded"}
    if changes:
        gate.note(session, job, changes)


def _decide(session: Session, job: JobRow, kind: EntryKind) -> None:
    """Settle or refund held points, also in what counts them besides the ledger. Raises NothingHeld."""
    ledger.require_held(session, job)
    if kind is EntryKind.REFUND:
        for on_refunded in ON_REFUNDED:
            on_refunded(session, job)
    ledger.decide(session, job, kind)


class DatabaseLateOutcomes:
    """Implements LateOutcomes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(
        self, code: str, status: JobStatus, response: Mapping[str, Any], *, cost: Cost | None = None
    ) -> None:
        def work(session: Session) -> None:
            record_late_outcome(session, gate.locked_job(session, code), status, clean(dict(response)), cost=cost)

        await self._database.write(work)
