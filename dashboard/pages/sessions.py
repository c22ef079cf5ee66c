"""Sessions: where the visitor, or anybody, is signed in, and ending them."""

from typing import Annotated, Final

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse, RedirectResponse

from aijobs.domain.values.scopes import Scope
from aijobs.persistence.access.session_lists import end_other_sessions, end_session_named, open_sessions
from api.auth.caller import SignedIn
from api.dependencies import Db, Settings
from dashboard.page import PageRoute, Visiting, go_to

SHOWN: Final = 100

SessionId = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/sessions")
async def show_sessions(visit: Visiting, caller: SignedIn, settings: Settings) -> HTMLResponse:
    idle = settings.session_idle
    own, _ = await visit.database.snapshot(open_sessions, caller.session_owner, idle=idle, limit=SHOWN)
    others = []
    if visit.may(Scope.SESSIONS_READ):
        everybodys, _ = await visit.database.snapshot(open_sessions, None, idle=idle, limit=SHOWN)
        mine = {one.sha256 for one in own}
        others = [one for one in everybodys if one.sha256 not in mine]
    return await visit.page("sessions.html", current="sessions", own=own, others=others)


@router.post("/sessions/end-others")
async def end_others(caller: SignedIn, database: Db) -> RedirectResponse:
    await database.write(end_other_sessions, caller.session_owner, kept=caller.session)
    return go_to("/sessions")


@router.post("/sessions/{session_id}/end")
async def end(session_id: SessionId, caller: SignedIn, database: Db) -> RedirectResponse:
    await database.write(end_session_named, session_id, caller.ends_sessions_of)
    return go_to("/sessions")
