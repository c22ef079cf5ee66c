"""Ctrl-C and SIGTERM, for commands that run until they are told to stop: they end in time, whatever is away."""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, Final, NoReturn, TypeVar

import structlog

from cli.errors import Exit

Result = TypeVar("Result")

ENDS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

log = structlog.get_logger()


def leave(code: int) -> NoReturn:
    """End the process without Python's own way down: with Temporal's client loaded, about every eighth one aborts."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            continue  # nobody reads it any more
    os._exit(code)


def on_end(react: Callable[[], object]) -> None:
    """Call `react` at each signal that asks this process to end."""
    loop = asyncio.get_running_loop()
    for end in ENDS:
        loop.add_signal_handler(end, react)


def stop_within(patience: timedelta, stop: Callable[[], object]) -> None:
    """Call `stop` at the first signal. The process ends at the second one, or when `patience` is over.

    What is under way then is found by the next process that starts, as after a kill.
    """
    asked = threading.Event()

    def react() -> None:
        if asked.is_set():
            leave(Exit.INTERRUPTED)
        asked.set()
        watchdog = threading.Timer(patience.total_seconds(), _give_up, [patience])
        watchdog.daemon = True
        watchdog.start()
        stop()

    on_end(react)


def _give_up(patience: timedelta) -> NoReturn:
    """In a thread of its own: the event loop may be what does not go on."""
    log.warning("ended_before_all_was_finished", after=f"{patience.total_seconds():g} s")
    leave(Exit.ERROR)


async def until_told(work: Coroutine[Any, Any, Result], *, hurry: Callable[[], object]) -> Result | None:
    """The result of `work`; the first signal calls it off (None), a further one also calls `hurry`."""
    task = asyncio.create_task(work)

    def react() -> None:
        if task.cancelling():
            hurry()
        task.cancel()

    on_end(react)
    await asyncio.wait({task})
    return None if task.cancelled() else task.result()
