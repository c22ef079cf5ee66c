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
from aijobs.domain.values.audit import Act, ActKind, current_origin
from aijobs.domain.values.scopes import ROLE_SCOPES, USER_SCOPES, AccessRole, Scope
from aijobs.domain.values.user_ids import user_id_error
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database, connection_of
from aijobs.persistence.tables import ApiKeyRow

PREFIX: Final = "aijobs"
ID_BYTES: Final = 8
KEY_ID_LENGTH: Final = 2 * ID_BYTES  #: it is written in hex
SECRET_BYTES: Final = 32
MAX_KEY_LENGTH: Final = 200

_PURPOSE: Final = b"aijobs api key 1\0"  # hashed too, so that a hash made for anything else is none here


KEYS: Final[Table] = ApiKeyRow.__table__  # type: ignore[attr-defined]

_COLUMNS: Final = (
    *("key_id", "sha256", "name", "kind", "user_id", "scopes", "role", "create_time", "expires_at", "revoked_at"),
    *("last_used_at", "replaces", "replaced_by", "lineage"),
)
_BY_ID: Final = select_columns(*(KEYS.c[name] for name in _COLUMNS)).where(
    KEYS.c.key_id == bindparam("of_id"), KEYS.c["del"].is_(False)
)


_KNOWN_SCOPES: Final = frozenset(scope.value for scope in Scope)


class KeyKind(StrEnum):
    """For whom a key acts."""

    USER = "user"  #: for its one user
    SERVICE = "service"  #: for whichever end user the caller names; its own user, if it has one, when none is named


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key as its owner may see it. With a `role`, its `scopes` are the role's.

    `replaces` and `replaced_by` are the keys before and after it in a rotation, `lineage` is the first of them all.
    """

    key_id: str
    kind: KeyKind
    name: str
    user_id: str | None
    role: AccessRole | None
    scopes: frozenset[Scope]
    create_time: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    replaces: str | None
    replaced_by: str | None
    lineage: str

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
    role: AccessRole | None = None,
    expires_at: datetime | None = None,
) -> str:
    """Create a key. Returns its text, which is not stored. Without `scopes` or `role` it gets what its kind may.

    Raises ValueError for a user's key without a user, an invalid user, or a scope or role that is not for users.
    """
    if kind is KeyKind.USER and user_id is None:
        raise ValueError("A user's key needs the user that it acts for.")
    if user_id is not None and (error := user_id_error(user_id)):
        raise ValueError(f"This cannot be a user. {error}")
    if role is not None and (kind is KeyKind.USER or scopes is not None):
        raise ValueError("A role is for a service key, and stands in the place of scopes.")
    allowed = USER_SCOPES if kind is KeyKind.USER else frozenset(Scope)
    granted = scopes_of(kind, role=role, scopes=scopes)
    if excess := granted - allowed:
        raise ValueError(f"A user's key cannot have the scope {', '.join(sorted(excess))}.")
    text = new_key_text(kind)

    def work(session: Session) -> None:
        row = ApiKeyRow(
            key_id=_parts_of(text)[1],
            sha256=key_hash(secret, text),
            name=name,
            kind=kind,
            user_id=user_id,
            scopes=[] if role else sorted(granted),
            role=role,
            expires_at=expires_at,
            create_by=current_origin().actor,
        )
        session.add(row)
        record(session, Act(kind=ActKind.KEY_MADE, target=row.key_id, user_id=user_id, after=told_of_key(row)))

    await database.write(work)
    return text


async def list_keys(database: Database) -> list[ApiKey]:
    """All keys, the revoked ones included, oldest first."""

    def work(session: Session) -> list[ApiKey]:
        found = session.exec(select(ApiKeyRow).where(col(ApiKeyRow.deleted).is_(False)).order_by("id"))
        return [key_in(row) for row in found]

    return await database.read(work)


async def revoke_key(database: Database, key_id: str) -> None:
    """Revoke the key, and with it every token made with it. Doing it again changes nothing. Raises NotFound."""

    def work(session: Session) -> None:
        row = locked_key(session, key_id)
        if row.revoked_at is None:
            row.revoked_at = now()
            record(session, Act(kind=ActKind.KEY_REVOKED, target=key_id, user_id=row.user_id, before=told_of_key(row)))
        row.update_time = now()

    await database.write(work)


async def key_of(database: Database, secret: bytes, text: str) -> ApiKey:
    """The key with this text. Raises NotAuthenticated when it is unknown, CredentialExpired when no longer valid."""
    if len(text) > MAX_KEY_LENGTH:
        raise NotAuthenticated("This is no key of ours.")
    _, key_id = _parts_of(text)
    row = await database.read(_found, key_id)
    if row is None or not hmac.compare_digest(row.sha256, key_hash(secret, text)):
        raise NotAuthenticated("This key is not known here.")
    return _valid(row)


async def key_by_id(database: Database, key_id: str) -> ApiKey:
    """The key that a token was made with. Raises as `key_of`."""
    row = await database.read(_found, key_id)
    if row is None:
        raise NotAuthenticated("The key behind this token is not known here.")
    return _valid(row)


def known_key(session: Session, key_id: str) -> ApiKey:
    """The key, which may have ended. Raises NotFound."""
    row = _found(session, key_id)
    if row is None:
        raise NotFound(f"There is no key {key_id}.")
    return key_in(row)


async def adopt_key(database: Database, secret: bytes, text: str, *, name: str, user_id: str) -> None:
    """Make sure that a service key whose text we have is known, with every scope. Doing it again changes nothing."""
    kind, key_id = _parts_of(text)

    def work(session: Session) -> None:
        if _found(session, key_id) is None:
            row = ApiKeyRow(
                key_id=key_id,
                sha256=key_hash(secret, text),
                name=name,
                kind=KeyKind(kind),
                user_id=user_id,
                scopes=sorted(scopes_of(KeyKind.SERVICE)),
            )
            session.add(row)
            record(session, Act(kind=ActKind.KEY_MADE, target=key_id, user_id=user_id, after=told_of_key(row)))

    await database.write(work)


def scopes_of(
    kind: KeyKind, *, role: AccessRole | None = None, scopes: Iterable[Scope] | None = None
) -> frozenset[Scope]:
    """What a key may do that is made so: the role's scopes, else those named, else all that its kind may have."""
    if role is not None:
        return ROLE_SCOPES[role]
    if scopes is not None:
        return frozenset(scopes)
    return USER_SCOPES if kind is KeyKind.USER else frozenset({Scope.ADMIN})


def new_key_text(kind: KeyKind) -> str:
    return f"{PREFIX}_{kind}_{secrets.token_hex(ID_BYTES)}_{secrets.token_urlsafe(SECRET_BYTES)}"


def key_id_of(text: str) -> str:
    """The id in the text of a key. Raises NotAuthenticated."""
    return _parts_of(text)[1]


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


def key_hash(secret: bytes, text: str) -> str:
    """256 random bits need no slow hash."""
    return hmac.digest(secret, _PURPOSE + text.encode(), "sha256").hex()


def _found(session: Session, key_id: str) -> Row[Any] | None:
    """The columns of `_BY_ID`: asked for with every request."""
    return connection_of(session).execute(_BY_ID, {"of_id": key_id}).one_or_none()


def locked_key(session: Session, key_id: str) -> ApiKeyRow:
    """The key's row, locked. Raises NotFound."""
    row = session.exec(_known(key_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound(f"There is no key {key_id}.")
    return row


def told_of_key(row: ApiKeyRow) -> dict[str, Any]:
    """What the audit log says of a key."""
    return {
        "name": row.name,
        "kind": str(row.kind),
        "role": row.role,
        "scopes": [str(one) for one in row.scopes],
        "expires_at": None if row.expires_at is None else row.expires_at.isoformat(timespec="seconds"),
    }


def _known(key_id: str) -> SelectOfScalar[ApiKeyRow]:
    return select(ApiKeyRow).where(col(ApiKeyRow.key_id) == key_id, col(ApiKeyRow.deleted).is_(False))


def _valid(row: Row[Any]) -> ApiKey:
    key = key_in(row)
    if not key.is_valid:
        raise CredentialExpired("This key is revoked or has expired.")
    return key


def key_in(row: ApiKeyRow | Row[Any]) -> ApiKey:
    """Scopes of a later version are left out: this one would not know what they allow."""
    role = None if row.role is None else AccessRole(row.role)
    return ApiKey(
        key_id=row.key_id,
        kind=KeyKind(row.kind),
        name=row.name,
        user_id=row.user_id,
        role=role,
        scopes=ROLE_SCOPES[role] if role else frozenset(map(Scope, _KNOWN_SCOPES.intersection(row.scopes))),
        create_time=row.create_time,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        replaces=row.replaces,
        replaced_by=row.replaced_by,
        lineage=row.lineage or row.key_id,
    )
