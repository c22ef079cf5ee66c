"""Work that goes on beside the requests, and is heard of when it fails."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger()


def start_task(work: Coroutine[Any, Any, None], *, failure: str) -> asyncio.Task[None]:
    """A task. Should an error end it, then the log says `failure`."""

    def complain(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error(failure, error=repr(error))

    task = asyncio.create_task(work)
    task.add_done_callback(complain)
    return task
