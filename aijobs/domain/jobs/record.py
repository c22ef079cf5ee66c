"""A job as its owner sees it: each field is declared here, for the database and for the API."""

from datetime import date

from pydantic import BaseModel, Field

from aijobs.domain.jobs.events import MomentOrNone
from aijobs.domain.jobs.slots.fair_queue import DEFAULT_PRIORITY
from aijobs.domain.lifecycle import JobStatus


class JobOrder(BaseModel):
    """What was ordered, by whom, and of which model. A rerun orders the same, under a code of its own."""

    code: str = Field(examples=["job_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])
    user_id: str
    photo_review_analysis_code: str | None = None
    type: str | None = None
    action: str | None = None
    channel: str
    platform: str
    model: str
    model_id: str
    model_name: str
    model_version: str
    asyn: bool
    output_count: int
    priority: int = Field(default=DEFAULT_PRIORITY, description="1 first, 5 last, among its user's jobs that wait")


class JobRecord(JobOrder):
    """...and what has become of it."""

    create_date: date
    start_at: MomentOrNone = Field(default=None, description="it is not sent before")
    expires_at: MomentOrNone = Field(default=None, description="it is canceled when it has not started by then")
    req_time: MomentOrNone = None
    resp_time: MomentOrNone = None
    cost_time: float | None = Field(default=None, description="seconds")
    out_id: str | None = Field(default=None, description="the provider's own id")
    job_status: JobStatus
    needs_review: bool = Field(default=False, description="a person should look at the extracted table")


class JobProgress(BaseModel):
    """How far a job is: within its status, and on its whole way, in percent."""

    unit_progress: float | None = None
    overall_progress: float
