"""Inputs and results of a job's activities."""

from pydantic import BaseModel, ConfigDict

from aijobs.domain.jobs.job import JobBrief, JobError
from aijobs.domain.lifecycle import JobStatus


class PollInput(BaseModel):
    """The status and progress that the workflow knows; `watch` returns when there is more."""

    model_config = ConfigDict(frozen=True)

    brief: JobBrief
    job_status: JobStatus
    unit_progress: float | None


class PollResult(BaseModel):
    """A new status, or a visible step within one. A bad end carries its reason."""

    model_config = ConfigDict(frozen=True)

    job_status: JobStatus
    unit_progress: float | None = None
    error: JobError | None = None


class EndInput(BaseModel):
    """How a job shall end."""

    model_config = ConfigDict(frozen=True)

    code: str
    job_status: JobStatus
    error: JobError
    provider_may_charge: bool
    detail: dict[str, str]


class StageInput(BaseModel):
    """One stage of a generation, counted from 1."""

    model_config = ConfigDict(frozen=True)

    brief: JobBrief
    stage: int
    stages: int
