"""An installation: its id, which its namespace of Temporal keeps too (two may not share one), and how much it logs."""

from datetime import datetime
from typing import Final

from sqlmodel import Session, col, func, select, update

from aijobs.domain.jobs.batches.batch import BatchStatus, PauseReason
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.audit import Act, ActKind
from aijobs.domain.values.ids import new_id
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.tables import BatchRow, InstallationRow, JobRow

THE_ONLY_ROW: Final = 1

#: The moment that the database is a restored copy of; null when it is none.
COPIED_AT: Final = select(col(InstallationRow.copied_at)).scalar_subquery()


def known_installation_id(session: Session) -> str | None:
    """None before the first worker or API has started with this database."""
    row = session.get(InstallationRow, THE_ONLY_ROW)
    return row.installation_id if row else None


def installation_id(session: Session) -> str:
    """The id, which is made at the first call."""
    known = known_installation_id(session)
    if known is None:
        known = new_id("inst")
        session.add(InstallationRow(number=THE_ONLY_ROW, installation_id=known))
    return known


def note_older_copy(session: Session, copied_at: datetime) -> tuple[int, int]:
    """Note that this database is a restored copy of a moment. Returns how many jobs it may have forgotten the
    submission of, and how many batches pause since they may have started more jobs than it knows."""
    installation_id(session)
    session.get_one(InstallationRow, THE_ONLY_ROW).copied_at = copied_at
    unsent = (col(JobRow.job_status) == JobStatus.DRAFT, col(JobRow.create_time) <= copied_at)
    doubtful = session.exec(select(func.count()).select_from(JobRow).where(*unsent)).one()
    paused = {"batch_status": BatchStatus.PAUSED, "pause_reason": PauseReason.OLDER_COPY, "update_time": now()}
    running = (col(BatchRow.batch_status) == BatchStatus.RUNNING, col(BatchRow.ended_at).is_(None))
    return doubtful, session.exec(update(BatchRow).where(*running).values(**paused)).rowcount


def wanted_levels(session: Session) -> str | None:
    """At which levels all processes are to log; None: as each was started."""
    row = session.get(InstallationRow, THE_ONLY_ROW)
    return row.log_levels if row else None


def want_levels(session: Session, levels: str | None) -> None:
    """From the next beat of each process on."""
    installation_id(session)
    row = session.get_one(InstallationRow, THE_ONLY_ROW)
    before, row.log_levels = row.log_levels, levels
    session.add(row)
    record(session, Act(kind=ActKind.LOG_LEVELS_SET, target="log", before={"levels": before}, after={"levels": levels}))


def repaired_at(session: Session) -> datetime | None:
    """When repair last ran to its end. None when it never did."""
    row = session.get(InstallationRow, THE_ONLY_ROW)
    return row.repaired_at if row else None


def note_repaired(session: Session) -> None:
    """Repair has run to its end."""
    session.execute(update(InstallationRow).values(repaired_at=now()))
