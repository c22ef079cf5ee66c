"""Photo reviews in the database, kept in step with their jobs."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Table, exists, func, update
from sqlmodel import Session, col, select

from aijobs.domain.errors import PhotoCannotBeBeautified, PhotoIsBeingBeautified
from aijobs.domain.jobs.job import JobError
from aijobs.domain.lifecycle import UNFINISHED, JobStatus, require_unfinished
from aijobs.domain.photos import REVIEW_MODEL, Analysis, beautify_error
from aijobs.domain.points import EntryKind
from aijobs.domain.values.ids import new_id
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database, connection_of
from aijobs.persistence.owned import id_behind, owned
from aijobs.persistence.paging import page_of
from aijobs.persistence.tables import JobRow, OutputRow, PhotoBeautifyRow, PhotoReviewRow
from aijobs.persistence.tables.locked_jobs import AnyJob, whole_row

REVIEWS: Final[Table] = PhotoReviewRow.__table__  # type: ignore[attr-defined]

PICTURE_EXISTS: Final = 4
"""`img_status` of every row: one is written when its picture is in our store, never before."""

ANALYSIS: Final = "analysis"
"""The key in `resp_json` under which a review's job keeps the analysis until it has succeeded."""

MAX_JOBS: Final = 50  #: that are shown of one review, newest first


class DatabaseReviewStore:
    """Implements ReviewStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep_analysis(self, job_code: str, analysis: Analysis) -> None:
        def work(session: Session) -> None:
            job = session.exec(select(JobRow).where(col(JobRow.code) == job_code).with_for_update()).one()
            require_unfinished(job_code, job.job_status)
            job.resp_json = {**(job.resp_json or {}), ANALYSIS: analysis.model_dump(mode="json")}

        await self._database.write(work)


def review_of(session: Session, code: str, *, user_id: str | None, locked: bool = False) -> PhotoReviewRow:
    """A review that is not deleted, and the user's where one is named. Raises NotFound."""
    return owned(session, PhotoReviewRow, code, user_id=user_id, locked=locked)


def reviews_page(
    session: Session, *, user_id: str | None, before: str | None, limit: int
) -> tuple[list[PhotoReviewRow], bool]:
    """Up to `limit` reviews, newest first, and whether there are more. Raises BadInput for an unknown cursor."""
    query = select(PhotoReviewRow).where(col(PhotoReviewRow.deleted).is_(False))
    if user_id is not None:
        query = query.where(col(PhotoReviewRow.user_id) == user_id)
    if before is not None:
        query = query.where(col(PhotoReviewRow.id) < id_behind(session, PhotoReviewRow, before, user_id=user_id))
    return page_of(session, query.order_by(col(PhotoReviewRow.id).desc()), limit=limit)


def jobs_of(session: Session, review: PhotoReviewRow) -> list[JobRow]:
    """The jobs that name the review, newest first; at most MAX_JOBS."""
    found = session.exec(
        select(JobRow)
        .where(
            col(JobRow.photo_review_analysis_code) == review.code,
            col(JobRow.user_id) == review.user_id,
            col(JobRow.deleted).is_(False),
        )
        .order_by(col(JobRow.id).desc())
        .limit(MAX_JOBS)
    )
    return list(found)


def beautified_of(
    session: Session, review_code: str, *, after: int, limit: int
) -> tuple[list[tuple[PhotoBeautifyRow, OutputRow]], bool]:
    """The beautified photos behind row `after`, oldest first, each with its output; and whether there are more."""
    behind = (
        select(PhotoBeautifyRow, OutputRow)
        .join(
            OutputRow,
            (col(OutputRow.job_code) == PhotoBeautifyRow.job_code) & (col(OutputRow.index) == PhotoBeautifyRow.sort),
        )
        .where(
            col(PhotoBeautifyRow.photo_review_analysis_code) == review_code,
            col(PhotoBeautifyRow.deleted).is_(False),
            col(PhotoBeautifyRow.id) > after,
        )
        .order_by(col(PhotoBeautifyRow.id))
    )
    return page_of(session, behind, limit=limit)


def require_beautifiable(session: Session, review: PhotoReviewRow) -> None:
    """Raises PhotoCannotBeBeautified, or PhotoIsBeingBeautified while the last such job runs."""
    if not review.beautify_ability:
        raise PhotoCannotBeBeautified(_why_not(review))
    running = select(JobRow.code).where(
        col(JobRow.code) == review.beautify_job_code, col(JobRow.job_status).in_(UNFINISHED)
    )
    if job_code := session.exec(running).one_or_none():
        raise PhotoIsBeingBeautified(f"The photo is being beautified by {job_code}.")


def _why_not(review: PhotoReviewRow) -> str:
    if review.analysis is None:
        return "The photo has no review yet, so it is not known whether it can be beautified."
    return Analysis.model_validate(review.analysis).ability_reason.en


def begin_beautify(session: Session, job: JobRow) -> None:
    """Begin beautifying the photo of the review that the job names, in the transaction that accepts the job.

    Raises NotFound, PhotoCannotBeBeautified and PhotoIsBeingBeautified: of two concurrent calls, one succeeds.
    """
    assert job.photo_review_analysis_code is not None, "a beautify job names its review"
    review = review_of(session, job.photo_review_analysis_code, user_id=job.user_id, locked=True)
    require_beautifiable(session, review)
    _let_beautify(review, job)


def on_job_rerun(session: Session, old: JobRow, new: JobRow) -> None:
    """A rerun of the review's last beautify job replaces it. A rerun of any other job changes nothing."""
    review = _review_of(session, old)
    if review is not None and review.beautify_job_code == old.code:
        _let_beautify(review, new)


def on_job_final(
    session: Session, job: AnyJob, to: JobStatus, error: JobError | None, *, closing: EntryKind | None
) -> JobError | None:
    """What the end of a locked job means for its review, in the transaction of that end. Returns the error to show."""
    review = _review_of(session, job)
    if review is None or not to.is_final:
        return error
    job = whole_row(session, job)
    if review.beautify_job_code == job.code:
        return _beautify_concluded(session, review, job, to, error, closing)
    if to is JobStatus.SUCCESS and job.model_id == REVIEW_MODEL and review.file_code in job.params.values():
        _reviewed(review, job)
    return error


def _reviewed(review: PhotoReviewRow, job: JobRow) -> None:
    """Store the analysis of a job that has succeeded; after a bad end, the earlier analysis stays."""
    answer = job.resp_json or {}
    analysis = Analysis.model_validate(answer[ANALYSIS])
    review.job_code, review.analysis = job.code, analysis.model_dump(mode="json")
    review.beautify_ability = analysis.beautify_ability
    _touch(review)


def _beautify_concluded(
    session: Session,
    review: PhotoReviewRow,
    job: JobRow,
    to: JobStatus,
    error: JobError | None,
    closing: EntryKind | None,
) -> JobError | None:
    if to is JobStatus.SUCCESS:
        _keep_beautified(session, review, job)
        return error
    review.beautify_image = _has_beautified(session, review)
    _touch(review)
    assert error is not None, "a job that ends badly says why"
    assert closing is not None, "a final status closes the reservation"
    return beautify_error(to, error, closing=closing, points=job.points)


def _keep_beautified(session: Session, review: PhotoReviewRow, job: JobRow) -> None:
    outputs = session.exec(
        select(OutputRow).where(col(OutputRow.job_code) == job.code, col(OutputRow.deleted).is_(False))
    )
    for output in outputs:
        session.add(
            PhotoBeautifyRow(
                code=new_id("beautify"),
                photo_review_analysis_code=review.code,
                job_code=job.code,
                user_id=job.user_id,
                create_by=job.create_by,
                img_url=f"/api/jobs/{job.code}/outputs/{output.index}",
                original_url=output.original_url,
                img_status=PICTURE_EXISTS,
                cost_time=job.cost_time,
                sort=output.index,
                model_id=job.model_id,
                model_name=job.model_name,
            )
        )


def _has_beautified(session: Session, review: PhotoReviewRow) -> bool:
    count = session.exec(
        select(func.count()).where(
            col(PhotoBeautifyRow.photo_review_analysis_code) == review.code, col(PhotoBeautifyRow.deleted).is_(False)
        )
    )
    return count.one() > 0


def on_photos_gone(session: Session, reviews: Iterable[str]) -> None:
    """Beautified photos of these reviews were deleted, or erased: those that have no others, and get none, say so."""
    is_left = exists().where(
        col(PhotoBeautifyRow.photo_review_analysis_code) == REVIEWS.c.code, col(PhotoBeautifyRow.deleted).is_(False)
    )
    is_coming = exists().where(col(JobRow.code) == REVIEWS.c.beautify_job_code, col(JobRow.job_status).in_(UNFINISHED))
    have_none = update(REVIEWS).where(REVIEWS.c.code.in_(list(reviews)), ~is_left, ~is_coming)
    connection_of(session).execute(have_none.values(beautify_image=False, update_time=now()))


def _review_of(session: Session, job: AnyJob) -> PhotoReviewRow | None:
    """The review that a job names, locked; None when it names none of its user's."""
    if job.photo_review_analysis_code is None:
        return None
    found = session.exec(
        select(PhotoReviewRow)
        .where(col(PhotoReviewRow.code) == job.photo_review_analysis_code, col(PhotoReviewRow.user_id) == job.user_id)
        .with_for_update()
    )
    return found.one_or_none()


def _let_beautify(review: PhotoReviewRow, job: JobRow) -> None:
    review.beautify_image, review.beautify_job_code = True, job.code
    _touch(review)


def _touch(review: PhotoReviewRow) -> None:
    review.update_time = now()
    review.version += 1
