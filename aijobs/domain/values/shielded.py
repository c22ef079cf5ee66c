"""Completing an awaitable even when the caller is canceled."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def shielded(work: Awaitable[T]) -> T:
    """Await `work` to its end; a cancellation is raised only afterwards.

    A thread cannot be stopped: returning early would close the file or the upload that it still uses.
    The work must have its own time limit.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # otherwise asyncio logs that it was never retrieved
        raise
