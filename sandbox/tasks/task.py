"""One task, as the sandbox stores it.

QUEUED ─► WORKING ─► DONE | FAILED | CANCELED
"""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from sandbox.persistence.ledger import Charge


class TaskStatus(StrEnum):
    """Where a task is; each vendor has words of its own for it."""

    QUEUED = "queued"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_final(self) -> bool:
        return self not in (TaskStatus.QUEUED, TaskStatus.WORKING)


class SimulatedTask(BaseModel):
    """`request` is the body as it came; `progress` is 0 to 1; `outputs` are the names of its files."""

    id: str
    account: str
    model: str
    request: dict[str, Any]
    created_ns: int
    webhook_url: str | None = None
    webhook_secret: str | None = None
    correlation: str | None = None  #: the caller's own token, for the ledger
    status: TaskStatus = TaskStatus.QUEUED
    progress: float = 0.0
    message: str | None = None
    started_ns: int | None = None
    ended_ns: int | None = None
    outputs: list[str] = []

    @property
    def charge(self) -> Charge:
        if not self.status.is_final:
            return Charge.PENDING
        return Charge.CHARGED if self.status is TaskStatus.DONE else Charge.FREE
