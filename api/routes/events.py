"""`GET /api/jobs/{code}/events`: a job's stored events, then live ones."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query
from fastapi.responses import JSONResponse, Response

from aijobs.domain.jobs.events import JobEvent
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.event_log import AT_ONCE, events_after
from aijobs.persistence.jobs.queries import job_of
from api.auth.tickets import Follower
from api.checked_route import CheckedRoute
from api.dependencies import Admission, Db, Live
from api.problems import problem_responses
from api.requests.accepted import WantsPageOfEvents
from api.requests.paths import JobCode, LogPosition
from api.schemas.jobs import Page
from api.streaming.filters import number
from api.streaming.sse import EventStream, job_frames

#: Responses in the OpenAPI document.
DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The stream; with `Accept: application/json` the history as a list.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'id: 4\nevent: status\ndata: {"seq": 4, "job_status_name": "PROCESSING", …}\n\n',
            },
        },
    },
    204: {"description": "The job has ended, and all of its events were received: do not reconnect."},
}

router = APIRouter(prefix="/api/jobs", tags=["jobs"], route_class=CheckedRoute)


@router.get(
    "/{code}/events",
    summary="Follow a job live",
    response_model=Page[JobEvent],
    responses={**DOCUMENTED, **problem_responses(401, 403, 404, 429, 503)},
)
async def follow_job(
    caller: Follower,
    code: JobCode,
    database: Db,
    live: Live,
    admission: Admission,
    wants_page: WantsPageOfEvents,
    after: Annotated[LogPosition | None, Query(description="Only events with a number above this one.")] = None,
    last_event_id: Annotated[
        str | None, Header(description="The same, as browsers send it when they reconnect.")
    ] = None,
) -> Response:
    """Server-sent events: `id` is the event's number, `event` its kind. The stream ends after the final event."""
    job = await database.read(job_of, code, user_id=caller.visible_user)
    seen = _event_number(last_event_id, job.event_seq) or _event_number(after, job.event_seq)
    if wants_page:
        return await _history(database, code, seen)
    if job.job_status.is_final and seen >= job.event_seq:
        return Response(status_code=204)
    return EventStream(job_frames(live, code, after=seen), admission=admission.of(caller.credentials))


async def _history(database: Database, code: str, seen: int) -> JSONResponse:
    events = await database.read(events_after, code, seen, at_most=AT_ONCE + 1)
    shown, has_more = events[:AT_ONCE], len(events) > AT_ONCE
    page: Page[JobEvent] = Page(data=shown, has_more=has_more, next_cursor=str(shown[-1].seq) if has_more else None)
    return JSONResponse(page.model_dump(mode="json"))


def _event_number(text: str | None, newest: int) -> int:
    """0, from the start, unless the text is the number of an event of this job."""
    return number(text, at_most=newest) or 0
