"""Who calls, for whom, and what they may do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import Depends, Header, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from aijobs.domain.errors import BadInput, FieldError, InvalidParameters, NotAllowed, NotAuthenticated
from aijobs.domain.values.actors import Actor, Owner
from aijobs.persistence.access.keys import PREFIX, USER_SCOPES, KeyKind, Scope, key_by_id, key_of
from aijobs.persistence.access.sessions import use_session
from api.auth.access import Access, LetIn
from api.auth.credentials import Credentials
from api.auth.origins import refuse_other_pages
from api.auth.sessions import cookie_of
from api.auth.tokens import end_users_scopes, read_token

MAX_USER_LENGTH: Final = 200
USER_HEADER: Final = "Aijobs-User"

_bearer = HTTPBearer(auto_error=False, description="A key `aijobs_…`, or a token made by `POST /api/tokens`.")


@dataclass(frozen=True, kw_only=True)
class Caller:
    """`own_user` is the only one that a user's key or a token acts for; `named` is the end user in the header.

    `until` is when a token or session ends by itself; `session` names the browser's session. `has_key` says that the
    key itself was sent, and not what was made with it for one of its many users.
    """

    key_id: str
    kind: KeyKind
    own_user: str | None
    named: str | None
    scopes: frozenset[Scope]
    until: datetime | None = None
    session: str | None = None
    has_key: bool = False

    @property
    def proof(self) -> Credentials:
        is_for_one = self.kind is KeyKind.USER and not self.has_key
        user_id = self.own_user if is_for_one else None
        return Credentials(key_id=self.key_id, user_id=user_id, until=self.until, session=self.session)

    @property
    def visible_user(self) -> str | None:
        """Whose jobs; nobody in particular means everybody's, which is a service's right."""
        return self.named if self.kind is KeyKind.SERVICE else self.own_user

    @property
    def actor(self) -> Actor:
        """For what is there already."""
        return Actor(key_id=self.key_id, user_id=self.visible_user)

    def owner(self, wanted: str | int | None = None) -> Owner:
        """For what is to be made. Raises what `acting_user` raises."""
        return Owner(user_id=self.acting_user(wanted), key_id=self.key_id)

    def acting_user(self, wanted: str | int | None = None) -> str:
        """The end user of a request that names one in its body, or does not.

        Raises NotAllowed for somebody else's key, InvalidParameters when nobody is named or two different users are.
        """
        in_body = None if wanted is None else str(wanted)
        if self.named and in_body is not None and in_body != self.named:
            raise InvalidParameters("Two users are named.", FieldError("/user_id", f"Differs from {USER_HEADER}."))
        user = in_body if in_body is not None else self.named or self.own_user
        if user is None:
            missing = FieldError("/user_id", f"A service key needs the end user, here or in the header {USER_HEADER}.")
            raise InvalidParameters("For whom?", missing)
        if self.kind is KeyKind.USER and user != self.own_user:
            raise NotAllowed("This key acts for its own user only.")
        return checked_user(user)

    def may(self, scope: Scope) -> bool:
        """What runs the installation is for service keys, whatever scopes another key may have."""
        if self.kind is KeyKind.USER:
            return scope in self.scopes & USER_SCOPES
        return bool(self.scopes & {scope, Scope.ADMIN})

    @property
    def reads_prompts(self) -> bool:
        """A prompt is its operator's own: it is shown to service keys only."""
        return self.kind is KeyKind.SERVICE

    def needs_prompts(self) -> None:
        """Raises NotAllowed."""
        if not self.reads_prompts:
            raise NotAllowed("Prompts are shown to service keys only.")

    def needs(self, scope: Scope) -> "Caller":
        """Raises NotAllowed."""
        if not self.may(scope):
            whose = "" if scope in USER_SCOPES else "a service key with "
            raise NotAllowed(f"This needs {whose}the scope {scope}.")
        return self


def checked_user(user: str) -> str:
    """Raises InvalidParameters."""
    if not 0 < len(user) <= MAX_USER_LENGTH or not user.isprintable():
        wrong = FieldError("/user_id", f"Must be 1 to {MAX_USER_LENGTH} printable characters.")
        raise InvalidParameters("This cannot be a user.", wrong)
    return user


def _may(scope: Scope) -> Callable[..., Awaitable[Caller]]:
    async def caller(
        connection: HTTPConnection,
        access: LetIn,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
        aijobs_user: Annotated[
            str | None, Header(description="With a service key: the end user to act for. UTF-8.")
        ] = None,
    ) -> Caller:
        found = await identified(access, connection, credentials.credentials if credentials else None, aijobs_user)
        return found.needs(scope)

    return caller


async def identified(access: Access, connection: HTTPConnection, bearer: str | None, user: str | None) -> Caller:
    """Who calls: by the key or token that was sent, else by the cookie of a session. `user` is the header's.

    Raises NotAuthenticated, NotAllowed.
    """
    named = _in_utf8(user) if user else None
    if bearer is not None:
        found = await _by_bearer(access, bearer, named)
    else:
        found = await _by_cookie(access, connection, named)
    if named and found.kind is KeyKind.USER and named != found.own_user:
        raise NotAllowed("This key acts for its own user only.")
    return found


async def _by_bearer(access: Access, text: str, named: str | None) -> Caller:
    if text.startswith(f"{PREFIX}_"):
        key = await key_of(access.database, access.secret, text)
        return Caller(
            key_id=key.key_id, kind=key.kind, own_user=key.user_id, named=named, scopes=key.scopes, has_key=True
        )
    claims = read_token(access.secret, text)
    key = await key_by_id(access.database, claims.key_id)
    return Caller(
        key_id=key.key_id,
        kind=KeyKind.USER,
        own_user=claims.user_id,
        named=named,
        scopes=claims.scopes,
        until=claims.expires_at,
    )


async def _by_cookie(access: Access, connection: HTTPConnection, named: str | None) -> Caller:
    """A session that a service key opened for one user does no more than that user's token could."""
    text = connection.cookies.get(cookie_of(access).name)
    if text is None:
        raise NotAuthenticated("Send a key: `Authorization: Bearer aijobs_…`.")
    refuse_other_pages(connection, access.base_url)
    session = await use_session(access.database, access.secret, text, idle=access.settings.session_idle)
    key = await key_by_id(access.database, session.key_id)
    is_for_one = key.kind is KeyKind.SERVICE and session.user_id is not None
    return Caller(
        key_id=key.key_id,
        kind=KeyKind.USER if is_for_one else key.kind,
        own_user=session.user_id or key.user_id,
        named=named,
        scopes=end_users_scopes(key.scopes) if is_for_one else key.scopes,
        until=session.expires_at,
        session=session.sha256,
    )


def _in_utf8(header: str) -> str:
    try:
        return checked_user(header.encode("latin-1").decode("utf-8"))
    except UnicodeDecodeError as undecodable:
        raise BadInput(f"{USER_HEADER} is not UTF-8.") from undecodable


Reader = Annotated[Caller, Depends(_may(Scope.JOBS_READ))]
Writer = Annotated[Caller, Depends(_may(Scope.JOBS_WRITE))]
Uploader = Annotated[Caller, Depends(_may(Scope.FILES_WRITE))]
Operator = Annotated[Caller, Depends(_may(Scope.ADMIN))]
TokenMaker = Annotated[Caller, Depends(_may(Scope.TOKENS_WRITE))]
WebhookKeeper = Annotated[Caller, Depends(_may(Scope.WEBHOOKS_WRITE))]
