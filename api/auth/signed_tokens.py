"""JSON Web Tokens (RFC 7519), signed with the installation's secret; one kind is never taken for another."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import jwt

from aijobs.domain.errors import CredentialExpired, NotAuthenticated

ALGORITHM: Final = "HS256"


@dataclass(frozen=True, kw_only=True)
class TokenKind:
    """`purpose` makes a key of its own, so that a signature made for anything else is none here.

    Besides the user (`sub`) and the end (`exp`), `claims` must be in it. `expired` and `invalid` are said to whoever
    brings one that is no longer good, or is none.
    """

    purpose: bytes
    audience: str
    claims: tuple[str, ...]
    expired: str
    invalid: str

    def sign(self, secret: bytes, content: Mapping[str, Any], *, expires_at: datetime) -> str:
        written = {"aud": self.audience, **content, "exp": expires_at}
        return jwt.encode(written, self._key(secret), algorithm=ALGORITHM)

    def read(self, secret: bytes, text: str) -> dict[str, Any]:
        """Raises NotAuthenticated."""
        required = ["exp", "sub", *self.claims]
        try:
            content: dict[str, Any] = jwt.decode(
                text,
                self._key(secret),
                algorithms=[ALGORITHM],
                audience=self.audience,
                options={"require": required},
            )
        except jwt.ExpiredSignatureError as expired:
            raise CredentialExpired(self.expired) from expired
        except jwt.InvalidTokenError as invalid:
            raise NotAuthenticated(self.invalid) from invalid
        return content

    def _key(self, secret: bytes) -> bytes:
        return hmac.digest(secret, self.purpose, "sha256")
