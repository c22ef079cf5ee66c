"""`GET /api/progress/track`: a job's progress for `EventSource.onmessage`, by the job's code or by a name for it."""

import re
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import Response

from aijobs.domain.errors import NotFound
from aijobs.domain.values.ids import new_id
from aijobs.persistence.database import Database
from aijobs.persistence.documents.task_ids import CODE_PREFIX, TASK_ID, job_of_task
from api.auth.caller import Caller
from api.auth.tickets import Follower
from api.dependencies import Admission, Db, Live
from api.problems import problem_responses
from api.streaming.filters import number
from api.streaming.hub import EventHub
from api.streaming.limits import StreamAdmission
from api.streaming.progress import ProgressStream
from api.streaming.sse import EventStream

MAX_SEQ: Final = 2**31

_MADE_UP: Final = re.compile(rf"(?P<task_id>{TASK_ID.pattern})/(?P<number>[0-9]+)")

DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The stream. It ends after COMPLETE and ERROR, and after half an hour.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'id: 3\ndata: {"type": "PROGRESS", "taskId": "job_…", "currentStage": 2, "totalStages": 3, '
                '"progress": 57, "message": "生成中"}\n\n',
            },
        },
    },
    204: {"description": "The job has ended, and everything of it was told: there is nothing to come back for."},
}

LastEventId = Annotated[str | None, Header(description="As browsers say it when they return.")]

router = APIRouter(
    prefix="/api/progress/track",
    tags=["jobs"],
    responses={**DOCUMENTED, **problem_responses(401, 403, 404, 429, 503)},
    default_response_class=Response,
)


@dataclass(frozen=True)
class TaskProgress:
    """Streams the progress of one task."""

    database: Database
    live: EventHub
    admission: StreamAdmission

    async def __call__(self, caller: Caller, task_id: str, seen: str | None, *, is_made_up: bool) -> Response:
        """Raises NotFound."""
        if not TASK_ID.fullmatch(task_id):
            raise NotFound("There is no such task.")
        async with self.database.read() as session:
            job = await job_of_task(session, task_id, user_id=caller.visible_user)
        if job is None and task_id.startswith(CODE_PREFIX):
            raise NotFound(f"There is no job {task_id}.")
        after = number(seen, at_most=job.event_seq if job else MAX_SEQ)
        if job and job.job_status.is_final and after == job.event_seq:
            return Response(status_code=204)
        followed = ProgressStream(
            task_id=task_id,
            user_id=caller.visible_user,
            is_made_up=is_made_up,
            code=job.code if job else None,
            after=after,
        )
        return EventStream(partial(followed.frames, self.live), admission=self.admission.of(caller.credentials))


async def _progress(database: Db, live: Live, admission: Admission) -> TaskProgress:
    return TaskProgress(database, live, admission)


Tracking = Annotated[TaskProgress, Depends(_progress)]


@router.get("/{task_id}", summary="Track a job's progress")
async def track_job(task_id: str, caller: Follower, tracked: Tracking, last_event_id: LastEventId = None) -> Response:
    """By its code, or by a name that its upload gave: a name which no job has yet is waited for."""
    return await tracked(caller, task_id, last_event_id, is_made_up=False)


@router.get("", summary="Track a job's progress, or prepare for a job to come")
async def track(
    caller: Follower,
    tracked: Tracking,
    task_id: Annotated[str | None, Query(alias="taskId", description="As in the path.")] = None,
    last_event_id: LastEventId = None,
) -> Response:
    """Without `taskId` a name is made up. The first frame tells it, and an upload may then give it to its job."""
    if task_id is not None:
        return await tracked(caller, task_id, last_event_id, is_made_up=False)
    heard = _MADE_UP.fullmatch(last_event_id or "")
    name, seen = (heard["task_id"], heard["number"]) if heard else (new_id("task"), None)
    return await tracked(caller, name, seen, is_made_up=True)
