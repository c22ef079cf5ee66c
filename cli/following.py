"""Follow a job to its end, over every interruption of the line."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

from cli.client import Api, Document, Interrupted, Unreachable
from cli.errors import Exit
from cli.story import Story
from domain.events import EventKind, JobEvent
from domain.lifecycle import JobStatus

#: Without a line for so long, the API is given up.
RECONNECT_PATIENCE: Final = timedelta(minutes=2)
RECONNECT_EVERY: Final = timedelta(milliseconds=500)

EXIT_OF: Final = {
    JobStatus.SUCCESS: Exit.SUCCESS,
    JobStatus.FAILED: Exit.FAILED,
    JobStatus.TIMEOUT: Exit.TIMEOUT,
    JobStatus.CANCELED: Exit.CANCELED,
}


async def follow(api: Api, code: str, story: Story, *, patience: timedelta = RECONNECT_PATIENCE) -> Document:
    """Tell the story to its end; the job as it then stands.

    Raises CommandError when there is no such job, and Unreachable when the API stays away.
    """
    async for event in _events(api, code, story, patience):
        story.tell(event)
    return await api.get(f"/api/jobs/{code}")


async def _events(api: Api, code: str, story: Story, patience: timedelta) -> AsyncIterator[JobEvent]:
    """Every event once, the final one last. A broken line is taken up behind the last event."""
    last, lost_at = 0, time.monotonic()
    while True:
        try:
            async for event in api.events(code, after=last):
                last = event.seq
                yield event
                if event.kind is EventKind.STATUS and event.job_status.is_final:
                    return
            lost_at = time.monotonic()
        except Interrupted as broken_off:
            lost_at = time.monotonic()
            story.lost(str(broken_off))
        except Unreachable as gone:
            if last == 0 or time.monotonic() - lost_at > patience.total_seconds():
                raise
            story.lost(str(gone))
        await asyncio.sleep(RECONNECT_EVERY.total_seconds())
