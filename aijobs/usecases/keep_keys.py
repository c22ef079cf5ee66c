"""Making, rotating and revoking API keys. Nobody gives or takes more than they may do themselves."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session

from aijobs.domain.errors import FieldError, InvalidParameters, NotAllowed
from aijobs.domain.values.actors import Granter
from aijobs.domain.values.scopes import USER_SCOPES, AccessRole, Scope, exceeds
from aijobs.domain.values.user_ids import user_id_error
from aijobs.persistence.access.key_rotation import MAX_OVERLAP, rotate_key
from aijobs.persistence.access.keys import ApiKey, KeyKind, create_key, key_id_of, known_key, revoke_key, scopes_of
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class WantedKey:
    """A key that is to be made: for one end user with `user_id`, else a service key. It has a role or scopes."""

    name: str
    user_id: str | None = None
    role: AccessRole | None = None
    scopes: Iterable[Scope] | None = None
    expires_at: datetime | None = None

    @property
    def kind(self) -> KeyKind:
        return KeyKind.SERVICE if self.user_id is None else KeyKind.USER


@dataclass(frozen=True, kw_only=True)
class MadeKey:
    """A new key with its text, which is not stored."""

    key: ApiKey
    text: str


@dataclass(frozen=True, kw_only=True)
class KeepKeys:
    """`secret` is the installation's."""

    database: Database
    secret: bytes

    async def make(self, wanted: WantedKey, granter: Granter) -> MadeKey:
        """Raises InvalidParameters, and NotAllowed for a key that may do more than who makes it."""
        if errors := list(_errors_of(wanted)):
            raise InvalidParameters("This cannot be a key.", *errors)
        scopes = None if wanted.scopes is None else frozenset(wanted.scopes)
        _check(scopes_of(wanted.kind, role=wanted.role, scopes=scopes), granter)
        text = await create_key(
            self.database,
            self.secret,
            kind=wanted.kind,
            name=wanted.name,
            user_id=wanted.user_id,
            scopes=scopes,
            role=wanted.role,
            expires_at=wanted.expires_at,
        )
        key = await self.database.read(known_key, key_id_of(text))
        log.info("key_made", key=key.key_id, by=granter.key_id)
        return MadeKey(key=key, text=text)

    async def rotate(self, key_id: str, granter: Granter, *, overlap: timedelta) -> MadeKey:
        """A successor with the same rights; the key itself ends after the `overlap`.

        Raises NotFound, CannotRotate, InvalidParameters, and NotAllowed for a key that may do more than who asks.
        """
        if not timedelta(0) <= overlap <= MAX_OVERLAP:
            field = FieldError("/overlap", f"From 0 to {MAX_OVERLAP.days} days.")
            raise InvalidParameters("The overlap is too long.", field)

        def work(session: Session) -> MadeKey:
            _check(known_key(session, key_id).scopes, granter)
            key, text = rotate_key(session, self.secret, key_id, overlap=overlap)
            return MadeKey(key=key, text=text)

        made = await self.database.write(work)
        log.info("key_rotated", key=key_id, successor=made.key.key_id, by=granter.key_id)
        return made

    async def revoke(self, key_id: str, granter: Granter) -> None:
        """A second call changes nothing. Raises NotFound, and NotAllowed for a key that may do more than who asks."""
        _check((await self.database.read(known_key, key_id)).scopes, granter)
        await revoke_key(self.database, key_id)
        log.info("key_revoked", key=key_id, by=granter.key_id)


def _errors_of(wanted: WantedKey) -> Iterable[FieldError]:
    if not wanted.name.strip():
        yield FieldError("/name", "Say what it is for.")
    if wanted.user_id is not None and (error := user_id_error(wanted.user_id)):
        yield FieldError("/user_id", error)
    if wanted.role is not None and (wanted.scopes is not None or wanted.user_id is not None):
        yield FieldError("/role", "A role is for a service key, and stands in the place of scopes.")
    if wanted.scopes is not None and not frozenset(wanted.scopes):
        yield FieldError("/scopes", "Name at least one.")
    excess = frozenset(wanted.scopes or ()) - USER_SCOPES
    if wanted.user_id is not None and excess:
        yield FieldError("/scopes", f"A user's key cannot have {', '.join(sorted(excess))}.")
    if wanted.expires_at is not None and wanted.expires_at <= now():
        yield FieldError("/expires_at", "Must be in the future.")


def _check(wanted: frozenset[Scope], granter: Granter) -> None:
    if excess := exceeds(wanted, granter.scopes):
        raise NotAllowed(f"That key may do more than you: {', '.join(sorted(excess))}.")
