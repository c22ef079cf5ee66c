"""Who calls, for whom, and what they may do."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Final

from fastapi import Depends, Header, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import FormData
from starlette.requests import HTTPConnection

from aijobs.domain.errors import FieldError, InvalidParameters, NotAllowed, NotAuthenticated
from aijobs.domain.values.actors import Actor, Owner
from aijobs.domain.values.user_ids import user_id_error
from aijobs.persistence.access.keys import PREFIX, USER_SCOPES, KeyKind, Scope, key_by_id, key_of
from aijobs.persistence.access.sessions import use_session
from api.auth.access import Access
from api.auth.credentials import Credentials
from api.auth.origins import refuse_other_pages
from api.auth.sessions import cookie_of
from api.auth.tokens import end_users_scopes, read_token
from api.auth.wrong_keys import wrong_keys_counted

USER_HEADER: Final = "Aijobs-User"
USER_FIELD: Final = "user_id"

_IDENTIFIED: Final = "aijobs.caller"

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
    scopes: frozenset[Scope]
    named: str | None = None
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

    def owner(self, requested: str | int | None = None) -> Owner:
        """For what is to be made. Raises what `acting_user` raises."""
        return Owner(user_id=self.acting_user(requested), key_id=self.key_id)

    def acting_user(self, requested: str | int | None = None) -> str:
        """The end user of a request that names one in its body, or does not.

        Raises NotAllowed for somebody else's key, InvalidParameters when nobody is named or two different users are.
        """
        in_body = None if requested is None else str(requested)
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


def checked_user(user: str, *, where: str = "/user_id") -> str:
    """Raises InvalidParameters that points `where` the user was named."""
    if error := user_id_error(user):
        raise InvalidParameters("This cannot be a user.", FieldError(where, error))
    return user


def user_in_form(form: FormData) -> str | None:
    """The end user whom a form names, still unchecked. Raises InvalidParameters when it names two, or sends a file."""
    match form.getlist(USER_FIELD):
        case []:
            return None
        case [str(written)]:
            return written
        case _:
            raise InvalidParameters("Who is meant?", FieldError(f"/{USER_FIELD}", "Send it once, as text."))


class CallerWith:
    """A dependency: the caller, who may do this. A request is asked who sent it before its body is read."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def __call__(
        self,
        connection: HTTPConnection,
        _credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
        _aijobs_user: Annotated[
            str | None,
            Header(
                alias=USER_HEADER,
                description="With a service key: the end user to act for, in UTF-8. Without it lists show the jobs of "
                "all users, and what is made is for the key's own user or the one in the body.",
            ),
        ] = None,
    ) -> Caller:
        return await self.identified(connection)

    async def identified(self, connection: HTTPConnection) -> Caller:
        """Raises NotAuthenticated, NotAllowed, InvalidParameters, TooManyWrongKeys."""
        return (await identified(connection.app.state.access, connection)).needs(self._scope)


async def identified(access: Access, connection: HTTPConnection) -> Caller:
    """Who calls: by the key or token that was sent, else by the cookie of a session. Asked again, it knows.

    Raises NotAuthenticated, NotAllowed, TooManyWrongKeys, and InvalidParameters for the header with the user.
    """
    known: Caller | None = connection.scope.get(_IDENTIFIED)
    if known is not None:
        return known
    bearer = bearer_of(connection)
    if bearer is None:
        found = await _by_cookie(access, connection)
    else:
        with wrong_keys_counted(connection, bearer):
            found = await _by_bearer(access, bearer)
    caller = connection.scope[_IDENTIFIED] = for_named_user(found, connection)
    return caller


def for_named_user(found: Caller, connection: HTTPConnection) -> Caller:
    """With the end user in the header, if there is one. Raises NotAllowed, InvalidParameters."""
    named = _named_in_header(connection)
    if named and found.kind is KeyKind.USER and named != found.own_user:
        raise NotAllowed("This key acts for its own user only.")
    return replace(found, named=named)


def bearer_of(connection: HTTPConnection) -> str | None:
    """The key or token that was sent (RFC 6750, section 2.1)."""
    scheme, _, text = connection.headers.get("Authorization", "").partition(" ")
    return text.strip() or None if scheme.lower() == "bearer" else None


def _named_in_header(connection: HTTPConnection) -> str | None:
    """The end user in the header. Raises InvalidParameters: one that names nobody is not the same as none."""
    where = f"/header/{USER_HEADER}"
    match connection.headers.getlist(USER_HEADER):
        case []:
            return None
        case [written]:
            try:
                return checked_user(written.encode("latin-1").decode("utf-8"), where=where)
            except UnicodeDecodeError as undecodable:
                raise InvalidParameters("This cannot be a user.", FieldError(where, "Must be UTF-8.")) from undecodable
        case _:
            raise InvalidParameters("Two users are named.", FieldError(where, "Send it once."))


async def _by_bearer(access: Access, text: str) -> Caller:
    if text.startswith(f"{PREFIX}_"):
        key = await key_of(access.database, access.secret, text)
        return Caller(key_id=key.key_id, kind=key.kind, own_user=key.user_id, scopes=key.scopes, has_key=True)
    claims = read_token(access.secret, text)
    key = await key_by_id(access.database, claims.key_id)
    return Caller(
        key_id=key.key_id,
        kind=KeyKind.USER,
        own_user=checked_user(claims.user_id, where="/header/Authorization"),
        scopes=claims.scopes,
        until=claims.expires_at,
    )


async def _by_cookie(access: Access, connection: HTTPConnection) -> Caller:
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
        scopes=end_users_scopes(key.scopes) if is_for_one else key.scopes,
        until=session.expires_at,
        session=session.sha256,
    )


Reader = Annotated[Caller, Depends(CallerWith(Scope.JOBS_READ))]
Writer = Annotated[Caller, Depends(CallerWith(Scope.JOBS_WRITE))]
Uploader = Annotated[Caller, Depends(CallerWith(Scope.FILES_WRITE))]
Operator = Annotated[Caller, Depends(CallerWith(Scope.ADMIN))]
TokenMaker = Annotated[Caller, Depends(CallerWith(Scope.TOKENS_WRITE))]
WebhookKeeper = Annotated[Caller, Depends(CallerWith(Scope.WEBHOOKS_WRITE))]
