"""Keys of callers: `aijobs_<kind>_<id>_<secret>`. Shown once; stored as a hash that is keyed with our secret."""

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, Table, bindparam
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from aijobs.domain.errors import CredentialExpired, NotAuthenticated, NotFound
from aijobs.domain.values.audit import Act, ActKind
from aijobs.domain.values.scopes import USER_SCOPES, Scope
from aijobs.domain.values.user_ids import user_id_error
from aijobs.persistence.access.batches import chunked
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database, connection_of
from aijobs.persistence.tables import ApiKeyRow

PREFIX: Final = "aijobs"
ID_BYTES: Final = 8
SECRET_BYTES: Final = 32
MAX_KEY_LENGTH: Final = 200

_PURPOSE: Final = b"aijobs api key 1\0"  # hashed too, so that a hash made for anything else is none here


KEYS: Final[Table] = ApiKeyRow.__table__  # type: ignore[attr-defined]

_COLUMNS: Final = ("key_id", "sha256", "name", "kind", "user_id", "scopes", "create_time", "expires_at", "revoked_at")
_BY_ID: Final = select_columns(*(KEYS.c[name] for name in _COLUMNS)).where(
    KEYS.c.key_id == bindparam("of_id"), KEYS.c["del"].is_(False)
)


class KeyKind(StrEnum):
    """For whom a key acts."""

    USER = "user"  #: for its one user
    SERVICE = "service"  #: for whichever end user the caller names; its own user, if it has one, when none is named


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key as its owner may see it."""

    key_id: str
    kind: KeyKind
    name: str
    user_id: str | None
    scopes: frozenset[Scope]
    create_time: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    @property
    def is_valid(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now() < self.expires_at)


async def create_key(
    database: Database,
    secret: bytes,
    *,
    kind: KeyKind,
    name: str,
    user_id: str | None = None,
    scopes: Iterable[Scope] | None = None,
    expires_at: datetime | None = None,
) -> str:
    """Create a key. Returns its text, which is not stored. Without `scopes` it gets all that its kind may have.

    Raises ValueError for a user's key without a user, an invalid user, or a scope that is not for users.
    """
    if kind is KeyKind.USER and user_id is None:
        raise ValueError("A user's key needs the user that it acts for.")
    if user_id is not None and (error := user_id_error(user_id)):
        raise ValueError(f"This cannot be a user. {error}")
    allowed = USER_SCOPES if kind is KeyKind.USER else frozenset(Scope)
    granted = _default_scopes(kind) if scopes is None else frozenset(scopes)
    if excess := granted - allowed:
        raise ValueError(f"A user's key cannot have the scope {', '.join(sorted(excess))}.")
    text = new_key_text(kind)

    def work(session: Session) -> None:
        row = ApiKeyRow(
            key_id=_parts_of(text)[1],
            sha256=_hash(secret, text),
            name=name,
            kind=kind,
            user_id=user_id,
            scopes=sorted(granted),
            expires_at=expires_at,
        )
        session.add(row)
        record(session, Act(kind=ActKind.KEY_MADE, target=row.key_id, user_id=user_id, after=_told(row)))

    await database.write(work)
    return text


async def list_keys(database: Database) -> list[ApiKey]:
    """All keys, the revoked ones included, oldest first."""

    def work(session: Session) -> list[ApiKey]:
        found = session.exec(select(ApiKeyRow).where(col(ApiKeyRow.deleted).is_(False)).order_by("id"))
        return [_api_key(row) for row in found]

    return await database.read(work)


async def revoke_key(database: Database, key_id: str) -> None:
    """Revoke the key, and with it every token made with it. Doing it again changes nothing. Raises NotFound."""

    def work(session: Session) -> None:
        row = session.exec(_known(key_id).with_for_update()).one_or_none()
        if row is None:
            raise NotFound(f"There is no key {key_id}.")
        if row.revoked_at is None:
            row.revoked_at = now()
            record(session, Act(kind=ActKind.KEY_REVOKED, target=key_id, user_id=row.user_id, before=_told(row)))
        row.update_time = now()

    await database.write(work)


async def key_of(database: Database, secret: bytes, text: str) -> ApiKey:
    """The key with this text. Raises NotAuthenticated when it is unknown, CredentialExpired when no longer valid."""
    if len(text) > MAX_KEY_LENGTH:
        raise NotAuthenticated("This is no key of ours.")
    _, key_id = _parts_of(text)
    row = await database.read(_found, key_id)
    if row is None or not hmac.compare_digest(row.sha256, _hash(secret, text)):
        raise NotAuthenticated("This key is not known here.")
    return _valid(row)


async def key_by_id(database: Database, key_id: str) -> ApiKey:
    """The key that a token was made with. Raises as `key_of`."""
    row = await database.read(_found, key_id)
    if row is None:
        raise NotAuthenticated("The key behind this token is not known here.")
    return _valid(row)


async def valid_keys(database: Database, key_ids: Iterable[str]) -> set[str]:
    """Those of them that are known, not revoked and not expired."""

    def work(session: Session) -> set[str]:
        return {
            row.key_id
            for some in chunked(key_ids)
            for row in session.exec(
                select(ApiKeyRow).where(col(ApiKeyRow.key_id).in_(some), col(ApiKeyRow.deleted).is_(False))
            )
            if _api_key(row).is_valid
        }

    return await database.read(work)


async def adopt_key(database: Database, secret: bytes, text: str, *, name: str, user_id: str) -> None:
    """Make sure that a service key whose text we have is known, with every scope. Doing it again changes nothing."""
    kind, key_id = _parts_of(text)

    def work(session: Session) -> None:
        if _found(session, key_id) is None:
            row = ApiKeyRow(
                key_id=key_id,
                sha256=_hash(secret, text),
                name=name,
                kind=KeyKind(kind),
                user_id=user_id,
                scopes=sorted(_default_scopes(KeyKind.SERVICE)),
            )
            session.add(row)
            record(session, Act(kind=ActKind.KEY_MADE, target=key_id, user_id=user_id, after=_told(row)))

    await database.write(work)


def _default_scopes(kind: KeyKind) -> frozenset[Scope]:
    return USER_SCOPES if kind is KeyKind.USER else frozenset({Scope.ADMIN})


def new_key_text(kind: KeyKind) -> str:
    return f"{PREFIX}_{kind}_{secrets.token_hex(ID_BYTES)}_{secrets.token_urlsafe(SECRET_BYTES)}"


def key_id_in(text: str) -> str | None:
    """The id in the text of a key; None when the text is not a key of ours."""
    try:
        return _parts_of(text)[1] if len(text) <= MAX_KEY_LENGTH else None
    except NotAuthenticated:
        return None


def _parts_of(text: str) -> tuple[str, str]:
    """Kind and id."""
    match text.split("_", 3):
        case [prefix, kind, key_id, rest] if prefix == PREFIX and kind in set(KeyKind) and rest and text.isascii():
            return kind, key_id
    raise NotAuthenticated("This is no key of ours.")


def _hash(secret: bytes, text: str) -> str:
    """256 random bits need no slow hash."""
    return hmac.digest(secret, _PURPOSE + text.encode(), "sha256").hex()


def _found(session: Session, key_id: str) -> Row[Any] | None:
    """The columns of `_BY_ID`: asked for with every request."""
    return connection_of(session).execute(_BY_ID, {"of_id": key_id}).one_or_none()


def _known(key_id: str) -> SelectOfScalar[ApiKeyRow]:
    return select(ApiKeyRow).where(col(ApiKeyRow.key_id) == key_id, col(ApiKeyRow.deleted).is_(False))


def _valid(row: Row[Any]) -> ApiKey:
    key = _api_key(row)
    if not key.is_valid:
        raise CredentialExpired("This key is revoked or has expired.")
    return key


def _told(row: ApiKeyRow) -> dict[str, Any]:
    """What the audit log says of a key."""
    expires_at = None if row.expires_at is None else row.expires_at.isoformat(timespec="seconds")
    return {
        "name": row.name,
        "kind": str(row.kind),
        "scopes": [str(one) for one in row.scopes],
        "expires_at": expires_at,
    }


def _api_key(row: ApiKeyRow | Row[Any]) -> ApiKey:
    return ApiKey(
        key_id=row.key_id,
        kind=KeyKind(row.kind),
        name=row.name,
        user_id=row.user_id,
        scopes=frozenset(map(Scope, row.scopes)),
        create_time=row.create_time,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
