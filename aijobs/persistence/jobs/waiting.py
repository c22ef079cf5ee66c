"""What jobs wait for: stored where a wait begins in a transaction that writes the job anyhow, else told from the row.

`waiting_of` is the one place where all kinds are put together.
"""

import random
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session

from aijobs.domain.catalogue import Model
from aijobs.domain.jobs.generation_times import GenerationTimes
from aijobs.domain.jobs.poll_schedule import PollSchedule, schedule_of
from aijobs.domain.jobs.submissions import Outcome, Rejected, SubmitOutcome
from aijobs.domain.jobs.waiting import Wait, WaitFor, Waiting
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.column_types import now
from aijobs.persistence.jobs import gate
from aijobs.persistence.pauses import hold_back, pause_of
from aijobs.persistence.slots.admission import InLine, give_back
from aijobs.persistence.slots.places import PlaceInLine
from aijobs.persistence.tables import JobRow
from aijobs.persistence.tables.locked_jobs import AnyJob

TAKEN_UP_WITHIN: Final = timedelta(seconds=10)
"""A worker normally takes up a job within a fraction of a second; after this time its owner is told of the delay."""

LOOK_AGAIN: Final = timedelta(minutes=5)
"""About so much later a job looks by itself whether it is still held back."""

THROTTLED: Final = "provider_throttled"  #: the code of a rejection that asks for patience


def begin_wait(session: Session, job: AnyJob, wait: Wait) -> None:
    """Store what a locked job waits for. When that is another thing than before, a note in its history says so."""
    before = Wait.model_validate(job.waiting) if job.waiting else None
    if before is not None and before.kind is wait.kind:
        job.waiting = wait.model_copy(update={"since": before.since}).stored()
        return
    job.waiting = wait.stored()
    gate.note(session, job, {"waiting": wait.shown().model_dump(mode="json")})


def wait_after(session: Session, job: AnyJob, outcome: SubmitOutcome, recorded: Outcome, model: Model) -> None:
    """Store what a locked job waits for after this outcome of its submission, if anything."""
    ends = job.begins_at + model.deadlines.business
    if recorded is Outcome.UNKNOWN and job.job_status is JobStatus.SUBMITTED:
        gives_up_at = min(now() + model.deadlines.queue, ends)
        begin_wait(session, job, Wait(kind=WaitFor.UNKNOWN_SUBMISSION, since=now(), gives_up_at=gives_up_at))
    elif isinstance(outcome, Rejected) and outcome.may_retry and job.job_status is JobStatus.DRAFT:
        is_throttled = outcome.retry_after is not None or outcome.code == THROTTLED
        wait = Wait(
            kind=WaitFor.RATE_LIMIT if is_throttled else WaitFor.RESUBMISSION,
            since=now(),
            next_at=now() + outcome.retry_after if outcome.retry_after is not None else None,
            gives_up_at=min(job.begins_at + model.deadlines.submit, ends),
        )
        begin_wait(session, job, wait)


def wait_for_provider(session: Session, job: AnyJob, retry_after: timedelta | None, model: Model) -> None:
    """Store that a locked job, of which nothing was sent, waits until its provider takes something again."""
    next_at = now() + retry_after if retry_after is not None else None
    gives_up_at = job.begins_at + min(model.deadlines.submit, model.deadlines.business)
    begin_wait(session, job, Wait(kind=WaitFor.RATE_LIMIT, since=now(), next_at=next_at, gives_up_at=gives_up_at))


def wait_in_line(session: Session, job: AnyJob, in_line: InLine, model: Model) -> timedelta:
    """Store that a locked job waits for a slot, or for its vendor to take more. Returns when it looks again."""
    next_at = now() + in_line.ready_in if in_line.ready_in is not None else None
    gives_up_at = job.begins_at + model.deadlines.business
    begin_wait(session, job, Wait(kind=in_line.kind, since=now(), next_at=next_at, gives_up_at=gives_up_at))
    return in_line.look_again


def hold(session: Session, job: AnyJob, pause_code: str, model: Model) -> timedelta:
    """Hold a locked job back because of a pause; a slot that it has, or its place in a line, is free.

    Returns when it looks by itself whether it still is; it is told when the pause ends.
    """
    pause = pause_of(session, pause_code)
    give_back(session, job)
    hold_back(session, job.code, pause)
    gives_up_at = job.begins_at + model.deadlines.business
    wait = Wait(kind=WaitFor.PROVIDER_PAUSED, since=now(), gives_up_at=gives_up_at, reason=pause.reason)
    begin_wait(session, job, wait)
    return LOOK_AGAIN * random.uniform(0.8, 1.2)


def waiting_of(
    job: JobRow,
    model: Model | None,
    *,
    at: datetime,
    times: GenerationTimes | None = None,
    place: PlaceInLine | None = None,
) -> Waiting | None:
    """What a job waits for at this moment; None when it has ended, or is at work here. `model`: None when unknown.

    `times` are those of the job's kind, by which the next question is timed if enough is known; `place` is its place in
    line, if it waits in one.
    """
    if job.job_status.is_final:
        return None
    stored = Wait.model_validate(job.waiting) if job.waiting else None
    if job.job_status is JobStatus.DRAFT:
        if place is not None and stored is not None:
            line = {"position": place.position, "ahead": place.ahead, "estimated_start": place.estimated_start}
            return stored.shown().model_copy(update=line)
        due = stored.next_at or at if stored else job.create_time
        if at - due > TAKEN_UP_WITHIN:
            return Wait(kind=WaitFor.ENGINE, since=due).shown()
        return stored.shown() if stored else None
    if stored is not None:
        return stored.shown()
    if model is None or not model.asyn or not job.job_status.is_before(JobStatus.GENERATED):
        return None
    next_at = _next_question(job, model, at, schedule_of(times, model.learning, model.poll) if times else None)
    return Wait(kind=WaitFor.NEXT_QUESTION, since=job.update_time, next_at=next_at).shown()


def _next_question(job: JobRow, model: Model, at: datetime, schedule: PollSchedule | None) -> datetime:
    by_policy = job.update_time + model.poll.next_due(at - job.update_time)
    if schedule is None or job.req_time is None:
        return by_policy
    asked, now_ = (max((moment - job.req_time).total_seconds(), 0.0) for moment in (job.update_time, at))
    learned = job.req_time + timedelta(seconds=schedule.next_due(asked, now_))
    tells_progress = job.unit_progress is not None and not model.estimates_progress(job.job_status)
    return min(learned, by_policy) if tells_progress else learned
