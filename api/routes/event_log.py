"""`GET /api/events`: the log of the events of all the caller's jobs, live or by the page."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from aijobs.domain.jobs.events import JobEvent
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.event_log import EventFilter, is_in_log, log_after
from api.auth.tickets import Follower
from api.dependencies import Admission, Db, Live
from api.problems import problem_responses
from api.requests.accepted import WantsPageOfEvents
from api.requests.paths import LogPosition
from api.requests.strict_json import StrictRoute
from api.schemas.jobs import Page
from api.streaming.filters import MAX_POSITION, LogQuery, event_filter, number
from api.streaming.hub import EventHub
from api.streaming.replay import current_position
from api.streaming.sse import EventStream, log_frames

#: Responses in the OpenAPI document.
DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The stream; with `Accept: application/json` a page of the log.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'id: 1204\nevent: status\ndata: {"seq": 4, "code": "job_…", "job_status": 3, …}\n\n',
            },
        },
    },
}

router = APIRouter(tags=["jobs"], route_class=StrictRoute)


class LogRequest(LogQuery):
    """Filters, and the position after which events are sent."""

    after: LogPosition | None = Field(default=None, description="Only events behind this `id`; `0` is from the start.")
    ticket: str | None = Field(default=None, exclude=True)


@router.get(
    "/api/events",
    summary="Follow all jobs live",
    response_model=Page[JobEvent],
    responses={**DOCUMENTED, **problem_responses(401, 403, 404, 422, 429, 503)},
)
async def follow_jobs(
    query: Annotated[LogRequest, Query()],
    caller: Follower,
    database: Db,
    live: Live,
    admission: Admission,
    wants_page: WantsPageOfEvents,
    last_event_id: Annotated[str | None, Header(description="As `after`, when a browser reconnects.")] = None,
) -> Response:
    """Server-sent events of the caller's user; with a service key that names no user, of all users.

    `id` is a position in the log of all jobs, `event` the kind. Without `after` and `Last-Event-ID` the stream begins
    now; with a number that the log has not reached, or a `Last-Event-ID` that is no number, it begins at the start.
    """
    log_filter = await event_filter(caller.visible_user, query, database)
    seen = last_event_id or query.after
    if wants_page:
        return await _page(database, log_filter, await log_position(live, database, seen or "0"))
    after = await log_position(live, database, seen)
    return EventStream(log_frames(live, log_filter, after=after), admission=admission.of(caller.credentials))


async def log_position(live: EventHub, database: Database, text: str | None) -> int:
    """The position to start after: without a text the newest, and 0 for what is no position of the log."""
    if not text:
        return await current_position(live)
    position = number(text, at_most=MAX_POSITION)
    if not position:
        return 0
    return position if await database.read(is_in_log, position) else 0


async def _page(database: Database, log_filter: EventFilter, after: int) -> JSONResponse:
    """`next_cursor` is the next `after`, whether or not there is more now."""
    found = await database.read(log_after, log_filter, after)
    page: Page[JobEvent] = Page(
        data=[entry.event for entry in found.entries], has_more=found.is_more, next_cursor=str(found.reached)
    )
    return JSONResponse(page.model_dump(mode="json"))
