"""Signing in a browser on our own origin: a key is shown once, and a cookie stands for it from then on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypedDict

from starlette.responses import Response

from aijobs.domain.errors import NotAllowed
from aijobs.persistence.access.keys import KeyKind, key_of
from aijobs.persistence.access.sessions import add_session, end_session
from aijobs.persistence.column_types import now
from api.auth.access import Access

NAME: Final = "aijobs_session"
HOST_PREFIX: Final = "__Host-"
"""Browsers take such a cookie only from this very host, over TLS (RFC 6265bis, section 4.1.3.2)."""


class CookieAttributes(TypedDict):
    """As Starlette's `set_cookie` and `delete_cookie` take them."""

    path: str
    secure: bool
    httponly: bool
    samesite: Any


@dataclass(frozen=True)
class Cookie:
    """How the session's cookie is called, and how it is kept."""

    name: str
    attributes: CookieAttributes

    def put(self, answer: Response, opened: "OpenedSession") -> None:
        left = int((opened.expires_at - now()).total_seconds())
        answer.set_cookie(self.name, opened.secret, max_age=left, **self.attributes)

    def drop(self, answer: Response) -> None:
        answer.delete_cookie(self.name, **self.attributes)


@dataclass(frozen=True)
class OpenedSession:
    """`secret` goes into the cookie; after `expires_at` the session is over, however much it was used."""

    secret: str
    expires_at: datetime


def cookie_of(access: Access) -> Cookie:
    is_secure = access.base_url.startswith("https://")
    attributes = CookieAttributes(path="/", secure=is_secure, httponly=True, samesite="lax")
    return Cookie(HOST_PREFIX + NAME if is_secure else NAME, attributes)


async def open_session(access: Access, key_text: str, *, user_id: str | None = None) -> OpenedSession:
    """A session with the key's rights; with `user_id`, for this user only, and with an end user's rights.

    Raises NotAuthenticated for a text that is no key of ours, NotAllowed when the key is another user's.
    """
    key = await key_of(access.database, access.secret, key_text)
    if key.kind is KeyKind.USER and user_id not in {None, key.user_id}:
        raise NotAllowed("This key acts for its own user only.")
    secret, expires_at = await add_session(
        access.database,
        access.secret,
        key_id=key.key_id,
        user_id=user_id,
        lifetime=access.settings.session_lifetime,
        idle=access.settings.session_idle,
    )
    return OpenedSession(secret, expires_at)


async def close_session(access: Access, secret: str) -> None:
    """Nothing happens when it is over already."""
    await end_session(access.database, access.secret, secret)
