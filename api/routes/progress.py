"""`GET /api/progress/track`: a job's progress for `EventSource.onmessage`, by the job's code or by a task id."""

import re
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import Response

from aijobs.domain.errors import NotFound
from aijobs.domain.values.ids import new_id
from aijobs.persistence.database import Database
from aijobs.persistence.documents.client_task_ids import CODE_PREFIX, TASK_ID, job_of_task
from api.auth.caller import Caller
from api.auth.tickets import Follower
from api.checked_route import CallerFirstRoute
from api.dependencies import Admission, Db, Live
from api.problems import problem_responses
from api.streaming.filters import number
from api.streaming.hub import EventHub
from api.streaming.open_streams import StreamAdmission
from api.streaming.progress import ProgressStream
from api.streaming.sse import EventStream

MAX_SEQ: Final = 2**31

_GENERATED_EVENT_ID: Final = re.compile(rf"(?P<task_id>{TASK_ID.pattern})/(?P<number>[0-9]+)")

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
    204: {"description": "The job has ended, and all of its events were received: do not reconnect."},
}

LastEventId = Annotated[str | None, Header(description="As browsers send it when they reconnect.")]

router = APIRouter(
    prefix="/api/progress/track",
    tags=["jobs"],
    route_class=CallerFirstRoute,
    responses={**DOCUMENTED, **problem_responses(401, 403, 404, 429, 503)},
    default_response_class=Response,
)


@dataclass(frozen=True)
class TaskProgress:
    """Streams the progress of one task."""

    database: Database
    live: EventHub
    admission: StreamAdmission

    async def __call__(self, caller: Caller, task_id: str, seen: str | None, *, is_generated: bool) -> Response:
        """The stream of frames after `seen`, or 204 when the job has ended and none is left. Raises NotFound."""
        if not TASK_ID.fullmatch(task_id):
            raise NotFound("There is no such task.")
        job = await self.database.read(job_of_task, task_id, user_id=caller.visible_user)
        if job is None and task_id.startswith(CODE_PREFIX):
            raise NotFound(f"There is no job {task_id}.")
        after = number(seen, at_most=job.event_seq if job else MAX_SEQ)
        if job and job.job_status.is_final and after == job.event_seq:
            return Response(status_code=204)
        stream = ProgressStream(
            task_id=task_id,
            user_id=caller.visible_user,
            is_generated=is_generated,
            code=job.code if job else None,
            after=after,
        )
        return EventStream(partial(stream.frames, self.live), admission=self.admission.of(caller.credentials))


async def _progress(database: Db, live: Live, admission: Admission) -> TaskProgress:
    return TaskProgress(database, live, admission)


Tracking = Annotated[TaskProgress, Depends(_progress)]


@router.get("/{task_id}", summary="Track a job's progress")
async def track_job(task_id: str, caller: Follower, progress: Tracking, last_event_id: LastEventId = None) -> Response:
    """By its code, or by the task id that its upload named. A task id that no job has yet is waited for."""
    return await progress(caller, task_id, last_event_id, is_generated=False)


@router.get("", summary="Track a job's progress, or prepare for a job to come")
async def track(
    caller: Follower,
    progress: Tracking,
    task_id: Annotated[str | None, Query(alias="taskId", description="As in the path.")] = None,
    last_event_id: LastEventId = None,
) -> Response:
    """Without `taskId` a task id is generated. It is in the first frame, and an upload may then name it."""
    if task_id is not None:
        return await progress(caller, task_id, last_event_id, is_generated=False)
    match = _GENERATED_EVENT_ID.fullmatch(last_event_id or "")
    generated_id, seen = (match["task_id"], match["number"]) if match else (new_id("task"), None)
    return await progress(caller, generated_id, seen, is_generated=True)
