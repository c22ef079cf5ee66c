"""A job's history, as people and programs see it."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainSerializer

from aijobs.domain.lifecycle import JobStatus


def rfc3339(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, for example `2026-11-21T10:00:00.123Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _rfc3339_or_none(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)


Moment = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]
MomentOrNone = Annotated[datetime | None, PlainSerializer(_rfc3339_or_none, return_type=str | None, when_used="json")]


class EventKind(StrEnum):
    """What an event tells."""

    STATUS = "status"
    PROGRESS = "progress"
    NOTE = "note"


class JobEvent(BaseModel):
    """One line of a job's history. `seq` counts 1, 2, 3 … within the job; its shape is part of the API."""

    model_config = ConfigDict(frozen=True)

    seq: int
    code: str
    at: Moment
    kind: EventKind
    job_status: JobStatus
    job_status_name: str
    job_status_desc: str
    unit_progress: float | None
    overall_progress: float
    detail: dict[str, Any]

    @property
    def is_end(self) -> bool:
        """Whether it tells of the job's end. Only notes can follow it."""
        return self.kind is EventKind.STATUS and self.job_status.is_final
