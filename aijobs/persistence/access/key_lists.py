"""Many keys at once: a page of them, those that are valid, and when each was last used."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlmodel import Session, and_, col, or_, select, update

from aijobs.persistence.access.batches import chunked
from aijobs.persistence.access.keys import ApiKey, key_in
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.paging import page_of
from aijobs.persistence.tables import ApiKeyRow


def keys_page(
    session: Session, *, user_id: str | None, ended: bool, before: int | None, limit: int
) -> tuple[list[ApiKey], int | None]:
    """Up to `limit` keys, newest first, and the `before` of the next page, None on the last.

    Those of one user with `user_id`, else all; without `ended` only those that are valid.
    """
    row = ApiKeyRow
    query = select(row).where(col(row.deleted).is_(False)).order_by(col(row.id).desc())
    if user_id is not None:
        query = query.where(col(row.user_id) == user_id)
    if not ended:
        is_unexpired = or_(col(row.expires_at).is_(None), col(row.expires_at) > now())
        query = query.where(and_(col(row.revoked_at).is_(None), is_unexpired))
    if before is not None:
        query = query.where(col(row.id) < before)
    rows, has_more = page_of(session, query, limit=limit)
    return [key_in(one) for one in rows], rows[-1].id if has_more else None


async def valid_keys(database: Database, key_ids: Iterable[str]) -> set[str]:
    """Those of them that are known, not revoked and not expired."""

    def work(session: Session) -> set[str]:
        return {
            row.key_id
            for some in chunked(key_ids)
            for row in session.exec(
                select(ApiKeyRow).where(col(ApiKeyRow.key_id).in_(some), col(ApiKeyRow.deleted).is_(False))
            )
            if key_in(row).is_valid
        }

    return await database.read(work)


def note_uses(session: Session, uses: Mapping[str, datetime]) -> None:
    """Write when each key, by its id, was last used. Never an earlier time than is written."""
    for key_id, used_at in sorted(uses.items()):
        is_later = or_(col(ApiKeyRow.last_used_at).is_(None), col(ApiKeyRow.last_used_at) < used_at)
        session.exec(update(ApiKeyRow).where(col(ApiKeyRow.key_id) == key_id, is_later).values(last_used_at=used_at))
