"""What vendors have told, by webhooks, of jobs that they cannot be asked about."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, exists, or_
from sqlmodel import Session, col, delete, select

from aijobs.domain.jobs.retention import HoldKind
from aijobs.domain.jobs.submissions import Submission
from aijobs.domain.lifecycle import ENDS
from aijobs.domain.provider_io import VendorReport
from aijobs.domain.values.clean_text import clean
from aijobs.persistence.column_types import now
from aijobs.persistence.tables import JobRow, LegalHoldRow, SubmissionRow, VendorReportRow


def keep_report(session: Session, submission: Submission, report: VendorReport) -> None:
    """Keep it instead of what was told before. After a final one nothing is kept: webhooks may overtake each other."""
    kept = session.get(VendorReportRow, submission.id, with_for_update=True)
    if kept is None:
        kept = VendorReportRow(submission_id=submission.id, job_code=submission.job_code, content={}, final=False)
    elif kept.final:
        return
    kept.content, kept.final, kept.received_at = clean(dict(report.content)), report.final, now()
    session.add(kept)


def last_report(session: Session, provider: str, ref_id: str) -> Mapping[str, Any] | None:
    """The content of what was last told of the job that the provider knows by this id."""
    found = session.exec(
        select(VendorReportRow.content)
        .join(SubmissionRow, col(SubmissionRow.id) == VendorReportRow.submission_id)
        .where(col(SubmissionRow.ref_id) == ref_id, col(SubmissionRow.provider) == provider)
        .order_by(col(SubmissionRow.id).desc())
        .limit(1)
    )
    return found.one_or_none()


def forget_reports(session: Session, *, older_than: timedelta) -> int:
    """Drop those of ended jobs that came so long ago, but for what a legal hold keeps; returns how many."""
    is_held = exists().where(
        col(LegalHoldRow.ended_at).is_(None),
        or_(
            and_(col(LegalHoldRow.kind) == HoldKind.JOB, col(LegalHoldRow.name) == col(JobRow.code)),
            and_(col(LegalHoldRow.kind) == HoldKind.USER, col(LegalHoldRow.name) == col(JobRow.user_id)),
        ),
    )
    has_ended = exists().where(
        col(JobRow.code) == col(VendorReportRow.job_code), col(JobRow.job_status).in_(ENDS), ~is_held
    )
    gone = session.exec(delete(VendorReportRow).where(col(VendorReportRow.received_at) < now() - older_than, has_ended))
    return gone.rowcount
