"""Checks the installation's processes, as the database has seen them: who is lost, and whose clock is wrong."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from aijobs.persistence.database import Database
from aijobs.persistence.processes import ProcessState, known_processes, unserved
from cli.doctor.report import Finding, broken, doubtful, fine, off

PART: Final = "Processes"


async def processes(database: Database) -> list[Finding]:
    """Of the last day, on all hosts."""
    return list(_findings(await database.read(known_processes)))


def _findings(known: Sequence[ProcessState]) -> Iterator[Finding]:
    alive = [process for process in known if process.is_alive]
    gone = unserved(known)
    lost = [process for process in known if process.is_lost]
    if not alive and not lost:
        yield off(PART, "none runs.", "`aijobs up` starts them.")
        return
    if alive:
        yield fine(PART, ", ".join(f"{count} {one}" for one, count in sorted(_by_version(alive).items())))
    for process in lost:
        where = f"{process.role} {process.pid} on {process.host}"
        message = f"{where} was last seen {round(process.seen_ago.total_seconds())} s ago, and nobody has stopped it."
        is_needed = any(gone.get(queue) == process for queue in process.queues)
        report = broken if is_needed else doubtful
        yield report(
            PART, message, "Does it still run? Its log says more." if alive else "`aijobs up` starts it again."
        )
    for queue, process in gone.items():
        if process.has_stopped:
            yield broken(PART, f"No worker serves {queue}: the last one, on {process.host}, was stopped.", "Start one.")
    for process in alive:
        if process.has_wrong_clock:
            difference = round(process.clock_ahead.total_seconds())
            message = f"The clock of {process.host} differs by {difference} s from the database's."
            yield doubtful(PART, message, "Let it be kept by NTP.")


def _by_version(alive: Sequence[ProcessState]) -> Counter[str]:
    return Counter(f"{process.role} of version {process.version}" for process in alive)
