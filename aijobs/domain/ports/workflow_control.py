"""Temporal, as repair needs it."""

from enum import StrEnum
from typing import Protocol

from aijobs.domain.jobs.job import JobBrief


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
        """Leave the slow watch behind that settles what is held."""
        ...

    async def fate(self, job_code: str) -> WorkflowStatus: ...

    async def running_jobs(self) -> list[str]:
        """The codes of all jobs whose workflow runs."""
        ...

    async def stop(self, job_code: str, reason: str) -> None: ...
