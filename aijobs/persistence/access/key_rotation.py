"""Rotation of keys: a successor with the same rights, and the old key for a while beside it."""

from datetime import timedelta
from typing import Final

from sqlmodel import Session

from aijobs.domain.errors import CannotRotate
from aijobs.domain.values.audit import Act, ActKind, current_origin
from aijobs.persistence.access.keys import (
    ApiKey,
    KeyKind,
    key_hash,
    key_id_of,
    key_in,
    locked_key,
    new_key_text,
    told_of_key,
)
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.tables import ApiKeyRow

DEFAULT_OVERLAP: Final = timedelta(hours=24)
MAX_OVERLAP: Final = timedelta(days=90)


def rotate_key(session: Session, secret: bytes, key_id: str, *, overlap: timedelta) -> tuple[ApiKey, str]:
    """The successor of the key and its text, which is not stored. The old key ends after the `overlap`.

    A key that expires gets a successor that lives as long as itself was made for. Raises NotFound, and CannotRotate for
    a key that has ended or has a successor already.
    """
    old = locked_key(session, key_id)
    if not key_in(old).is_valid:
        raise CannotRotate(f"The key {key_id} is revoked or has expired. Make another.")
    if old.replaced_by is not None:
        raise CannotRotate(f"The key {key_id} has been replaced by {old.replaced_by}. Rotate that one.")
    before, text = told_of_key(old), new_key_text(KeyKind(old.kind))
    fresh = _successor(old, secret, text)
    ends_at = now() + overlap
    old.replaced_by, old.update_by, old.update_time = fresh.key_id, current_origin().actor, now()
    old.expires_at = ends_at if old.expires_at is None else min(old.expires_at, ends_at)
    session.add(fresh)
    after = {"successor": fresh.key_id, "expires_at": old.expires_at.isoformat()}
    record(session, Act(kind=ActKind.KEY_ROTATED, target=key_id, user_id=old.user_id, before=before, after=after))
    session.flush()
    return key_in(fresh), text


def _successor(old: ApiKeyRow, secret: bytes, text: str) -> ApiKeyRow:
    return ApiKeyRow(
        key_id=key_id_of(text),
        sha256=key_hash(secret, text),
        name=old.name,
        kind=old.kind,
        user_id=old.user_id,
        scopes=list(old.scopes),
        role=old.role,
        expires_at=None if old.expires_at is None else now() + (old.expires_at - old.create_time),
        replaces=old.key_id,
        lineage=old.lineage or old.key_id,
        create_by=current_origin().actor,
    )
