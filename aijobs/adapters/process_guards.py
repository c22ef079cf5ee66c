"""What a process that parses foreign files gives up before it opens one."""

import ctypes
import os
import resource
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Final

PR_SET_PDEATHSIG: Final = 1  #: linux/prctl.h


def die_with_parent() -> None:
    """Linux kills this process when its parent dies, whatever it died of. Elsewhere nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def limit_process(*, memory_bytes: int, processor_time: timedelta, written_bytes: int) -> None:
    """Bound this process for the rest of its life. Too much processor time ends it with SIGXCPU."""
    seconds = max(1, round(processor_time.total_seconds()))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (written_bytes, written_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def yield_to_parent() -> None:
    """Where processor time or memory are short, this process goes without before the one that it works for."""
    os.nice(5)
    if sys.platform == "linux":
        Path("/proc/self/oom_score_adj").write_text("1000")
