"""The authenticated caller: its key, the end user it acts for, and its scopes."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Final

from fastapi import Depends, Header, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from aijobs.domain.errors import FieldError, InvalidParameters, NotAllowed, NotAuthenticated
from aijobs.domain.values.actors import Actor, Granter, Owner
from aijobs.domain.values.audit import ActorKind, acts_as
from aijobs.domain.values.scopes import ROLE_SCOPES, USER_SCOPES, Scope, includes
from aijobs.domain.values.user_ids import user_id_error
from aijobs.persistence.access.keys import PREFIX, KeyKind, key_by_id, key_of
from aijobs.persistence.access.session_lists import SessionOwner
from aijobs.persistence.access.sessions import BrowserSession, session_name, use_session
from api.auth.access import Access
from api.auth.credentials import Credentials, bearer_of
from api.auth.named_users import USER_HEADER, checked_user, named_in_header
from api.auth.origins import is_of_web_ui, refuse_other_pages
from api.auth.people import Person, vouched_person
from api.auth.sessions import cookie_of
from api.auth.tokens import end_users_scopes, read_token
from api.auth.wrong_keys import wrong_keys_counted
from api.connections.access_log import CALLER
from api.connections.rate_limits.rate_limits import RateLimits
from api.connections.turns import mark_known

_IDENTIFIED: Final = "aijobs.caller"

BEARER: Final = HTTPBearer(auto_error=False, description="A key `aijobs_…`, or a token made by `POST /api/tokens`.")


@dataclass(frozen=True, kw_only=True)
class Caller:
    """`own_user` is the only user that a user's key or a token acts for; `named` is the end user in the header.

    `until` is when a token or session expires; `session` is the hash of the browser's session. `has_key` is true when
    the key itself was sent, and false for a token, ticket or session that was made with it. A `person` has no key.
    """

    key_id: str
    kind: KeyKind
    own_user: str | None
    scopes: frozenset[Scope]
    named: str | None = None
    until: datetime | None = None
    session: str | None = None
    has_key: bool = False
    lineage: str = ""
    person: str | None = None

    @property
    def credentials(self) -> Credentials:
        is_for_one_user = self.kind is KeyKind.USER and not self.has_key
        user_id = self.own_user if is_for_one_user else None
        return Credentials(key_id=self.key_id, user_id=user_id, until=self.until, session=self.session)

    @property
    def visible_user(self) -> str | None:
        """The user whose jobs the caller sees; None means the jobs of all users (service keys only)."""
        return self.named if self.kind is KeyKind.SERVICE else self.own_user

    @property
    def actor(self) -> Actor:
        """The actor of a change to an existing job."""
        return Actor(key_id=self.key_id, user_id=self.visible_user, lineage=self.lineage)

    @property
    def session_owner(self) -> SessionOwner:
        """Whose sessions are the caller's own."""
        is_for_one_user = self.kind is KeyKind.USER
        return SessionOwner(key_id=self.key_id, user_id=self.own_user if is_for_one_user else None)

    @property
    def ends_sessions_of(self) -> SessionOwner | None:
        """Whose sessions the caller may end; None: everybody's."""
        return None if self.may(Scope.SESSIONS_WRITE) else self.session_owner

    @property
    def granter(self) -> Granter:
        """Who gives rights to others: no more than it has."""
        return Granter(key_id=self.key_id, scopes=self.scopes)

    def owner(self, requested: str | int | None = None) -> Owner:
        """The owner of a new job or file. Raises what `acting_user` raises."""
        return Owner(user_id=self.acting_user(requested), key_id=self.key_id, lineage=self.lineage)

    def acting_user(self, requested: str | int | None = None) -> str:
        """The end user of a request: `requested` from its body, else the header's, else the key's own.

        Raises NotAllowed when a user's key names another user, InvalidParameters when no user is named, or two are.
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
        """Whether the scope is granted. A user's key never has an operator's scope, whatever is stored for it."""
        if self.kind is KeyKind.USER:
            return scope in self.scopes & USER_SCOPES
        return includes(self.scopes, scope)

    @property
    def reads_prompts(self) -> bool:
        """Prompts belong to the operator: only service keys read them."""
        return self.kind is KeyKind.SERVICE

    def needs_prompts(self) -> None:
        """Raises NotAllowed unless the caller may read prompts."""
        if not self.reads_prompts:
            raise NotAllowed("Prompts are shown to service keys only.")

    def needs(self, *scopes: Scope) -> "Caller":
        """Returns this caller. Raises NotAllowed when it does not have all of the scopes."""
        for scope in scopes:
            if not self.may(scope):
                key_kind = "" if scope in USER_SCOPES else "a service key with "
                raise NotAllowed(f"This needs {key_kind}the scope {scope}.")
        return self


class CallerWith:
    """A dependency: the caller, who must have the scopes. It is identified before the request's body is read."""

    def __init__(self, *scopes: Scope) -> None:
        self.scopes = scopes

    async def __call__(
        self,
        connection: HTTPConnection,
        _credentials: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
        _aijobs_user: Annotated[
            str | None,
            Header(
                alias=USER_HEADER,
                description="With a service key: the end user to act for, in UTF-8. Without it lists show the jobs of "
                "all users, and what is made is for the key's own user or the one in the body.",
            ),
        ] = None,
    ) -> Caller:
        return await self.identify(connection)

    async def identify(self, connection: HTTPConnection) -> Caller:
        """Raises NotAuthenticated, NotAllowed, InvalidParameters, TooManyWrongKeys, RateLimited."""
        limits: RateLimits = connection.app.state.rate_limits
        await limits.count_address(connection)
        caller = await identify_caller(connection.app.state.access, connection)
        await limits.count_caller(connection, key_id=caller.key_id, user=caller.visible_user)
        return caller.needs(*self.scopes)


async def identify_caller(access: Access, connection: HTTPConnection) -> Caller:
    """The caller, by the key or token that was sent, else by the session's cookie. A second call returns the same.

    Raises NotAuthenticated, NotAllowed, TooManyWrongKeys, and InvalidParameters for a wrong user header.
    """
    cached = identified_caller(connection)
    if cached is not None:
        return cached
    bearer = bearer_of(connection)
    if bearer is None:
        found = await _by_cookie(access, connection)
    else:
        with wrong_keys_counted(connection, bearer):
            found = await _by_bearer(access, bearer)
    mark_known(connection.scope)
    connection.scope[CALLER] = found.key_id
    if found.person is None:
        access.uses.note(found.key_id)
    caller = connection.scope[_IDENTIFIED] = with_named_user(found, connection)
    _let_act(caller)
    return caller


def identified_caller(connection: HTTPConnection) -> Caller | None:
    """Whom `identify_caller` has found before; None when it did not, or found nobody."""
    caller: Caller | None = connection.scope.get(_IDENTIFIED)
    return caller


def _let_act(caller: Caller) -> None:
    """For the audit log. The caller acts for its own user, and for one whom it names, as they would themselves."""
    if caller.person is not None:
        session = session_name(caller.session or "")
        acts_as(ActorKind.PERSON, caller.person, session=session, own_users=frozenset({caller.person}))
        return
    acts_as(
        ActorKind.KEY if caller.session is None else ActorKind.SESSION,
        caller.key_id,
        key_id=caller.key_id,
        session=None if caller.session is None else session_name(caller.session),
        own_users=frozenset(user for user in (caller.own_user, caller.named) if user is not None),
    )


def with_named_user(found: Caller, connection: HTTPConnection) -> Caller:
    """The caller with the end user from the header, if there is one. Raises NotAllowed, InvalidParameters."""
    named = named_in_header(connection)
    if named and found.kind is KeyKind.USER and named != found.own_user:
        raise NotAllowed("This key acts for its own user only.")
    return replace(found, named=named)


async def _by_bearer(access: Access, text: str) -> Caller:
    if text.startswith(f"{PREFIX}_"):
        key = await key_of(access.database, access.secret, text)
        return Caller(
            key_id=key.key_id,
            lineage=key.lineage,
            kind=key.kind,
            own_user=key.user_id,
            scopes=key.scopes,
            has_key=True,
        )
    claims = read_token(access.secret, text)
    key = await key_by_id(access.database, claims.key_id)
    return Caller(
        key_id=key.key_id,
        lineage=key.lineage,
        kind=KeyKind.USER,
        own_user=checked_user(claims.user_id, where="/header/Authorization"),
        scopes=claims.scopes,
        until=claims.expires_at,
    )


async def _by_cookie(access: Access, connection: HTTPConnection) -> Caller:
    """A session that a service key opened for one user has no more rights than that user's token."""
    text = connection.cookies.get(cookie_of(access).name)
    if text is None:
        raise NotAuthenticated("Send a key: `Authorization: Bearer aijobs_…`.")
    if not is_of_web_ui(connection, access.settings.web_ui_origin):
        refuse_other_pages(connection, access.base_url)
    session = await use_session(access.database, access.secret, text, idle=access.settings.session_idle)
    if session.person is not None:
        person = vouched_person(connection, access.settings.sign_in, session.person)
        return _caller_of_person(person, session)
    key = await key_by_id(access.database, session.key_id)
    is_for_one_user = key.kind is KeyKind.SERVICE and session.user_id is not None
    return Caller(
        key_id=key.key_id,
        lineage=key.lineage,
        kind=KeyKind.USER if is_for_one_user else key.kind,
        own_user=session.user_id or key.user_id,
        scopes=end_users_scopes(key.scopes) if is_for_one_user else key.scopes,
        until=session.expires_at,
        session=session.sha256,
    )


def _caller_of_person(person: Person, session: BrowserSession) -> Caller:
    return Caller(
        key_id=session.key_id,
        kind=KeyKind.SERVICE,
        own_user=person.name if user_id_error(person.name) is None else None,
        scopes=ROLE_SCOPES[person.role],
        until=session.expires_at,
        session=session.sha256,
        person=person.name,
    )


Reader = Annotated[Caller, Depends(CallerWith(Scope.JOBS_READ))]
Writer = Annotated[Caller, Depends(CallerWith(Scope.JOBS_WRITE))]
Uploader = Annotated[Caller, Depends(CallerWith(Scope.FILES_WRITE))]
Submitter = Annotated[Caller, Depends(CallerWith(Scope.FILES_WRITE, Scope.JOBS_WRITE))]
TokenMaker = Annotated[Caller, Depends(CallerWith(Scope.TOKENS_WRITE))]
WebhookKeeper = Annotated[Caller, Depends(CallerWith(Scope.WEBHOOKS_WRITE))]
Resolver = Annotated[Caller, Depends(CallerWith(Scope.JOBS_RESOLVE))]
TemplateKeeper = Annotated[Caller, Depends(CallerWith(Scope.TEMPLATES_WRITE))]
ModelKeeper = Annotated[Caller, Depends(CallerWith(Scope.MODELS_WRITE))]
PauseReader = Annotated[Caller, Depends(CallerWith(Scope.PAUSES_READ))]
PauseKeeper = Annotated[Caller, Depends(CallerWith(Scope.PAUSES_WRITE))]
CredentialReader = Annotated[Caller, Depends(CallerWith(Scope.CREDENTIALS_READ))]
CredentialKeeper = Annotated[Caller, Depends(CallerWith(Scope.CREDENTIALS_WRITE))]
SignedIn = Annotated[Caller, Depends(CallerWith())]
SessionReader = Annotated[Caller, Depends(CallerWith(Scope.SESSIONS_READ))]
KeyReader = Annotated[Caller, Depends(CallerWith(Scope.KEYS_READ))]
KeyKeeper = Annotated[Caller, Depends(CallerWith(Scope.KEYS_WRITE))]
UserReader = Annotated[Caller, Depends(CallerWith(Scope.USERS_READ))]
UserEraser = Annotated[Caller, Depends(CallerWith(Scope.USERS_WRITE))]
AuditReader = Annotated[Caller, Depends(CallerWith(Scope.AUDIT_READ))]
PayloadReader = Annotated[Caller, Depends(CallerWith(Scope.PAYLOADS_READ))]
SettingsReader = Annotated[Caller, Depends(CallerWith(Scope.SETTINGS_READ))]
HealthReader = Annotated[Caller, Depends(CallerWith(Scope.HEALTH_READ))]
