"""Whose a provider's reference is: this submission's, another's, or perhaps another's."""

import hashlib
import json
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Table, and_, or_, select
from sqlmodel import Session

from aijobs.domain.jobs.submissions import Outcome, Ref, Submission
from aijobs.persistence.database import connection_of
from aijobs.persistence.tables import SubmissionRow

SUBMISSIONS: Final[Table] = SubmissionRow.__table__  # type: ignore[attr-defined]

RIVALS_WITHIN: Final = timedelta(hours=1)
"""A submission that is so much older than another is not taken for it."""


def known_ids(session: Session, provider: str, since: datetime) -> frozenset[str]:
    found = connection_of(session).execute(
        select(SUBMISSIONS.c.ref_id).where(
            SUBMISSIONS.c.provider == provider, SUBMISSIONS.c.ref_id.is_not(None), SUBMISSIONS.c.intent_at >= since
        )
    )
    return frozenset(found.scalars())


def may_be_anothers(session: Session, provider: str, submission: Submission, ref: Ref) -> bool:
    """Whether another submission has what a search has found for this one, or may turn out to have it.

    Of two that sent the same, and of which neither has heard, nobody knows whose it is.
    """
    unheard = and_(
        SUBMISSIONS.c.request_sha256 == digest(asdict(submission.request)),
        SUBMISSIONS.c.intent_at >= submission.intent_at - RIVALS_WITHIN,
        or_(SUBMISSIONS.c.outcome.is_(None), SUBMISSIONS.c.outcome == Outcome.UNKNOWN),
    )
    others = select(SUBMISSIONS.c.id).where(
        SUBMISSIONS.c.provider == provider,
        SUBMISSIONS.c.id != submission.id,
        or_(SUBMISSIONS.c.ref_id == str(ref["id"]), unheard),
    )
    return connection_of(session).execute(others.limit(1)).first() is not None


def job_with(session: Session, ref: Ref, *, instead_of: Submission) -> str | None:
    """The other job, of the same provider, whose submission has this reference; None when there is none."""
    provider = select(SUBMISSIONS.c.provider).where(SUBMISSIONS.c.id == instead_of.id).scalar_subquery()
    others = select(SUBMISSIONS.c.job_code).where(
        SUBMISSIONS.c.ref_id == str(ref["id"]),
        SUBMISSIONS.c.provider == provider,
        SUBMISSIONS.c.job_code != instead_of.job_code,
    )
    code: str | None = connection_of(session).execute(others.limit(1)).scalar_one_or_none()
    return code


def forgotten_since(copied_at: datetime | None, accepted_at: datetime, last: Submission | None) -> datetime | None:
    """Since when a job may have been sent without this database knowing it: it is a copy of that moment.

    None where it is no copy, for jobs that were accepted later, and for what was sent later.
    """
    is_later = copied_at is not None and max(accepted_at, last.intent_at if last else accepted_at) > copied_at
    return None if is_later else copied_at


def digest(request: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def voided_before(session: Session, job_code: str) -> bool:
    """Whether a submission of this job was voided."""
    voided = select(SUBMISSIONS.c.id).where(SUBMISSIONS.c.job_code == job_code, SUBMISSIONS.c.outcome == Outcome.VOIDED)
    return connection_of(session).execute(voided.limit(1)).first() is not None
