"""The database, as repair needs it. Every method is one transaction; repeating one changes nothing."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from aijobs.domain.jobs.job import JobBrief


class Housekeeping(Protocol):
    """What has come to a standstill, and what dead processes have left."""

    async def unfinished(self, *, quiet_for: timedelta, after: str, at_most: int) -> list[JobBrief]:
        """Jobs that are not final and without an event for `quiet_for`, ordered by code, after the code `after`.

        Those of models that the catalogue does not have any more are left out.
        """
        ...

    async def held(self, *, quiet_for: timedelta, at_most: int) -> list[JobBrief]:
        """Jobs whose points are held, that ended so long ago, and that a late watch may still bring a word of."""
        ...

    async def final_among(self, codes: Sequence[str], *, quiet_for: timedelta) -> list[str]:
        """Those of the jobs that have been final for so long."""
        ...

    async def abandoned_writes(self, *, older_than: timedelta) -> list[str]:
        """Keys that were begun so long ago and are nobody's."""
        ...

    async def forget_write(self, key: str) -> None: ...

    async def forget_unanswered(self, *, older_than: timedelta) -> int:
        """Drop idempotency keys whose request died before it was answered; returns how many."""
        ...

    async def forget_reports(self, *, older_than: timedelta) -> int:
        """Drop what vendors told so long ago, by webhooks, of jobs that have ended; returns how many."""
        ...

    async def note_repaired(self) -> None:
        """Repair has run to its end."""
        ...
