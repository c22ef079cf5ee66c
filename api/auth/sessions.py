"""Browser sessions on our own origin: a key is exchanged for a session cookie."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypedDict

from starlette.requests import HTTPConnection
from starlette.responses import Response

from aijobs.domain.errors import NotAllowed, NotAuthenticated
from aijobs.domain.values.audit import Act, ActKind, ActorKind, acts_as
from aijobs.domain.values.clean_text import clean
from aijobs.persistence.access.keys import KeyKind, key_id_in, key_of
from aijobs.persistence.access.sessions import PERSON_PREFIX, SessionStart, add_session, end_session
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from api.auth.access import Access
from api.auth.people import Person
from api.auth.wrong_keys import wrong_keys_counted
from api.connections.rate_limits.rate_limits import RateLimits

MAX_BROWSER: Final = 300
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
    """The name and attributes of the session's cookie."""

    name: str
    attributes: CookieAttributes

    def put(self, response: Response, session: "OpenedSession") -> None:
        seconds_left = int((session.expires_at - now()).total_seconds())
        response.set_cookie(self.name, session.secret, max_age=seconds_left, **self.attributes)

    def drop(self, response: Response) -> None:
        response.delete_cookie(self.name, **self.attributes)
        response.headers["Clear-Site-Data"] = '"cache", "storage"'  # W3C Clear Site Data, section 3.1


@dataclass(frozen=True)
class OpenedSession:
    """`secret` is the cookie's value. The session ends at `expires_at`, even when it is in use."""

    secret: str
    expires_at: datetime


def cookie_of(access: Access) -> Cookie:
    is_secure = access.base_url.startswith("https://")
    attributes = CookieAttributes(path="/", secure=is_secure, httponly=True, samesite="lax")
    return Cookie(cookie_name(access.base_url), attributes)


def cookie_name(base_url: str) -> str:
    return HOST_PREFIX + NAME if base_url.startswith("https://") else NAME


async def sign_in(
    connection: HTTPConnection, access: Access, key_text: str, *, user_id: str | None = None
) -> OpenedSession:
    """As `open_session`, for somebody who is not known yet. A refusal is recorded, unless there are too many.

    Raises RateLimited and TooManyWrongKeys besides.
    """
    await _count(connection)
    try:
        with wrong_keys_counted(connection, key_text):
            return await open_session(access, key_text, start_of(connection), user_id=user_id)
    except NotAuthenticated as refused:
        tried = key_id_in(key_text) or "unknown"
        act = Act(kind=ActKind.SIGN_IN_REFUSED, target=tried, after={"reason": refused.code})
        await access.database.write(record, act)
        raise


async def open_session(
    access: Access, key_text: str, start: SessionStart, *, user_id: str | None = None
) -> OpenedSession:
    """A session with the key's rights; with `user_id` for this user only, with an end user's rights.

    Raises NotAuthenticated when `key_text` is not a valid key, NotAllowed when the key is another user's.
    """
    key = await key_of(access.database, access.secret, key_text)
    acts_as(ActorKind.KEY, key.key_id, key_id=key.key_id)
    if key.kind is KeyKind.USER and user_id not in {None, key.user_id}:
        raise NotAllowed("This key acts for its own user only.")
    own_user = key.user_id if key.kind is KeyKind.USER else user_id
    return await _opened(access, key_id=key.key_id, user_id=own_user, start=start)


async def open_person_session(connection: HTTPConnection, access: Access, person: Person) -> OpenedSession:
    """A session of somebody whom the proxy has signed in. It counts only for requests that come through the proxy.

    Raises RateLimited.
    """
    await _count(connection)
    key_id = f"{PERSON_PREFIX}{person.name}"
    acts_as(ActorKind.PERSON, person.name)
    start = replace(start_of(connection), role=person.role)
    return await _opened(access, key_id=key_id, user_id=None, start=start)


async def _count(connection: HTTPConnection) -> None:
    """Raises RateLimited when too many sign in from one address."""
    limits: RateLimits = connection.app.state.rate_limits
    await limits.count_address(connection, is_sign_in=True)


async def _opened(access: Access, *, key_id: str, user_id: str | None, start: SessionStart) -> OpenedSession:
    secret, expires_at = await add_session(
        access.database,
        access.secret,
        key_id=key_id,
        user_id=user_id,
        lifetime=access.settings.session_lifetime,
        idle=access.settings.session_idle,
        start=start,
    )
    return OpenedSession(secret, expires_at)


def start_of(connection: HTTPConnection) -> SessionStart:
    """From where a session is opened, for its owner to recognize."""
    browser = clean(connection.headers.get("User-Agent", ""))[:MAX_BROWSER] or None
    return SessionStart(address=connection.client.host if connection.client else None, browser=browser)


async def close_session(access: Access, secret: str) -> None:
    """Ends the session. Does nothing when it has already ended."""
    await end_session(access.database, access.secret, secret)
