"""Settings of Python and its allocator for processes that serve: short collections, freed memory, quick hand-overs.

Called by processes that serve (`aijobs api`, `worker`, `sandbox`), never by other commands.
"""

import ctypes
import gc
import sys
from datetime import timedelta
from typing import Final

#: glibc's malloc.h
M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
M_ARENA_MAX: Final = -8

LARGE_BLOCK_BYTES: Final = 256 * 1024
"""Blocks above this size are mapped one by one, and go back to the system as soon as they are freed."""

MAX_ARENAS: Final = 2  #: by default eight for each processor; each keeps what its threads once needed


def give_back_large_blocks() -> None:
    """Set glibc's allocator up for a process that runs long. No effect where there is no glibc.

    By default glibc raises the threshold for separate mappings, up to 32 MiB, whenever such a block is freed
    (mallopt(3)), so that after a few large request bodies the next ones stay within the process's heap.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
        mallopt(M_TRIM_THRESHOLD, LARGE_BLOCK_BYTES)
        mallopt(M_ARENA_MAX, MAX_ARENAS)


#: Of `gc.set_threshold`: by default (700, 10, 10), which makes a full collection of every 70,000 new objects.
THRESHOLDS: Final = (1000, 20, 50)


def shorten_collections() -> None:
    """Exempt what exists now (modules, schemas, routes) from garbage collections, and make full ones rarer.

    A full collection looks at half a million such objects, for 0.2 to 0.3 seconds in which the event loop stands still,
    and any 5,000 new connections would bring one about.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


SWITCH_INTERVAL: Final = timedelta(microseconds=500)
"""Instead of 5 ms: 1.6 to 3.7 times the jobs a second on SQLite beside a busy event loop (docs/benchmarks.md)."""


def share_the_interpreter() -> None:
    """For processes whose event loop is busy: have Python hand the interpreter over between threads more often.

    A database thread gives it up at each statement, and gets it back after the switch interval, while it holds locks.
    """
    sys.setswitchinterval(SWITCH_INTERVAL.total_seconds())
