"""What is told about a job, by its row, its events, its streams and its workflow, is one story."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from aijobs.domain.jobs.events import EventKind, JobEvent
from aijobs.domain.lifecycle import TRANSITIONS, JobStatus
from aijobs.persistence.tables import JobEventRow, JobRow
from chaos.evidence import Evidence
from chaos.observations import StreamObservation, WorkflowObservation

#: How a workflow closes, by its job's status.
CLOSED_AS: Final = {
    JobStatus.SUCCESS: ("COMPLETED", None),
    JobStatus.FAILED: ("FAILED", "JobFailed"),
    JobStatus.TIMEOUT: ("FAILED", "JobTimeout"),
    JobStatus.CANCELED: ("CANCELED", None),
}
GOES_ON: Final = "CONTINUED_AS_NEW"
BROUGHT_TO_AN_END: Final = frozenset({"TERMINATED", "TIMED_OUT"})


def irregular(seen: Evidence) -> Iterator[tuple[str, str]]:
    for job in seen.every_job:
        events = seen.events.get(job.code, [])
        if [event.seq for event in events] != list(range(1, job.event_seq + 1)):
            yield job.code, f"says {job.event_seq} events, and has those with the numbers {[one.seq for one in events]}"
        yield from ((job.code, complaint) for complaint in _moves(events))


def _moves(events: list[JobEventRow]) -> Iterator[str]:
    current: JobStatus | None = None
    for event in events:
        if event.kind == EventKind.STATUS:
            legal = [JobStatus.DRAFT] if current is None else TRANSITIONS[current]
            if event.job_status not in legal:
                came_from = "nothing" if current is None else current.name
                yield f"moves from {came_from} to {event.job_status.name} at event {event.seq}"
            current = event.job_status
        elif event.job_status is not current:
            yield f"says {event.job_status.name} at event {event.seq}, which is no status event"
        elif current.is_final and event.kind != EventKind.NOTE:
            yield f"goes on with {event.kind} at event {event.seq}, after its end"
    finals = [event for event in events if event.kind == EventKind.STATUS and event.job_status.is_final]
    if len(finals) != 1:
        yield f"has {len(finals)} final status events"


def misheard(seen: Evidence) -> Iterator[tuple[str, str]]:
    for reading in seen.witness.readings:
        if not reading.is_over:
            yield reading.code, f"its reader still waits for the end, after {reading.connections} connections"
        told = [_as_told(row) for row in seen.events.get(reading.code, [])]
        yield from ((reading.code, complaint) for complaint in _deviations(reading, told))


def _deviations(reading: StreamObservation, told: list[JobEvent]) -> Iterator[str]:
    """A stream ends behind the final event: notes that came later need not be in it."""
    heard = reading.events
    if heard != told[: len(heard)]:
        place = next((at for at, (one, other) in enumerate(zip(heard, told, strict=False)) if one != other), len(told))
        yield f"its reader heard {[event.seq for event in heard]}, otherwise than it was from place {place} on"
    elif reading.is_over and any(event.kind is not EventKind.NOTE for event in told[len(heard) :]):
        yield f"its reader heard {len(heard)} of {len(told)} events"


def _as_told(row: JobEventRow) -> JobEvent:
    fields: dict[str, Any] = row.model_dump(exclude={"id", "job_code", "user_id"})
    status = row.job_status
    event = JobEvent(code=row.job_code, job_status_name=status.name, job_status_desc=status.zh, **fields)
    return JobEvent.model_validate_json(event.model_dump_json())  # times have milliseconds on the wire


def contradictory(seen: Evidence) -> Iterator[tuple[str, str]]:
    closed: dict[str, list[WorkflowObservation]] = defaultdict(list)
    for run in seen.witness.workflows:
        if run.status != GOES_ON:
            closed[run.code].append(run)
    for job in seen.every_job:
        statuses = [event for event in seen.events.get(job.code, []) if event.kind == EventKind.STATUS]
        if statuses:
            yield from ((job.code, complaint) for complaint in _row_and_event(job, statuses[-1]))
        if job.job_status.is_final:
            for run in closed[job.code]:
                yield from ((job.code, complaint) for complaint in _row_and_workflow(seen, job, run))


def _row_and_event(job: JobRow, last: JobEventRow) -> Iterator[str]:
    if job.job_status is not last.job_status:
        yield f"is {job.job_status.name}, its last status event says {last.job_status.name}"
    if job.job_status.is_final and job.error != last.detail.get("error"):
        yield f"has the error {job.error}, its last status event {last.detail.get('error')}"


def _row_and_workflow(seen: Evidence, job: JobRow, run: WorkflowObservation) -> Iterator[str]:
    if run.status in BROUGHT_TO_AN_END:
        is_known = job.code in seen.witness.terminated or job.code in seen.witness.resets
        if not is_known and not any("repair" in event.detail for event in seen.events.get(job.code, [])):
            yield f"is {job.job_status.name}, its workflow {run.status} without a word of repair"
        return
    if (run.status, run.failure) != CLOSED_AS[job.job_status]:
        yield f"is {job.job_status.name}, its workflow {run.status} ({run.failure})"
    elif run.state is not None and run.state.job_status is not job.job_status:
        yield f"is {job.job_status.name}, its workflow's result says {run.state.job_status_name}"
    elif run.state is not None and _error(run) != job.error:
        yield f"has the error {job.error}, its workflow {_error(run)}"


def _error(run: WorkflowObservation) -> dict[str, Any] | None:
    return run.state.error.model_dump(mode="json") if run.state and run.state.error else None
