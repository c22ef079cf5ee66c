"""`/api/sessions`: signing in and out of a browser on our own origin, and the sessions that are open."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from aijobs.domain.jobs.events import Moment
from aijobs.persistence.access.keys import MAX_KEY_LENGTH
from aijobs.persistence.access.session_lists import (
    OpenSession,
    SessionOwner,
    end_other_sessions,
    end_session_named,
    open_sessions,
)
from aijobs.persistence.database import Database
from aijobs.process_settings import ApiSettings
from api.auth.access import AppAccess
from api.auth.caller import Caller, SessionReader, SignedIn
from api.auth.named_users import checked_user
from api.auth.origins import refuse_foreign_origin, refuse_other_pages
from api.auth.sessions import close_session, cookie_of
from api.auth.sessions import sign_in as begin_session
from api.dependencies import Db, Settings
from api.problems import problem_responses
from api.requests.strict_json import StrictRoute
from api.schemas.jobs import Page, Shape

MAX_LISTED: Final = 200

SessionId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", examples=["3f9c0d7f3a1b2c4d"])]

router = APIRouter(prefix="/api/sessions", tags=["access"], route_class=StrictRoute)


class SignIn(BaseModel):
    """A key. With `user_id` the session is for this end user only."""

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, json_schema_extra={"examples": [{"key": "aijobs_service_…"}]}
    )

    key: Annotated[str, Field(min_length=1, max_length=MAX_KEY_LENGTH)]
    user_id: str | StrictInt | None = None


class SessionsQuery(BaseModel):
    """Whose sessions are listed."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=50, ge=1, le=MAX_LISTED)


class BrowserSessionInfo(Shape):
    """An open session: of a key (`key_id`) or of a `person` whom a proxy has signed in. `id` is not its secret."""

    id: str = Field(examples=["3f9c0d7f3a1b2c4d"])
    key_id: str | None
    person: str | None
    role: str | None = Field(description="A person's, when they signed in.")
    user_id: str | None = Field(description="The only end user that it is for.")
    address: str | None
    browser: str | None = Field(description="As it calls itself.")
    create_time: Moment
    used_at: Moment
    expires_at: Moment
    is_current: bool = Field(description="The one that asks.")


@router.post("", status_code=204, summary="Sign in", responses=problem_responses(400, 401, 403, 413, 415))
async def sign_in(body: SignIn, request: Request, access: AppAccess) -> Response:
    """Exchanges a key for a session cookie. For pages on the API's own origin."""
    refuse_foreign_origin(request, access.base_url, ())
    user_id = None if body.user_id is None else checked_user(str(body.user_id))
    session = await begin_session(request, access, body.key, user_id=user_id)
    response = Response(status_code=204)
    cookie_of(access).put(response, session)
    return response


@router.delete("", status_code=204, summary="Sign out", responses=problem_responses(403))
async def sign_out(request: Request, access: AppAccess) -> Response:
    """Ends the session and deletes the cookie. Does nothing without a session."""
    response = Response(status_code=204)
    cookie = cookie_of(access)
    if secret := request.cookies.get(cookie.name):
        refuse_other_pages(request, access.base_url)
        await close_session(access, secret)
        cookie.drop(response)
    return response


@router.get("", summary="List your sessions", responses=problem_responses(401, 403))
async def list_sessions(
    caller: SignedIn, database: Db, settings: Settings, query: Annotated[SessionsQuery, Query()]
) -> Page[BrowserSessionInfo]:
    """Those that the caller's key, or the person, has opened; those that were used last come first."""
    return await _listed(caller, database, settings, caller.session_owner, query.limit)


@router.get("/all", summary="List everybody's sessions", responses=problem_responses(401, 403, 422))
async def list_sessions_of_everybody(
    caller: SessionReader, database: Db, settings: Settings, query: Annotated[SessionsQuery, Query()]
) -> Page[BrowserSessionInfo]:
    """Needs the scope `sessions:read`."""
    return await _listed(caller, database, settings, None, query.limit)


@router.post("/end-others", status_code=204, summary="Sign out everywhere else", responses=problem_responses(401, 403))
async def end_others(caller: SignedIn, database: Db) -> None:
    """Ends all of the caller's sessions but the one that asks; their open streams end within seconds."""
    await database.write(end_other_sessions, caller.session_owner, kept=caller.session)


@router.delete("/{session_id}", status_code=204, summary="End a session", responses=problem_responses(401, 403, 404))
async def end_session(session_id: SessionId, caller: SignedIn, database: Db) -> None:
    """One of the caller's own; with the scope `sessions:write` anybody's. Its open streams end within seconds."""
    await database.write(end_session_named, session_id, caller.ends_sessions_of)


async def _listed(
    caller: Caller, database: Database, settings: ApiSettings, owner: SessionOwner | None, limit: int
) -> Page[BrowserSessionInfo]:
    found, has_more = await database.snapshot(open_sessions, owner, idle=settings.session_idle, limit=limit)
    return Page(data=[_session_info(one, caller) for one in found], has_more=has_more)


def _session_info(session: OpenSession, caller: Caller) -> BrowserSessionInfo:
    fields = {name: value for name, value in vars(session).items() if name in BrowserSessionInfo.model_fields}
    return BrowserSessionInfo(id=session.name, is_current=session.sha256 == caller.session, **fields)
