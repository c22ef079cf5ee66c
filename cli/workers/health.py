"""Whether a worker is alive, for health checks of containers: it writes a file every few seconds, another reads it.

A worker that hangs stops writing. One that cannot reach Temporal stays, and writes since when.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog
from pydantic import BaseModel, ValidationError

log = structlog.get_logger()

WRITE_EVERY: Final = timedelta(seconds=5)
FRESH_FOR: Final = timedelta(seconds=20)
"""A file that is older was left by a worker that hangs, or is gone."""

MAX_OUTAGE: Final = timedelta(seconds=60)
"""How long Temporal may be away: a restart or a fail-over takes less."""


class WorkerBeat(BaseModel):
    """The content of the file. Times are seconds since 1970; `temporal_lost_at` is None while Temporal answers."""

    pid: int
    queues: list[str]
    written_at: float
    temporal_lost_at: float | None = None


Probe = Callable[[], Awaitable[bool]]
"""Whether Temporal answers now."""


@asynccontextmanager
async def health_written(path: Path, probe: Probe, *, queues: Sequence[str]) -> AsyncIterator[None]:
    """Write the file until the block ends, and remove it then."""
    beat = WorkerBeat(pid=os.getpid(), queues=list(queues), written_at=time.time())
    _write(path, beat)
    writing = asyncio.create_task(_keep_writing(path, beat, probe))
    try:
        yield
    finally:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        _remove(path)


async def _keep_writing(path: Path, beat: WorkerBeat, probe: Probe) -> None:
    while True:
        if await probe():
            beat.temporal_lost_at = None
        else:
            beat.temporal_lost_at = beat.temporal_lost_at or time.time()
        beat.written_at = time.time()
        try:
            _write(path, beat)
        except OSError as failed:  # whoever reads the file says that it is old
            log.warning("health_file_not_written", why=failed.strerror)
        await asyncio.sleep(WRITE_EVERY.total_seconds())


def _write(path: Path, beat: WorkerBeat) -> None:
    """A reader sees the old content or the new."""
    fresh = path.with_name(f"{path.name}.{beat.pid}")
    fresh.write_text(beat.model_dump_json(), "utf-8")
    fresh.replace(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def health_problem(path: Path) -> str | None:
    """What is wrong with the worker that writes this file, in one sentence; None when nothing is."""
    try:
        beat = WorkerBeat.model_validate_json(path.read_text("utf-8"))
    except FileNotFoundError:
        return f"No worker writes {path}: none runs, or it is still starting."
    except (OSError, ValidationError) as unreadable:
        return f"{path} cannot be read: {type(unreadable).__name__}."
    age = time.time() - beat.written_at
    if age > FRESH_FOR.total_seconds():
        return f"The worker {beat.pid} has written nothing for {age:.0f} s: it hangs, or is gone."
    if beat.temporal_lost_at is not None and time.time() - beat.temporal_lost_at > MAX_OUTAGE.total_seconds():
        return f"Temporal has not answered the worker {beat.pid} for {time.time() - beat.temporal_lost_at:.0f} s."
    return None
