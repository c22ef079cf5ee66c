"""`GET /api/events`: everything that happens to the caller's jobs; `POST /api/tickets`: how a browser gets in."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from aijobs.domain.jobs.events import JobEvent, Moment
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.event_log import AT_ONCE, EventFilter, log_after, newest_position
from api.auth.caller import Reader
from api.auth.tickets import Follower, make_ticket
from api.dependencies import Admission, Db, InstallationSecret, Live
from api.problems import problem_responses
from api.requests.strict_json import StrictRoute
from api.schemas.jobs import Page, Shape
from api.streaming.filters import MAX_POSITION, LogQuery, event_filter, number
from api.streaming.hub import EventHub
from api.streaming.replay import current_position
from api.streaming.sse import EventStream, log_frames

#: What the documentation says of the stream.
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
    """Filters, and from where on."""

    after: str | None = Field(default=None, description="Only events behind this `id`; `0` is from the start.")
    ticket: str | None = Field(default=None, exclude=True)


class TicketRequest(BaseModel):
    """For whose stream; with a service key this must be said, here or in the header."""

    model_config = ConfigDict(extra="forbid")

    user_id: str | StrictInt | None = None


class Ticket(Shape):
    """Goes into the address of a stream, as `?ticket=`."""

    ticket: str
    expires_at: Moment


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
    accept: Annotated[str, Header(include_in_schema=False)] = "",
    last_event_id: Annotated[str | None, Header(description="As `after`, when a browser returns.")] = None,
) -> Response:
    """Server-sent events of the caller's user; with a service key that names nobody, of everybody.

    `id` is a place in the log of all jobs, `event` the kind. Without `after` and `Last-Event-ID` it begins now; what is
    no place in the log means from the start.
    """
    chosen = await event_filter(caller.visible_user, query, database)
    seen = last_event_id or query.after
    if "application/json" in accept and "text/event-stream" not in accept:
        return await _page(database, chosen, await place_in_log(live, database, seen or "0"))
    after = await place_in_log(live, database, seen)
    return EventStream(log_frames(live, chosen, after=after), admission=admission.of(caller.credentials))


async def place_in_log(live: EventHub, database: Database, written: str | None) -> int:
    """Nothing is now. What is no place means the start, as does one that the log has not reached."""
    if not written:
        return await current_position(live)
    place = number(written, at_most=MAX_POSITION)
    if not place:
        return 0
    async with database.read() as session:
        return place if place <= await newest_position(session) else 0


async def _page(database: Database, chosen: EventFilter, after: int) -> JSONResponse:
    """`next_cursor` is the next `after`, whether or not there is more now."""
    async with database.read() as session:
        entries = await log_after(session, chosen, after, at_most=AT_ONCE + 1)
    shown = entries[:AT_ONCE]
    page: Page[JobEvent] = Page(
        data=[entry.event for entry in shown],
        has_more=len(entries) > AT_ONCE,
        next_cursor=str(shown[-1].position if shown else after),
    )
    return JSONResponse(page.model_dump(mode="json"))


@router.post(
    "/api/tickets",
    status_code=201,
    summary="Make a ticket for a stream",
    tags=["access"],
    responses=problem_responses(400, 401, 403, 415, 422),
)
async def create_ticket(caller: Reader, secret: InstallationSecret, query: TicketRequest | None = None) -> Ticket:
    """For an EventSource or a WebSocket, which send no header of their own: good for a minute, to open streams only."""
    user_id = caller.acting_user(query.user_id if query else None)
    made = make_ticket(secret, caller, user_id=user_id)
    return Ticket(ticket=made.text, expires_at=made.expires_at)
