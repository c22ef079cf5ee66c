"""Batches in the database, as their workflow needs them. Every method is one transaction; repeating one is harmless."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from aijobs.domain.jobs.batches.batch import BatchStep


class BatchFeed(Protocol):
    """Accepts the jobs of a batch, so many at a time as it may have."""

    async def step(self, code: str) -> BatchStep:
        """Do what a batch needs now: accept jobs for its free places, end what expired, or end the batch.

        Two that do so at the same time accept each item once.
        """
        ...

    async def request_cancel(self, job_code: str) -> bool:
        """Note that the job of a canceled batch is to be canceled. False when it has ended."""
        ...

    async def unfinished(self, *, after: str, at_most: int) -> Sequence[str]:
        """Codes of the batches that have not ended, in order, after the code `after`."""
        ...

    async def forget_unloaded(self, *, older_than: timedelta) -> int:
        """Delete batches whose process died while it wrote their items; returns how many."""
        ...
