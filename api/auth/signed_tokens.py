"""JSON Web Tokens (RFC 7519), signed with the installation's secret. A token of one kind is not valid as another."""

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
    """`purpose` derives the signing key, so that a signature made for another purpose is not valid here.

    Besides `sub` (the user) and `exp` (the expiry), the `claims` are required. `expired` and `invalid` are the messages
    of the errors that `read` raises.
    """

    purpose: bytes
    audience: str
    claims: tuple[str, ...]
    expired: str
    invalid: str

    def sign(self, secret: bytes, content: Mapping[str, Any], *, expires_at: datetime) -> str:
        claims = {"aud": self.audience, **content, "exp": expires_at}
        return jwt.encode(claims, self._key(secret), algorithm=ALGORITHM)

    def read(self, secret: bytes, text: str) -> dict[str, Any]:
        """The token's claims. Raises CredentialExpired, or NotAuthenticated for anything else that is wrong."""
        required = ["exp", "sub", *self.claims]
        if not text.isascii():
            raise NotAuthenticated(self.invalid)
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
