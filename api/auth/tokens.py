"""End-user tokens: short-lived, for one user, at most with the scopes of their key, and invalid when it is."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from aijobs.domain.values.scopes import Scope
from aijobs.persistence.column_types import now
from api.auth.signed_tokens import TokenKind

FOR_END_USERS: Final = frozenset({Scope.JOBS_READ, Scope.JOBS_WRITE, Scope.FILES_WRITE})

END_USER_TOKEN: Final = TokenKind(
    purpose=b"aijobs end-user token 1",
    audience="aijobs",
    claims=("key", "scope"),
    expired="This token has expired.",
    invalid="This is neither a key nor a token of ours.",
)


@dataclass(frozen=True, kw_only=True)
class Claims:
    """`key_id` is the key that made the token."""

    user_id: str
    key_id: str
    scopes: frozenset[Scope]
    expires_at: datetime | None = None  #: set by `read_token`


def make_token(secret: bytes, claims: Claims, *, lifetime: timedelta) -> tuple[str, datetime]:
    """The token, and when it expires."""
    issued = now().replace(microsecond=0)
    expires = issued + lifetime
    content = {
        "sub": claims.user_id,
        "key": claims.key_id,
        "scope": " ".join(sorted(claims.scopes)),
        "iat": issued,
    }
    return END_USER_TOKEN.sign(secret, content, expires_at=expires), expires


def read_token(secret: bytes, text: str) -> Claims:
    """The token's claims. Raises NotAuthenticated."""
    content = END_USER_TOKEN.read(secret, text)
    scopes = frozenset(map(Scope, content["scope"].split()))
    expires_at = datetime.fromtimestamp(content["exp"], UTC)
    return Claims(user_id=content["sub"], key_id=content["key"], scopes=scopes, expires_at=expires_at)


def end_users_scopes(key_scopes: frozenset[Scope]) -> frozenset[Scope]:
    """The most that an end user's token or session may have, made by a service key with these scopes."""
    return FOR_END_USERS if Scope.ADMIN in key_scopes else FOR_END_USERS & key_scopes
