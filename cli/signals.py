"""Ctrl-C and SIGTERM, for commands that run until a signal: they end in time, even if other services are down."""

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

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

log = structlog.get_logger()


def exit_now(code: int) -> NoReturn:
    """End the process without Python's own shutdown: with Temporal's client loaded, about one in eight aborts there."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            continue  # nothing reads it any more
    os._exit(code)


def on_stop_signal(on_signal: Callable[[], object]) -> None:
    """Call `on_signal` at each signal that asks this process to end."""
    loop = asyncio.get_running_loop()
    for stop_signal in STOP_SIGNALS:
        loop.add_signal_handler(stop_signal, on_signal)


def stop_on_signal(timeout: timedelta, stop: Callable[[], object]) -> None:
    """Call `stop` at the first signal. The process ends at the second signal, or after `timeout`.

    Work that is unfinished then is continued by the next process, as after a kill.
    """
    requested = threading.Event()

    def on_signal() -> None:
        if requested.is_set():
            exit_now(Exit.INTERRUPTED)
        requested.set()
        watchdog = threading.Timer(timeout.total_seconds(), _exit_after_timeout, [timeout])
        watchdog.daemon = True
        watchdog.start()
        stop()

    on_stop_signal(on_signal)


def _exit_after_timeout(timeout: timedelta) -> NoReturn:
    """Runs in a thread of its own, since the event loop may be blocked."""
    log.warning("ended_before_all_was_finished", after=f"{timeout.total_seconds():g} s")
    exit_now(Exit.ERROR)


async def run_until_signal(
    work: Coroutine[Any, Any, Result], *, on_second_signal: Callable[[], object]
) -> Result | None:
    """The result of `work`. The first signal cancels it (None); a further one also calls `on_second_signal`."""
    task = asyncio.create_task(work)

    def on_signal() -> None:
        if task.cancelling():
            on_second_signal()
        task.cancel()

    on_stop_signal(on_signal)
    await asyncio.wait({task})
    return None if task.cancelled() else task.result()
