"""What a user may name in a new job again: earlier uploads, and the pictures that came of earlier jobs."""

from collections.abc import Collection
from typing import Final

from sqlmodel import Session, col, select

from aijobs.domain.errors import NotFound
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.tables import FileRow, JobRow, OutputRow

MAX_JOBS: Final = 300  #: of the newest, whose outputs are looked at


def newest_uploads(session: Session, user_id: str, *, media: str | None, limit: int) -> list[FileRow]:
    """`media`: the beginning of their media types, for example `image/`; None for all."""
    query = select(FileRow).where(col(FileRow.user_id) == user_id, col(FileRow.deleted).is_(False))
    if media is not None:
        query = query.where(col(FileRow.media_type).startswith(media, autoescape=True))
    return list(session.exec(query.order_by(col(FileRow.id).desc()).limit(limit)))


def newest_outputs(session: Session, user_id: str, *, media_types: Collection[str], limit: int) -> list[OutputRow]:
    """Of the user's newest jobs, those of these media types."""
    jobs = (
        select(JobRow.code, JobRow.id)
        .where(col(JobRow.user_id) == user_id, col(JobRow.deleted).is_(False))
        .order_by(col(JobRow.id).desc())
        .limit(MAX_JOBS)
        .subquery()
    )
    query = (
        select(OutputRow)
        .join(jobs, col(OutputRow.job_code) == jobs.c.code)
        .where(col(OutputRow.deleted).is_(False), col(OutputRow.media_type).in_(media_types))
        .order_by(jobs.c.id.desc(), col(OutputRow.index))
        .limit(limit)
    )
    return list(session.exec(query))


def output_of(session: Session, code: str, index: int, *, user_id: str | None) -> OutputRow:
    """One output of a job that is not deleted, and the user's where one is named. Raises NotFound."""
    job_of(session, code, user_id=user_id)
    query = select(OutputRow).where(
        col(OutputRow.job_code) == code, col(OutputRow.index) == index, col(OutputRow.deleted).is_(False)
    )
    if (output := session.exec(query).one_or_none()) is None:
        raise NotFound("There is no such output.")
    return output
