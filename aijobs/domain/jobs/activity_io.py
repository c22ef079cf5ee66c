"""Inputs and results of a job's activities."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from aijobs.domain.jobs.job import JobBrief, JobError, JobState
from aijobs.domain.jobs.submissions import Ref
from aijobs.domain.lifecycle import JobStatus


class SubmittedJob(JobState):
    """How a job stands after its submit. `ref` is the provider's reference; None while the outcome is unknown."""

    ref: Ref | None = None

    @property
    def state(self) -> JobState:
        return JobState.model_validate(self.model_dump(exclude={"ref"}))


class PollInput(BaseModel):
    """The status and progress that the workflow knows; `watch` returns when there is more.

    With `ref`, a poll needs nothing from the database. Without it, `watch` looks up the job and its submission.
    `submitted_at` and `asked_at`, the moment of the last news, are by the clock of Temporal's server. With `hinted`, a
    webhook has come, and the provider is asked at once.
    """

    model_config = ConfigDict(frozen=True)

    brief: JobBrief
    job_status: JobStatus
    unit_progress: float | None
    ref: Ref | None = None
    submitted_at: datetime | None = None
    asked_at: datetime | None = None
    hinted: bool = False


class MigrationInput(JobBrief):
    """A job whose outputs are to be moved. With the provider's reference, the database need not be asked first."""

    ref: Ref | None = None


class PollResult(BaseModel):
    """A new status, or a visible step within one. A bad end carries its reason.

    `ref` and `submitted_at` are for the next PollInput.
    `resubmit`: the provider has made nothing, and the job is to be sent once more.
    """

    model_config = ConfigDict(frozen=True)

    job_status: JobStatus
    unit_progress: float | None = None
    error: JobError | None = None
    ref: Ref | None = None
    submitted_at: datetime | None = None
    resubmit: bool = False


class EndInput(BaseModel):
    """How a job shall end. Of what a vendor or a caller has said, the `error` has the code: the database has the words.

    `may_have_conversation`: not a job that a provider works on.
    """

    model_config = ConfigDict(frozen=True)

    code: str
    job_status: JobStatus
    error: JobError
    provider_may_charge: bool
    detail: dict[str, str]
    may_have_conversation: bool = True


class StageInput(BaseModel):
    """One stage of a generation, counted from 1."""

    model_config = ConfigDict(frozen=True)

    brief: JobBrief
    stage: int
    stages: int
