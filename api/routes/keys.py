"""`/api/keys`: making, listing, rotating and revoking API keys."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from aijobs.domain.jobs.events import Moment, MomentOrNone
from aijobs.domain.values.scopes import AccessRole, Scope
from aijobs.domain.values.timestamps import Timestamp
from aijobs.persistence.access.key_lists import keys_page
from aijobs.persistence.access.key_rotation import DEFAULT_OVERLAP, MAX_OVERLAP
from aijobs.persistence.access.keys import ApiKey, KeyKind, known_key
from aijobs.usecases.keep_keys import MadeKey, WantedKey
from api.auth.caller import KeyKeeper, KeyReader
from api.dependencies import Db, Keys
from api.problems import problem_responses
from api.requests.paths import RowCursor
from api.requests.strict_json import StrictRoute
from api.schemas.jobs import Page, Shape

MAX_NAME: Final = 100
MAX_PAGE: Final = 100
MAX_ID: Final = 40

KeyId = Annotated[str, Path(max_length=MAX_ID, examples=["65d3e14cf409ebb0"])]
KeyName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME)]

PROBLEMS: Final = problem_responses(400, 401, 403, 404, 409, 413, 415, 422)

router = APIRouter(prefix="/api/keys", tags=["access"], route_class=StrictRoute)


class KeyState(StrEnum):
    """Whether a key is taken."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


class KeysQuery(BaseModel):
    """Which keys are listed."""

    model_config = ConfigDict(extra="forbid")

    ended: bool = Field(default=False, description="Also those that are revoked or have expired.")
    cursor: RowCursor | None = None
    limit: int = Field(default=50, ge=1, le=MAX_PAGE)


class KeyRequest(BaseModel):
    """A key with `user_id` is for this end user alone; else a service key, with a `role` or `scopes`, or with all."""

    model_config = ConfigDict(extra="forbid")

    name: KeyName = Field(description="What it is for.")
    user_id: str | None = None
    role: AccessRole | None = None
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))] | None = None
    expires_at: Timestamp | None = None


class RotationRequest(BaseModel):
    """How long the old key is valid beside its successor, in seconds."""

    model_config = ConfigDict(extra="forbid")

    overlap: Annotated[int, Field(strict=True, ge=0, le=int(MAX_OVERLAP.total_seconds()))] = int(
        DEFAULT_OVERLAP.total_seconds()
    )


class KeyInfo(Shape):
    """A key without its secret. `last_used_at` is written once a minute; tokens and sessions made with it count."""

    key_id: str
    name: str
    kind: KeyKind
    user_id: str | None
    role: AccessRole | None
    scopes: list[Scope]
    state: KeyState
    create_time: Moment
    expires_at: MomentOrNone
    revoked_at: MomentOrNone
    last_used_at: MomentOrNone
    replaces: str | None = Field(description="The key that it was made for at a rotation.")
    replaced_by: str | None


class NewKey(KeyInfo):
    """A key that was made now: `key` is shown this once."""

    key: str = Field(examples=["aijobs_service_…"])


@router.get("", summary="List the keys", responses=problem_responses(401, 403, 422))
async def list_keys(
    caller: KeyReader,
    database: Db,
    query: Annotated[KeysQuery, Query()],
) -> Page[KeyInfo]:
    """Newest first. Needs the scope `keys:read`."""
    keys, next_cursor = await database.snapshot(
        keys_page, user_id=caller.visible_user, ended=query.ended, before=query.cursor, limit=query.limit
    )
    more = next_cursor is not None
    return Page(data=[key_info(key) for key in keys], has_more=more, next_cursor=str(next_cursor) if more else None)


@router.post("", status_code=201, summary="Make a key", responses=PROBLEMS)
async def make_key(
    body: Annotated[KeyRequest, Body(examples=[{"name": "backend", "scopes": ["jobs:read", "jobs:write"]}])],
    caller: KeyKeeper,
    keys: Keys,
) -> NewKey:
    """The only time that its text is shown. It may do no more than who makes it. Needs the scope `keys:write`."""
    wanted = WantedKey(**body.model_dump())
    return _new(await keys.make(wanted, caller.granter))


@router.get("/{key_id}", summary="Look at a key", responses=problem_responses(401, 403, 404))
async def get_key(key_id: KeyId, _caller: KeyReader, database: Db) -> KeyInfo:
    """Needs the scope `keys:read`."""
    return key_info(await database.read(known_key, key_id))


@router.post("/{key_id}/rotate", status_code=201, summary="Rotate a key", responses=PROBLEMS)
async def rotate_key(
    key_id: KeyId, body: Annotated[RotationRequest, Body(examples=[{"overlap": 86400}])], caller: KeyKeeper, keys: Keys
) -> NewKey:
    """A successor with the same rights, whose text is shown this once. The old key ends after the overlap, and its
    tokens and sessions with it. An `Idempotency-Key` counts for both. Needs the scope `keys:write`.
    """
    return _new(await keys.rotate(key_id, caller.granter, overlap=timedelta(seconds=body.overlap)))


@router.delete("/{key_id}", status_code=204, summary="Revoke a key", responses=PROBLEMS)
async def revoke_key(key_id: KeyId, caller: KeyKeeper, keys: Keys) -> None:
    """At once, and with it all tokens and sessions; open streams end within seconds. A second call changes nothing.
    Needs the scope `keys:write`.
    """
    await keys.revoke(key_id, caller.granter)


def key_info(key: ApiKey) -> KeyInfo:
    return KeyInfo(**_fields(key))


def _new(made: MadeKey) -> NewKey:
    return NewKey(**_fields(made.key), key=made.text)


def _fields(key: ApiKey) -> dict[str, Any]:
    state = KeyState.VALID if key.is_valid else KeyState.REVOKED if key.revoked_at else KeyState.EXPIRED
    fields = {name: value for name, value in vars(key).items() if name in KeyInfo.model_fields}
    return {**fields, "scopes": sorted(key.scopes), "state": state}
