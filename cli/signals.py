"""Ctrl-C and SIGTERM, for commands that run until they are told to stop."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

ENDS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def on_end(react: Callable[[], object]) -> None:
    """Call `react` at each signal that asks this process to end."""
    loop = asyncio.get_running_loop()
    for end in ENDS:
        loop.add_signal_handler(end, react)


async def until_told(work: Coroutine[Any, Any, Result]) -> Result | None:
    """The result of `work`; the first signal calls it off (None), a further one hurries its clean-up."""
    task = asyncio.create_task(work)
    on_end(task.cancel)
    await asyncio.wait({task})
    return None if task.cancelled() else task.result()
