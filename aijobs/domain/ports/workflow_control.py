"""Temporal, as use cases and repair need it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from aijobs.domain.errors import FieldError
from aijobs.domain.jobs.job import JobBrief
from aijobs.domain.jobs.running_step import RunningStep


@dataclass(frozen=True)
class QueueBacklog:
    """How many tasks wait in a task queue, about, and for how long the oldest has."""

    queue: str
    tasks: int
    oldest: timedelta


class JobEngine(Protocol):
    """Runs the jobs that were accepted. A job's code names its run, so that everything here may be repeated.

    Every method gives up after about a second and raises TemporalUnavailable.
    """

    async def start(self, brief: JobBrief) -> None:
        """Start a job, unless it has been started."""
        ...

    async def ensure_started(self, brief: JobBrief) -> None:
        """As `start`, for a job that has probably been started: it asks first."""
        ...

    async def cancel(self, code: str) -> None:
        """Request the cancellation of a job, for the reason that the database has. Nothing happens when its workflow
        has ended.
        """
        ...

    async def poll_now(self, brief: JobBrief) -> None:
        """Make a job poll its provider now; for an ended job, restart its late watch."""
        ...

    async def hint(self, code: str) -> None:
        """Make a job poll its provider now, after a webhook. Nothing happens when the job has ended."""
        ...

    async def wake_batch(self, code: str) -> None:
        """Make a batch look at once at what it has to do. Starts it where it does not run."""
        ...

    async def step_of(self, code: str) -> RunningStep | None:
        """The step that a job's workflow waits for. None while there is none, or no workflow."""
        ...

    async def probe(self) -> None:
        """Whether it answers."""
        ...

    async def missing(self) -> Sequence[FieldError]:
        """What Temporal lacks for running jobs, although it answers: `/namespace`, `/search_attributes`,
        `/queues/<name>` of which no worker takes care."""
        ...

    async def backlogs(self) -> Sequence[QueueBacklog]:
        """Of each task queue."""
        ...


class WorkflowStatus(StrEnum):
    """What Temporal says of a job's workflow."""

    RUNNING = "running"
    NONE = "none"
    TERMINATED = "terminated"
    TIMED_OUT = "timed_out"
    CLOSED = "closed"  #: by its own doing


class JobWorkflowControl(Protocol):
    """Temporal, as repair needs it. Every call may be repeated."""

    async def start(self, brief: JobBrief) -> None: ...

    async def watch_late(self, brief: JobBrief) -> None:
        """Start the late watch, which settles the held points."""
        ...

    async def wake_batch(self, code: str) -> None:
        """Start the workflow of a batch, or wake it."""
        ...

    async def status_of(self, workflow_id: str) -> WorkflowStatus: ...

    async def running_jobs(self) -> list[str]:
        """The codes of all jobs whose workflow runs."""
        ...

    async def cancel(self, job_code: str) -> None:
        """As JobEngine's."""
        ...

    async def stop(self, job_code: str, reason: str) -> None: ...


class Schedules(Protocol):
    """The schedules in Temporal that start what is done again and again."""

    async def goes_on(self, schedule: str) -> bool:
        """Whether it is there and not paused; True where the server does not tell."""
        ...
