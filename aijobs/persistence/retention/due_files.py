"""Uploads and photo reviews that are due: deleted by their owners, never used, or no longer needed by any job."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import exists, func, select
from sqlalchemy import update as update_rows
from sqlmodel import Session, SQLModel

from aijobs.domain.errors import StillInUse
from aijobs.domain.jobs.retention import RetentionPolicy
from aijobs.domain.lifecycle import UNFINISHED
from aijobs.persistence.column_types import now
from aijobs.persistence.database import connection_of
from aijobs.persistence.jobs.file_uses import has_unfinished_batch, require_unused
from aijobs.persistence.retention.holds import KeptByHolds, held_now
from aijobs.persistence.retention.job_parts import BEAUTIFIED, delete_of
from aijobs.persistence.tables.locked_jobs import JOBS

AT_ONCE: Final = 100
SEEN_AT_ONCE: Final = 1_000

_SEEN: Final = ("id", "code", "key", "user_id", "create_time", "is_tracked")

_TABLES: Final = SQLModel.metadata.tables
FILES: Final = _TABLES["file"]
USES: Final = _TABLES["file_use"]
REVIEWS: Final = _TABLES["photo_review_analysis"]


@dataclass(frozen=True)
class DueFile:
    """An upload, and where the store has it."""

    code: str
    key: str


@dataclass(frozen=True, kw_only=True)
class WalkedFiles:
    """What was found, and how far the walk has come; None at its end."""

    due: list[DueFile]
    position: int | None


def deleted_files(session: Session, *, before: datetime) -> list[DueFile]:
    """Some that were deleted so long ago, and that no hold keeps."""
    held = held_now(session)
    query = (
        select(FILES.c.code, FILES.c.key)
        .where(
            FILES.c.deleted_at.is_not(None), FILES.c.deleted_at <= before, FILES.c.user_id.not_in(held.users),
            FILES.c.code.not_in(select(USES.c.file_code).where(USES.c.job_code.in_(held.jobs))),
        )
        .order_by(FILES.c.deleted_at)
        .limit(AT_ONCE)
    )  # fmt: skip
    return [DueFile(*row) for row in connection_of(session).execute(query)]


def files_of_user(session: Session, user_id: str) -> list[DueFile]:
    """Some of a user, but for those that a job on hold names."""
    held = select(USES.c.file_code).where(USES.c.job_code.in_(held_now(session).jobs))
    query = select(FILES.c.code, FILES.c.key).where(FILES.c.user_id == user_id, FILES.c.code.not_in(held))
    return [DueFile(*row) for row in connection_of(session).execute(query.limit(AT_ONCE))]


def walk_on(session: Session, policy: RetentionPolicy, position: int) -> WalkedFiles:
    """The next uploads behind the position."""
    if policy.shortest is None:
        return WalkedFiles(due=[], position=None)
    oldest = now() - policy.shortest
    query = (
        select(*(FILES.c[name] for name in _SEEN))
        .where(FILES.c.id > position, FILES.c.create_time < oldest, FILES.c.deleted_at.is_(None))
        .order_by(FILES.c.id)
        .limit(SEEN_AT_ONCE)
    )
    rows = connection_of(session).execute(query).all()
    return WalkedFiles(
        due=[DueFile(row.code, row.key) for row in _due_among(session, policy, rows)],
        position=rows[-1].id if len(rows) == SEEN_AT_ONCE else None,
    )


def still_due(session: Session, policy: RetentionPolicy, files: Sequence[DueFile]) -> list[DueFile]:
    """Those that are due still, some minutes after they were seen: a hold may have begun, or a job that names one."""
    query = select(*(FILES.c[name] for name in _SEEN)).where(FILES.c.code.in_([file.code for file in files]))
    rows = connection_of(session).execute(query).all()
    return [DueFile(row.code, row.key) for row in _due_among(session, policy, rows)]


def _due_among(session: Session, policy: RetentionPolicy, rows: Sequence[Any]) -> list[Any]:
    if not rows:
        return []
    held, at, kept = held_now(session), now(), _photos_among(session, rows)
    uses = _uses_of(session, [row.code for row in rows])
    due = [
        row
        for row in rows
        if row.code not in kept
        and not held.keeps(row.user_id, *(use.code for use in uses[row.code]))
        and _is_due(policy, row, uses[row.code], at)
    ]
    fed = {user_id for user_id in {row.user_id for row in due} if has_unfinished_batch(session, user_id)}
    return [row for row in due if row.user_id not in fed and _is_free(session, row)]


def _is_due(policy: RetentionPolicy, row: Any, uses: Sequence[Any], at: datetime) -> bool:
    if uses:
        lifetimes = [policy.inputs_lifetime(model_id=use.model_id, user_id=row.user_id) for use in uses]
        ages = [at - use.ended_at for use in uses]
        return all(_is_over(age, lifetime) for age, lifetime in zip(ages, lifetimes, strict=True))
    if row.is_tracked:
        uploads = policy.settings.uploads
        return _is_over(at - row.create_time, uploads if isinstance(uploads, timedelta) else None)
    return _is_over(at - row.create_time, policy.inputs_lifetime(model_id="", user_id=row.user_id))


def _is_over(age: timedelta, lifetime: timedelta | None) -> bool:
    return lifetime is not None and age >= lifetime


def _is_free(session: Session, row: Any) -> bool:
    """Whether nothing that has not ended names it."""
    try:
        require_unused(session, row.code, user_id=row.user_id)
    except StillInUse:
        return False
    return True


def _photos_among(session: Session, rows: Sequence[Any]) -> set[str]:
    """Copies that belong to a photo review: they go with it."""
    found = connection_of(session).execute(
        select(REVIEWS.c.file_code).where(
            REVIEWS.c.user_id.in_({row.user_id for row in rows}), REVIEWS.c.file_code.in_([row.code for row in rows])
        )
    )
    return set(found.scalars())


def _uses_of(session: Session, codes: Sequence[str]) -> dict[str, list[Any]]:
    ended_at = func.coalesce(JOBS.c.resp_time, JOBS.c.update_time).label("ended_at")
    query = (
        select(USES.c.file_code, JOBS.c.code, JOBS.c.model_id, ended_at)
        .join(JOBS, JOBS.c.code == USES.c.job_code)
        .where(USES.c.file_code.in_(codes))
    )
    uses: dict[str, list[Any]] = defaultdict(list)
    for row in connection_of(session).execute(query):
        uses[row.file_code].append(row)
    return uses


def erase_files(session: Session, codes: Sequence[str]) -> None:
    delete_of(session, USES, USES.c.file_code.in_(codes))
    delete_of(session, FILES, FILES.c.code.in_(codes))


def let_reviews_go(session: Session, codes: Sequence[str], job_codes: Sequence[str]) -> None:
    """Delete the reviews whose own job is erased, with their photos: they are erased a little later.

    A photo that a job which has not ended names stays, as an upload.
    """
    at = now()
    whose = REVIEWS.c.code.in_(codes) & REVIEWS.c.job_code.in_(job_codes) & REVIEWS.c["del"].is_(False)
    photos = select(REVIEWS.c.file_code).where(whose)
    is_named = exists().where(
        USES.c.file_code == FILES.c.code, USES.c.job_code == JOBS.c.code, JOBS.c.job_status.in_(UNFINISHED)
    )
    connection = connection_of(session)
    let_go = update_rows(FILES).where(FILES.c.code.in_(photos), ~is_named)
    connection.execute(let_go.values({"del": True, "deleted_at": at}))
    connection.execute(update_rows(REVIEWS).where(whose).values({"del": True, "deleted_at": at}))


def deleted_reviews(session: Session, *, before: datetime) -> list[str]:
    """Some that were deleted so long ago, and that no hold keeps."""
    query = (
        select(REVIEWS.c.code)
        .where(
            REVIEWS.c.deleted_at.is_not(None), REVIEWS.c.deleted_at <= before,
            *_review_is_free(held_now(session)),
        )
        .order_by(REVIEWS.c.deleted_at)
        .limit(AT_ONCE)
    )  # fmt: skip
    return list(connection_of(session).execute(query).scalars())


def reviews_of_user(session: Session, user_id: str) -> list[str]:
    """Some of a user, but for those of a job on hold."""
    query = select(REVIEWS.c.code).where(REVIEWS.c.user_id == user_id, *_review_is_free(held_now(session)))
    return list(connection_of(session).execute(query.limit(AT_ONCE)).scalars())


def _review_is_free(held: KeptByHolds) -> list[Any]:
    beautify = func.coalesce(REVIEWS.c.beautify_job_code, "")
    return [
        REVIEWS.c.user_id.not_in(held.users), REVIEWS.c.job_code.not_in(held.jobs), beautify.not_in(held.jobs)
    ]  # fmt: skip


def erase_reviews(session: Session, codes: Sequence[str]) -> None:
    delete_of(session, BEAUTIFIED, BEAUTIFIED.c.photo_review_analysis_code.in_(codes))
    delete_of(session, REVIEWS, REVIEWS.c.code.in_(codes))
