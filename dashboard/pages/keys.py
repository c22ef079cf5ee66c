"""API keys: what each may do, when it was last used; making, rotating and revoking one."""

from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Form, Path
from fastapi.responses import HTMLResponse, RedirectResponse

from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.domain.values.scopes import AccessRole, Scope, exceeds
from aijobs.domain.values.user_ids import MAX_USER_LENGTH
from aijobs.persistence.access.key_lists import keys_page
from aijobs.persistence.column_types import now
from aijobs.usecases.keep_keys import MadeKey, WantedKey
from api.auth.caller import KeyKeeper, KeyReader
from api.dependencies import Keys
from dashboard.page import PageRequest, PageRoute, Visiting, go_to

SHOWN: Final = 100
MAX_NAME: Final = 100

#: How long a new key lives, and how long an old one is valid beside its successor; 0 is for ever, and not at all.
LIFETIMES: Final = (90, 30, 365, 0)
OVERLAPS: Final = (24, 1, 168, 0)

KeyId = Annotated[str, Path(max_length=40)]

router = APIRouter(route_class=PageRoute, include_in_schema=False)


class Holder(StrEnum):
    """For whom a new key is: a program with a role, or with chosen scopes, or one end user."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    SCOPES = "scopes"
    USER = "user"


@router.get("/keys")
async def show_keys(visit: Visiting, caller: KeyReader) -> HTMLResponse:
    keys, more = await visit.database.snapshot(
        keys_page, user_id=caller.visible_user, ended=True, before=None, limit=SHOWN
    )
    return await visit.page(
        "keys.html",
        current="keys",
        valid=[key for key in keys if key.is_valid],
        ended=[key for key in keys if not key.is_valid],
        has_more=more is not None,
        may_change={key.key_id for key in keys if not exceeds(key.scopes, caller.scopes)},
        holders=tuple(Holder),
        scopes=[scope for scope in Scope if not exceeds(frozenset({scope}), caller.scopes)],
        lifetimes=LIFETIMES,
        overlaps=OVERLAPS,
    )


@router.post("/keys")
async def make(
    visit: Visiting,
    caller: KeyKeeper,
    keys: Keys,
    name: Annotated[str, Form(max_length=MAX_NAME)],
    holder: Annotated[Holder, Form()],
    user: Annotated[str, Form(max_length=MAX_USER_LENGTH)] = "",
    scope: Annotated[list[Scope] | None, Form()] = None,
    days: Annotated[int, Form(ge=0, le=3650)] = 0,
) -> HTMLResponse:
    """Shows the key, once."""
    expires_at = now() + timedelta(days=days) if days else None
    wanted = WantedKey(name=name.strip(), expires_at=expires_at)
    match holder:
        case Holder.USER:
            wanted = WantedKey(name=wanted.name, expires_at=expires_at, user_id=user.strip())
        case Holder.SCOPES:
            if not scope:
                raise InvalidParameters("This cannot be a key.", FieldError("/scopes", "Choose at least one."))
            wanted = WantedKey(name=wanted.name, expires_at=expires_at, scopes=scope)
        case _:
            wanted = WantedKey(name=wanted.name, expires_at=expires_at, role=AccessRole(holder))
    return await _shown_once(visit, await keys.make(wanted, caller.granter))


@router.post("/keys/{key_id}/rotate")
async def rotate(
    visit: Visiting,
    key_id: KeyId,
    caller: KeyKeeper,
    keys: Keys,
    hours: Annotated[int, Form(ge=0, le=2160)] = OVERLAPS[0],
) -> HTMLResponse:
    """Shows the successor, once."""
    return await _shown_once(visit, await keys.rotate(key_id, caller.granter, overlap=timedelta(hours=hours)))


@router.post("/keys/{key_id}/revoke")
async def revoke(key_id: KeyId, caller: KeyKeeper, keys: Keys) -> RedirectResponse:
    await keys.revoke(key_id, caller.granter)
    return go_to("/keys")


async def _shown_once(visit: PageRequest, made: MadeKey) -> HTMLResponse:
    return await visit.page("key_made.html", status=HTTPStatus.CREATED, current="keys", made=made)
