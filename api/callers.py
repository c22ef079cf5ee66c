"""Who calls, for whom, and what they may do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Header, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.parts import AllParts, Parts
from api.tokens import read_token
from domain.errors import BadInput, FieldError, InvalidParameters, NotAllowed, NotAuthenticated
from persistence.keys import PREFIX, KeyKind, Scope, key_by_id, key_of

MAX_USER_LENGTH: Final = 200
USER_HEADER: Final = "Aijobs-User"

_bearer = HTTPBearer(auto_error=False, description="A key `aijobs_…`, or a token made by `POST /api/tokens`.")


@dataclass(frozen=True, kw_only=True)
class Caller:
    """`own_user` is the only one that a user's key or a token acts for; `named` is the end user in the header."""

    key_id: str
    kind: KeyKind
    own_user: str | None
    named: str | None
    scopes: frozenset[Scope]

    @property
    def sees(self) -> str | None:
        """Whose jobs; nobody in particular means everybody's, which is a service's right."""
        return self.named if self.kind is KeyKind.SERVICE else self.own_user

    def acts_for(self, wanted: str | int | None = None) -> str:
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

    def needs(self, scope: Scope) -> "Caller":
        """Raises NotAllowed."""
        if not self.scopes & {scope, Scope.ADMIN}:
            raise NotAllowed(f"This needs the scope {scope}.")
        return self


def checked_user(user: str) -> str:
    """Raises InvalidParameters."""
    if not 0 < len(user) <= MAX_USER_LENGTH or not user.isprintable():
        wrong = FieldError("/user_id", f"Must be 1 to {MAX_USER_LENGTH} printable characters.")
        raise InvalidParameters("This cannot be a user.", wrong)
    return user


def _may(scope: Scope) -> Callable[..., Awaitable[Caller]]:
    async def caller(
        parts: AllParts,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
        aijobs_user: Annotated[
            str | None, Header(description="With a service key: the end user to act for. UTF-8.")
        ] = None,
    ) -> Caller:
        if credentials is None:
            raise NotAuthenticated("Send a key: `Authorization: Bearer aijobs_…`.")
        named = _in_utf8(aijobs_user) if aijobs_user else None
        found = await _identified(parts, credentials.credentials, named)
        if named and found.kind is KeyKind.USER and named != found.own_user:
            raise NotAllowed("This key acts for its own user only.")
        return found.needs(scope)

    return caller


async def _identified(parts: Parts, text: str, named: str | None) -> Caller:
    if text.startswith(f"{PREFIX}_"):
        key = await key_of(parts.database, parts.secret, text)
        return Caller(key_id=key.key_id, kind=key.kind, own_user=key.user_id, named=named, scopes=key.scopes)
    claims = read_token(parts.secret, text)
    key = await key_by_id(parts.database, claims.key_id)
    return Caller(
        key_id=key.key_id,
        kind=KeyKind.USER,
        own_user=claims.user_id,
        named=named,
        scopes=claims.scopes,
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
