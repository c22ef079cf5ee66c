"""Pauses: what is held back, by whom and why; pausing and resuming."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlmodel import Session

from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.domain.jobs.waiting import PausedThing
from aijobs.persistence.pauses import ended_pauses, held_counts, running_pauses
from api.auth.caller import PauseKeeper, PauseReader
from api.dependencies import Models, Pauses
from api.requests.paths import PauseCode
from dashboard.page import PageRoute, Visiting, go_to

MAX_NAME: Final = 200
MAX_REASON: Final = 500

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/pauses")
async def show_pauses(visit: Visiting, models: Models, _caller: PauseReader) -> HTMLResponse:
    def work(session: Session) -> dict[str, Any]:
        return {
            "running": running_pauses(session),
            "ended": ended_pauses(session),
            "held": held_counts(session),
        }

    return await visit.page(
        "pauses.html",
        current="pauses",
        kinds=tuple(PausedThing),
        names=sorted({name for model in models for name in (model.provider, model.model_id)} | models.credentials),
        **await visit.database.snapshot(work),
    )


@router.post("/pauses")
async def begin(
    caller: PauseKeeper,
    pauses: Pauses,
    kind: Annotated[PausedThing, Form()],
    name: Annotated[str, Form(max_length=MAX_NAME)],
    reason: Annotated[str, Form(max_length=MAX_REASON)],
) -> RedirectResponse:
    if not name.strip() or not reason.strip():
        field = "/name" if not name.strip() else "/reason"
        raise InvalidParameters("A pause needs a name and a reason.", FieldError(field, "Must not be empty."))
    await pauses.begin(kind, name.strip(), caller.actor, reason=reason.strip())
    return go_to("/pauses")


@router.post("/pauses/{code}/resume")
async def end(caller: PauseKeeper, pauses: Pauses, code: PauseCode) -> RedirectResponse:
    await pauses.end(code, caller.actor)
    return go_to("/pauses")
