"""Jobs that were accepted while Temporal could not be reached, or whose acceptor died before it could start them."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from temporalio import activity

from domain.job import JobBrief
from domain.ports import Records

FORGOTTEN_AFTER: Final = timedelta(seconds=5)
AT_MOST: Final = 500


class Sweeping:
    """`start` starts the workflow of a job; doing it again changes nothing."""

    def __init__(self, records: Records, start: Callable[[JobBrief], Awaitable[None]]) -> None:
        self._records = records
        self._start = start

    @activity.defn
    async def start_forgotten_drafts(self) -> int:
        """Returns how many were started."""
        drafts = await self._records.forgotten_drafts(older_than=FORGOTTEN_AFTER, at_most=AT_MOST)
        for brief in drafts:
            await self._start(brief)
        return len(drafts)
