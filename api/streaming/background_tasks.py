"""Background tasks whose failures are logged."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger()


def start_task(work: Coroutine[Any, Any, None], *, failure: str) -> asyncio.Task[None]:
    """Start a task. When an exception ends it, `failure` is logged as the event."""

    def log_failure(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error(failure, error=repr(error))

    task = asyncio.create_task(work)
    task.add_done_callback(log_failure)
    return task
