"""Outputs in the database. Every method is one transaction; repeating one changes nothing."""

from typing import Protocol

from aijobs.domain.jobs.outputs import StoredOutput


class OutputLog(Protocol):
    """What a job has in the store, and what is on its way there."""

    async def of_job(self, code: str) -> list[StoredOutput]: ...

    async def begin_write(self, key: str, *, job_code: str) -> None:
        """Note that an output is about to be written to the store. Raises JobIsFinal."""
        ...

    async def add(self, code: str, *outputs: StoredOutput) -> None:
        """The outputs are in the store. Raises JobIsFinal when the job has ended without them: they must be deleted."""
        ...

    async def drop(self, code: str) -> list[str]:
        """Forget a job's outputs; returns the keys that must be deleted from the store, half-written ones too."""
        ...
