"""Limits that a process sets for itself before it parses an uploaded file."""

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

PR_SET_PDEATHSIG: Final = 1  #: linux/prctl.h
NICENESS: Final = 10


def die_with_parent() -> None:
    """Linux kills this process when its parent ends. No effect on other systems."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def limit_process(*, memory_bytes: int, processor_time: timedelta, written_bytes: int) -> None:
    """Set limits for this process. Too much processor time ends it with SIGXCPU."""
    seconds = max(1, round(processor_time.total_seconds()))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (written_bytes, written_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def yield_to_parent() -> None:
    """When processor time or memory are scarce, this process and its children yield to its parent.

    Where Linux groups processes by session (sched(7), autogroup), niceness counts within a session only, so that a
    session of our own gets its group's niceness too.
    """
    os.nice(NICENESS)
    if sys.platform == "linux":
        Path("/proc/self/oom_score_adj").write_text("1000")
        if os.getsid(0) == os.getpid():
            with suppress(OSError):  # not grouped, or asked too often
                Path("/proc/self/autogroup").write_text(str(NICENESS))
