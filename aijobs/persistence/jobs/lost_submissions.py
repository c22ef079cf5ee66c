"""Jobs of which the provider's answer was lost, so that they may be charged while they are looked for."""

from sqlalchemy import literal_column
from sqlmodel import Session, col, select

from aijobs.domain.jobs.submissions import Outcome
from aijobs.domain.lifecycle import UNFINISHED
from aijobs.persistence.tables import JobRow, SubmissionRow


def jobs_with_lost_answers(session: Session, *, user_id: str | None, at_most: int) -> list[JobRow]:
    """Those that have not ended, the oldest first. Afterwards their points are held, and `held_jobs` has them."""
    query = (
        select(JobRow)
        .join(SubmissionRow, col(SubmissionRow.job_code) == col(JobRow.code))
        .where(
            col(SubmissionRow.outcome) == literal_column(f"'{Outcome.UNKNOWN}'"),  # as the index says it
            col(JobRow.job_status).in_(UNFINISHED),
            col(JobRow.deleted).is_(False),
        )
        .order_by(col(JobRow.id))
        .limit(at_most)
    )
    return list(session.exec(query if user_id is None else query.where(col(JobRow.user_id) == user_id)))
