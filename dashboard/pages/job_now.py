"""What a job does or waits for at this moment: the next question, the last answer, and when it is given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aijobs.domain.catalogue import Model
from aijobs.domain.errors import TemporalUnavailable
from aijobs.domain.jobs.events import EventKind, JobEvent
from aijobs.domain.jobs.job import STAGE_OF, Stage, late_watch_id
from aijobs.domain.jobs.running_step import WATCH, Answer, RunningStep
from aijobs.domain.jobs.waiting import WaitFor, Waiting
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.workflow_control import JobEngine
from aijobs.persistence.tables import JobRow

SAID: Final = "raw_status"  #: what a status event's detail calls the vendor's own word


@dataclass(frozen=True, kw_only=True)
class LastAnswer:
    """What the provider has said last. `said` is its own word; `error` the code of what went wrong."""

    at: datetime | None
    answer: Answer | None = None
    said: str | None = None
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Now:
    """`does` is the key of a message. `attempt`: the number of the next question or try, where it is known.

    `ends_stage`: whose deadline `gives_up_at` is, where that is known.
    """

    does: str
    since: datetime
    waiting: Waiting | None = None
    is_lost: bool = False
    is_asked: bool = False
    next_at: datetime | None = None
    attempt: int | None = None
    gives_up_at: datetime | None = None
    ends_stage: Stage | None = None
    last: LastAnswer | None = None


async def step_now(engine: JobEngine, code: str, *, is_late: bool = False) -> RunningStep | None:
    """The step of a job's workflow, or of its late watch; None where Temporal does not say it."""
    try:
        return await engine.step_of(late_watch_id(code) if is_late else code)
    except TemporalUnavailable:
        return None


def now_of(
    job: JobRow,
    model: Model | None,
    *,
    waiting: Waiting | None,
    step: RunningStep | None,
    events: Sequence[JobEvent],
    is_held: bool,
) -> Now | None:
    """None when the job has ended, and no points of it are held."""
    entered = {event.job_status: event.at for event in reversed(events) if event.kind is EventKind.STATUS}
    if job.job_status.is_final:
        return _late(_since(job, entered), model, step) if is_held else None
    gives_up_at, stage = _deadline(job, model, entered)
    if waiting is not None and waiting.gives_up_at is not None:
        gives_up_at, stage = waiting.gives_up_at, None
    is_asked = step is not None and step.name == WATCH
    next_at = step.next_at if step is not None and step.next_at else (waiting.next_at if waiting else None)
    return Now(
        does=_does(job, waiting),
        since=waiting.since if waiting and waiting.kind is not WaitFor.NEXT_QUESTION else _since(job, entered),
        waiting=waiting,
        is_lost=waiting is not None and waiting.kind is WaitFor.UNKNOWN_SUBMISSION,
        is_asked=is_asked or (waiting is not None and waiting.kind is WaitFor.NEXT_QUESTION),
        next_at=next_at,
        attempt=step.attempt if step is not None and step.attempt > 1 else None,
        gives_up_at=gives_up_at,
        ends_stage=stage,
        last=_last_answer(step) or _last_event(job, events),
    )


def _does(job: JobRow, waiting: Waiting | None) -> str:
    if waiting is not None and waiting.kind is WaitFor.UNKNOWN_SUBMISSION:
        return "now.lost"
    if waiting is not None and waiting.kind is not WaitFor.NEXT_QUESTION:
        return f"waiting.{waiting.kind}"
    if job.job_status in {JobStatus.GENERATED, JobStatus.MIGRATING}:
        return "now.moves"
    if job.job_status is JobStatus.DRAFT:
        return "now.draft"
    return f"now.at_{job.job_status.name.lower()}" if job.asyn else "now.works_here"


def _since(job: JobRow, entered: dict[JobStatus, datetime]) -> datetime:
    return entered.get(job.job_status, job.create_time)


def _deadline(
    job: JobRow, model: Model | None, entered: dict[JobStatus, datetime]
) -> tuple[datetime | None, Stage | None]:
    """When the job's stage, or the whole job, is given up, and which of them it is."""
    if model is None:
        return None, None
    stage = STAGE_OF[job.job_status]
    begun = [at for status, at in entered.items() if STAGE_OF.get(status) is stage]
    since = job.begins_at if job.job_status is JobStatus.DRAFT else min(begun, default=job.create_time)
    stage_ends = since + getattr(model.deadlines, stage)
    business_ends = job.begins_at + model.deadlines.business
    return (stage_ends, stage) if stage_ends <= business_ends else (business_ends, Stage.BUSINESS)


def _last_answer(step: RunningStep | None) -> LastAnswer | None:
    if step is None or (step.answer is None and step.error is None):
        return None
    return LastAnswer(at=step.ended_at, answer=step.answer, error=step.error)


def _last_event(job: JobRow, events: Sequence[JobEvent]) -> LastAnswer | None:
    """What was written of the last answer that brought something new."""
    if job.job_status not in {JobStatus.QUEUED, JobStatus.PROCESSING} or not job.asyn:
        return None
    said = next((event for event in reversed(events) if event.detail.get(SAID)), None)
    if said is None:
        return None
    unit = None if job.unit_progress is None else round(job.unit_progress)
    return LastAnswer(
        at=said.at if unit is None else job.update_time,
        answer=Answer(status=job.job_status, unit=unit),
        said=str(said.detail[SAID]),
    )


def _late(ended: datetime, model: Model | None, step: RunningStep | None) -> Now:
    """A job that has ended while its vendor may charge is watched slowly, for the money's sake."""
    return Now(
        does="job.held",
        since=ended,
        is_lost=True,
        is_asked=True,
        next_at=step.next_at if step else None,
        attempt=step.attempt if step and step.attempt > 1 else None,
        gives_up_at=ended + model.deadlines.late if model else None,
        last=_last_answer(step),
    )
