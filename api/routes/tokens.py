"""`POST /api/tokens`: a short-lived token for one end user's browser."""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from aijobs.domain.errors import FieldError, InvalidParameters, NotAllowed
from aijobs.domain.values.scopes import Scope
from aijobs.persistence.access.keys import KeyKind
from api.auth.caller import TokenMaker
from api.auth.tokens import Claims, end_users_scopes, make_token
from api.dependencies import InstallationSecret
from api.problems import problem_responses
from api.requests.strict_json import StrictRoute
from api.schemas.jobs import Token

MAX_LIFETIME: Final = timedelta(hours=24)

router = APIRouter(tags=["access"], route_class=StrictRoute)


class TokenRequest(BaseModel):
    """The end user, the lifetime in seconds, and the scopes."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"user_id": "ada", "ttl": 900}]})

    user_id: str | StrictInt
    ttl: Annotated[int, Field(strict=True, ge=1, le=int(MAX_LIFETIME.total_seconds()))] = 3600
    scopes: list[Scope] = Field(default=[Scope.JOBS_READ], min_length=1, max_length=len(Scope))


@router.post(
    "/api/tokens",
    status_code=201,
    summary="Make an end-user token",
    responses=problem_responses(400, 401, 403, 413, 415),
)
async def create_token(body: TokenRequest, caller: TokenMaker, secret: InstallationSecret) -> Token:
    """For service keys. The token has at most the key's scopes, and becomes invalid when the key is revoked.

    Not for browser sessions, which a token would outlive: they make tickets.
    """
    if caller.session is not None:
        raise NotAllowed("A browser's session makes no tokens, which would outlive it. Send the key, or use a ticket.")
    if caller.kind is not KeyKind.SERVICE:
        raise NotAllowed("Only a service key makes tokens.")
    scopes = frozenset(body.scopes)
    allowed = end_users_scopes(caller.scopes)
    if not scopes <= allowed:
        field = FieldError("/scopes", f"A token of this key can have {', '.join(sorted(allowed)) or 'none'}.")
        raise InvalidParameters("The token would be allowed too much.", field)
    claims = Claims(user_id=caller.acting_user(body.user_id), key_id=caller.key_id, scopes=scopes)
    token, expires_at = make_token(secret, claims, lifetime=timedelta(seconds=body.ttl))
    return Token(token=token, user_id=claims.user_id, scopes=sorted(scopes), expires_at=expires_at)
