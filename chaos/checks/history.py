"""A job's row, its events, its streams and its workflow agree with each other."""

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
CONTINUED: Final = "CONTINUED_AS_NEW"
STOPPED_AS: Final = frozenset({"TERMINATED", "TIMED_OUT"})


def irregular_events(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for job in evidence.every_job:
        events = evidence.events.get(job.code, [])
        if [event.seq for event in events] != list(range(1, job.event_seq + 1)):
            yield job.code, f"says {job.event_seq} events, and has those with the numbers {[one.seq for one in events]}"
        yield from ((job.code, problem) for problem in _illegal_moves(events))


def _illegal_moves(events: list[JobEventRow]) -> Iterator[str]:
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


def wrong_streams(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for reading in evidence.observations.readings:
        if not reading.is_over:
            yield reading.code, f"its reader still waits for the end, after {reading.connections} connections"
        logged = [_as_sent(row) for row in evidence.events.get(reading.code, [])]
        yield from ((reading.code, problem) for problem in _deviations(reading, logged))


def _deviations(reading: StreamObservation, logged: list[JobEvent]) -> Iterator[str]:
    """How a stream differs from the event log. It ends with the final event: later notes need not be in it."""
    received = reading.events
    if received != logged[: len(received)]:
        index = next(
            (at for at, (one, other) in enumerate(zip(received, logged, strict=False)) if one != other), len(logged)
        )
        yield f"its reader received {[event.seq for event in received]}, which differs from the log at index {index}"
    elif reading.is_over and any(event.kind is not EventKind.NOTE for event in logged[len(received) :]):
        yield f"its reader received {len(received)} of {len(logged)} events"


def _as_sent(row: JobEventRow) -> JobEvent:
    fields: dict[str, Any] = row.model_dump(exclude={"id", "job_code", "user_id"})
    status = row.job_status
    event = JobEvent(code=row.job_code, job_status_name=status.name, job_status_desc=status.zh, **fields)
    return JobEvent.model_validate_json(event.model_dump_json())  # times have milliseconds on the wire


def contradictions(evidence: Evidence) -> Iterator[tuple[str, str]]:
    closed: dict[str, list[WorkflowObservation]] = defaultdict(list)
    for run in evidence.observations.workflows:
        if run.status != CONTINUED:
            closed[run.code].append(run)
    for job in evidence.every_job:
        statuses = [event for event in evidence.events.get(job.code, []) if event.kind == EventKind.STATUS]
        if statuses:
            yield from ((job.code, problem) for problem in _event_differences(job, statuses[-1]))
        if job.job_status.is_final:
            for run in closed[job.code]:
                yield from ((job.code, problem) for problem in _workflow_differences(evidence, job, run))


def _event_differences(job: JobRow, last: JobEventRow) -> Iterator[str]:
    if job.job_status is not last.job_status:
        yield f"is {job.job_status.name}, its last status event says {last.job_status.name}"
    if job.job_status.is_final and job.error != last.detail.get("error"):
        yield f"has the error {job.error}, its last status event {last.detail.get('error')}"


def _workflow_differences(evidence: Evidence, job: JobRow, run: WorkflowObservation) -> Iterator[str]:
    if run.status in STOPPED_AS:
        is_known = job.code in evidence.observations.terminated or job.code in evidence.observations.resets
        if not is_known and not any("repair" in event.detail for event in evidence.events.get(job.code, [])):
            yield f"is {job.job_status.name}, its workflow {run.status} without a word of repair"
        return
    if (run.status, run.failure) != CLOSED_AS[job.job_status]:
        yield f"is {job.job_status.name}, its workflow {run.status} ({run.failure})"
    elif run.state is not None and run.state.job_status is not job.job_status:
        yield f"is {job.job_status.name}, its workflow's result says {run.state.job_status_name}"
    elif run.state is not None and _without_words(_workflow_error(run)) != _without_words(job.error):
        yield f"has the error {job.error}, its workflow {_workflow_error(run)}"


def _workflow_error(run: WorkflowObservation) -> dict[str, Any] | None:
    return run.state.error.model_dump(mode="json") if run.state and run.state.error else None


def _without_words(error: dict[str, Any] | None) -> dict[str, Any] | None:
    """Temporal keeps an error's code and stage; what the provider has said is in the database alone."""
    return error and {name: value for name, value in error.items() if name != "message"}
