"""Tickets, which a browser sends in a stream's URL, where it cannot set a header (EventSource, WebSocket).

URLs end up in logs and histories, so a ticket opens streams for a minute, of one user, and nothing else. Afterwards it
only reopens what was cut: EventSource comes back by itself with the same URL and a `Last-Event-ID`, and would give up
for good at a 401.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Query, Security
from fastapi.security import HTTPAuthorizationCredentials
from starlette.requests import HTTPConnection

from aijobs.domain.errors import CredentialExpired, FieldError, InvalidParameters, NotAuthenticated
from aijobs.domain.values.scopes import Scope
from aijobs.persistence.access.keys import KeyKind
from aijobs.persistence.column_types import now
from api.auth.access import Access, AppAccess
from api.auth.caller import BEARER, Caller, identify_caller, with_named_user
from api.auth.credentials import Credentials, bearer_of, valid_credentials
from api.auth.named_users import USER_HEADER, checked_user
from api.auth.origins import refuse_foreign_origin
from api.auth.people import vouched_person
from api.auth.signed_tokens import TokenKind
from api.auth.wrong_keys import wrong_keys_counted

LIFETIME: Final = timedelta(minutes=1)
REOPENS_FOR: Final = timedelta(hours=12)
MAX_LENGTH: Final = 2000

EXPIRED: Final = "This ticket has expired. Make another for each connection."

TICKET: Final = TokenKind(
    purpose=b"aijobs stream ticket 1",
    audience="aijobs-streams",
    claims=("key", "opens_until"),
    expired=EXPIRED,
    invalid="This is no ticket of ours.",
)


@dataclass(frozen=True)
class StreamTicket:
    """Opens streams until it expires, and reopens them until `until`."""

    text: str
    expires_at: datetime
    until: datetime


def make_ticket(secret: bytes, caller: Caller, *, user_id: str, lifetime: timedelta = LIFETIME) -> StreamTicket:
    """A ticket for this user's events. Its streams end when the caller's own credentials do."""
    made_at = now().replace(microsecond=0)
    expires_at = made_at + lifetime
    credentials = caller.credentials
    until = min(made_at + REOPENS_FOR, credentials.until or datetime.max.replace(tzinfo=UTC))
    content: dict[str, Any] = {
        "sub": user_id,
        "key": credentials.key_id,
        "opens_until": int(expires_at.timestamp()),
    }
    if credentials.until is not None:
        content["until"] = int(credentials.until.timestamp())
    if credentials.session is not None:
        content["session"] = credentials.session
    return StreamTicket(TICKET.sign(secret, content, expires_at=until), expires_at, until)


async def ticket_holder(access: Access, connection: HTTPConnection, text: str, *, reopens: bool) -> Caller:
    """The caller that a ticket stands for. A person's counts only through the proxy, as their session does.

    Raises NotAuthenticated, CredentialExpired, and NotAllowed for a person who has no role any more.
    """
    content = _read_ticket(access.secret, text)
    if not reopens and now().timestamp() >= content["opens_until"]:
        raise CredentialExpired(EXPIRED)
    until = datetime.fromtimestamp(content["until"], UTC) if "until" in content else None
    credentials = Credentials(key_id=content["key"], until=until, session=content.get("session"))
    if not await valid_credentials(access.database, [credentials], session_idle=access.settings.session_idle):
        raise NotAuthenticated("What this ticket was made with is no longer good.")
    if credentials.person is not None:
        vouched_person(connection, access.settings.sign_in, credentials.person)
    return Caller(
        key_id=credentials.key_id,
        kind=KeyKind.USER,
        own_user=checked_user(content["sub"], where="/query/ticket"),
        scopes=frozenset({Scope.JOBS_READ}),
        until=credentials.until,
        session=credentials.session,
    )


async def identify_follower(access: Access, connection: HTTPConnection) -> Caller:
    """The caller who opens a stream, by key or token, by ticket, or by cookie.

    Raises NotAuthenticated, NotAllowed, TooManyWrongKeys, InvalidParameters.
    """
    ticket = _sent_ticket(connection)
    if bearer_of(connection) is not None or ticket is None:
        return (await identify_caller(access, connection)).needs(Scope.JOBS_READ)
    refuse_foreign_origin(connection, access.base_url, access.settings.allowed_origins)
    with wrong_keys_counted(connection, ticket):
        holder = await ticket_holder(access, connection, ticket, reopens=bool(connection.headers.get("Last-Event-ID")))
    return with_named_user(holder, connection)


def _sent_ticket(connection: HTTPConnection) -> str | None:
    """Raises InvalidParameters for two."""
    sent = connection.query_params.getlist("ticket")
    if len(sent) > 1:
        raise InvalidParameters("Which ticket is meant?", FieldError("/query/ticket", "Send it once."))
    return sent[0] if sent else None


def _read_ticket(secret: bytes, text: str) -> dict[str, Any]:
    if len(text) > MAX_LENGTH:
        raise NotAuthenticated(TICKET.invalid)
    return TICKET.read(secret, text)


async def _follower(
    connection: HTTPConnection,
    access: AppAccess,
    _credentials: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
    _ticket: Annotated[
        str | None, Query(alias="ticket", description="Instead of a header: made by `POST /api/tickets`.")
    ] = None,
    _aijobs_user: Annotated[
        str | None, Header(alias=USER_HEADER, description="With a service key: the end user to act for.")
    ] = None,
) -> Caller:
    return await identify_follower(access, connection)


Follower = Annotated[Caller, Depends(_follower)]
