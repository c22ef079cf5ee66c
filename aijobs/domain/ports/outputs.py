"""Outputs in the database. Every method is one transaction; repeating one changes nothing."""

from dataclasses import dataclass
from typing import Protocol

from aijobs.domain.jobs.job import JobState
from aijobs.domain.jobs.outputs import StoredOutput
from aijobs.domain.jobs.submissions import Ref


@dataclass(frozen=True, kw_only=True)
class MigrationStart:
    """A job that is about to be migrated: its submission's reference, and which of its outputs are in the store."""

    state: JobState
    ref: Ref | None
    kept: frozenset[int]


class OutputLog(Protocol):
    """What a job has in the store, and what is on its way there."""

    async def of_job(self, code: str) -> list[StoredOutput]: ...

    async def begin_write(self, key: str, *, job_code: str) -> None:
        """Note that an output is about to be written to the store. Raises JobIsFinal."""
        ...

    async def enter_migration(self, code: str) -> MigrationStart:
        """Move a job to MIGRATING, unless it has ended, and say what is known of its outputs."""
        ...

    async def begin_move(self, code: str, index: int, key: str) -> bool:
        """As `begin_write` for one output, and the job is MIGRATING. False, and nothing is to be written, when the
        output is in the store already. Raises JobIsFinal."""
        ...

    async def add(self, code: str, *outputs: StoredOutput, complete_at: int | None = None) -> JobState:
        """The outputs are in the store. With the last of `complete_at` outputs, the job is SUCCESS.

        Returns how the job stands. Raises JobIsFinal when it has ended without them: they must be deleted.
        """
        ...

    async def drop(self, code: str) -> list[str]:
        """Forget a job's outputs; returns the keys that must be deleted from the store, half-written ones too.

        A second call returns them again: the store may have been away after the first.
        """
        ...
