"""What processes have used, as Linux counts it in /proc."""

import os
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")

#: proc(5): fields of /proc/PID/stat, counted from the one after the command's name
UTIME, STIME = 11, 12

#: proc(5): columns of the first line of /proc/stat in which a processor does nothing
IDLE, IO_WAIT = 3, 4


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and all its threads, in user and in system mode."""
    after_name = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(after_name[UTIME]) + int(after_name[STIME])) / TICKS_PER_SECOND


def children_of(pid: int) -> list[int]:
    """The processes that it has started and that run now."""
    return [int(child) for child in (PROC / str(pid) / "task" / str(pid) / "children").read_text().split()]


def machine_seconds() -> float:
    """Processor time of everything on this machine."""
    columns = [int(ticks) for ticks in (PROC / "stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(columns) - columns[IDLE] - columns[IO_WAIT]) / TICKS_PER_SECOND


def peak_memory(pid: int) -> int:
    """The most bytes that a process had in memory. Unlike getrusage's figure, it owes nothing to the parent."""
    status = (PROC / str(pid) / "status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) * 1024


def memory_in_use(pid: int) -> int:
    """Bytes that a process and its descendants have in memory now. What several processes share counts once (PSS)."""
    of = {int(stat.parent.name): stat for stat in PROC.glob("[0-9]*/stat")}
    family = found = {pid}
    while found:
        found = {child for child, stat in of.items() if child not in family and _parent(stat) in family}
        family |= found
    return sum(_proportional(member) for member in family)


def _parent(stat: Path) -> int:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0  # it has ended meanwhile


def _proportional(pid: int) -> int:
    try:
        figures = (PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in figures.splitlines() if line.startswith("Pss:")), 0)
