"""The life of a job: every status, and every move between two of them.

DRAFT ─► SUBMITTED ─► QUEUED ─► PROCESSING ─► GENERATED ─► MIGRATING ─► SUCCESS
  │          │           │          │             │            │
  └──────────┴───────────┴──────────┴─────────────┴────────────┴──► FAILED | TIMEOUT | CANCELED

Moves go forward only. Steps up to GENERATED may be skipped (a fast provider goes from SUBMITTED to GENERATED, our own
generation from DRAFT to PROCESSING); SUCCESS is reached only through MIGRATING. A final status is never left.
"""

from collections.abc import Mapping
from enum import Enum, IntEnum, auto
from typing import Final

from aijobs.domain.errors import IllegalMove, JobIsFinal


class JobStatus(IntEnum):
    """Where a job is. The numbers are part of the API."""

    DRAFT = 0  #: accepted: row, points and idempotency key committed together
    SUBMITTED = 1  #: the provider took it, or the request left and its outcome is not known yet
    QUEUED = 2  #: the provider has it in its queue
    PROCESSING = 3  #: the provider (or our own generation step) works on it
    GENERATED = 4  #: the results exist at the provider
    MIGRATING = 5  #: the results are moving into our store
    SUCCESS = 6  #: every output is ours, checked
    FAILED = 7  #: submit, generation or migration failed for good
    TIMEOUT = 8  #: a deadline passed
    CANCELED = 9  #: asked for

    @property
    def is_final(self) -> bool:
        return not TRANSITIONS[self]

    def is_before(self, other: "JobStatus") -> bool:
        """Whether a job that is here has not come to `other` yet. Every end is behind all else, and before no other."""
        return _POSITION[self] < _POSITION[other]

    @property
    def zh(self) -> str:
        return DESCRIPTIONS[self][0]

    @property
    def en(self) -> str:
        return DESCRIPTIONS[self][1]


#: What a status is called in a query: its name, or its number without any decoration.
STATUS_AS_WRITTEN: Final[Mapping[str, JobStatus]] = {
    name: status for status in JobStatus for name in (status.name, str(status.value))
}

#: Chinese and English descriptions, as people see them.
DESCRIPTIONS: Final[Mapping[JobStatus, tuple[str, str]]] = {
    JobStatus.DRAFT: ("草稿", "Draft"),
    JobStatus.SUBMITTED: ("已提交", "Submitted"),
    JobStatus.QUEUED: ("排队中", "Queued"),
    JobStatus.PROCESSING: ("生成中", "Processing"),
    JobStatus.GENERATED: ("已生成", "Generated"),
    JobStatus.MIGRATING: ("迁移中", "Migrating"),
    JobStatus.SUCCESS: ("成功", "Success"),
    JobStatus.FAILED: ("失败", "Failed"),
    JobStatus.TIMEOUT: ("超时", "Timed out"),
    JobStatus.CANCELED: ("取消", "Canceled"),
}

#: What a job passes on its way to SUCCESS. The order is here, and not in the numbers, which are part of the API.
ORDER: Final = (
    JobStatus.DRAFT,
    JobStatus.SUBMITTED,
    JobStatus.QUEUED,
    JobStatus.PROCESSING,
    JobStatus.GENERATED,
    JobStatus.MIGRATING,
    JobStatus.SUCCESS,
)
UNFINISHED: Final = ORDER[:-1]
BAD_ENDS: Final = (JobStatus.FAILED, JobStatus.TIMEOUT, JobStatus.CANCELED)
ENDS: Final = (JobStatus.SUCCESS, *BAD_ENDS)

_POSITION: Final = {status: position for position, status in enumerate(UNFINISHED)} | dict.fromkeys(
    ENDS, len(UNFINISHED)
)


def _working_after(status: JobStatus) -> frozenset[JobStatus]:
    return frozenset(ORDER[ORDER.index(status) + 1 : ORDER.index(JobStatus.GENERATED) + 1])


#: Every legal move. All others raise IllegalMove.
TRANSITIONS: Final[Mapping[JobStatus, frozenset[JobStatus]]] = {
    JobStatus.DRAFT: _working_after(JobStatus.DRAFT) | {*BAD_ENDS},
    JobStatus.SUBMITTED: _working_after(JobStatus.SUBMITTED) | {*BAD_ENDS},
    JobStatus.QUEUED: _working_after(JobStatus.QUEUED) | {*BAD_ENDS},
    JobStatus.PROCESSING: _working_after(JobStatus.PROCESSING) | {*BAD_ENDS},
    JobStatus.GENERATED: frozenset({JobStatus.MIGRATING}) | {*BAD_ENDS},
    JobStatus.MIGRATING: frozenset({JobStatus.SUCCESS}) | {*BAD_ENDS},
    JobStatus.SUCCESS: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.TIMEOUT: frozenset(),
    JobStatus.CANCELED: frozenset(),
}

#: How far a job is, in percent of its whole life, on entering each status.
OVERALL_PROGRESS: Final[Mapping[JobStatus, float]] = {
    JobStatus.DRAFT: 0.0,
    JobStatus.SUBMITTED: 16.67,
    JobStatus.QUEUED: 33.33,
    JobStatus.PROCESSING: 50.0,
    JobStatus.GENERATED: 66.67,
    JobStatus.MIGRATING: 83.33,
    JobStatus.SUCCESS: 100.0,
    JobStatus.FAILED: 0.0,
    JobStatus.TIMEOUT: 0.0,
    JobStatus.CANCELED: 0.0,
}


class Move(Enum):
    """What moving to a status means."""

    FORWARD = auto()  #: legal: write it
    REPEATED = auto()  #: already there: nothing to do, activities are retried
    BACKWARD = auto()  #: a provider's step back, or a late event: ignored


def judge(current: JobStatus, target: JobStatus) -> Move:
    """What moving from `current` to `target` means.

    Raises IllegalMove where the table forbids it and it is not a harmless step back.
    """
    if target is current:
        return Move.REPEATED
    if target in TRANSITIONS[current]:
        return Move.FORWARD
    if target.is_before(current) and not current.is_final:
        return Move.BACKWARD
    raise IllegalMove(current.name, target.name)


def require_unfinished(code: str, status: JobStatus) -> None:
    """Raises JobIsFinal when the job has ended."""
    if status.is_final:
        raise JobIsFinal(f"{code} has ended: {status.name}.")


def overall_progress(status: JobStatus, unit_progress: float | None) -> float:
    """Percent of the whole life: from the status's figure towards the next one's as the unit progress grows."""
    current_figure = OVERALL_PROGRESS[status]
    if unit_progress is None or status.is_final:
        return current_figure
    next_figure = OVERALL_PROGRESS[ORDER[ORDER.index(status) + 1]]
    return round(current_figure + (next_figure - current_figure) * unit_progress / 100, 2)
