"""What the database knows of an installation's health, for the dashboard and `aijobs doctor`."""

from collections.abc import Iterator
from datetime import datetime

from sqlmodel import Session, col, select

from aijobs.domain.values import health_findings as findings
from aijobs.domain.values.health_findings import HealthFinding, HealthKind
from aijobs.persistence.access.installation import repaired_at
from aijobs.persistence.column_types import now
from aijobs.persistence.processes import ProcessRole, ProcessState, known_processes
from aijobs.persistence.tables import ApiKeyRow
from aijobs.persistence.vendor_credentials import circuits


def health_findings(session: Session) -> list[HealthFinding]:
    """What is broken first."""
    found = list(_found(session, now()))
    return sorted(found, key=lambda one: (not one.is_broken, one.kind, one.subject))


def _found(session: Session, at: datetime) -> Iterator[HealthFinding]:
    known = [process for process in known_processes(session) if not process.has_stopped]
    alive = [process for process in known if process.is_alive]
    workers = [process.started_at for process in alive if process.role is ProcessRole.WORKER]
    yield from _of_vendors(session)
    yield from findings.of_repair(repaired_at(session), oldest_worker=min(workers, default=None), now=at)
    for role in ProcessRole:
        versions = frozenset(process.version for process in alive if process.role is role)
        yield from findings.of_versions(role, versions)
    yield from _of_hosts(known, at)
    for name, key_id, expires_at in session.exec(
        select(ApiKeyRow.name, ApiKeyRow.key_id, ApiKeyRow.expires_at).where(
            col(ApiKeyRow.expires_at).is_not(None),
            col(ApiKeyRow.revoked_at).is_(None),
            col(ApiKeyRow.deleted).is_(False),
        )
    ):
        if expires_at is not None:
            yield from findings.of_key(f"{name} ({key_id})", expires_at, now=at)


def _of_hosts(known: list[ProcessState], at: datetime) -> Iterator[HealthFinding]:
    """Each disk and each certificate once, as it was seen last: a full disk may be why a process is lost."""
    by_age = list(reversed(known))
    rooms = {(process.host, room.path): room for process in by_age for room in process.facts.rooms}
    for (host, _), room in rooms.items():
        yield from findings.of_room(room, host=host)
    expiries = {(one.what, one.name): one for process in by_age for one in process.facts.expiries}
    for expiry in expiries.values():
        yield from findings.of_expiry(expiry, now=at)


def _of_vendors(session: Session) -> Iterator[HealthFinding]:
    """Credentials that are not used now, with what their vendors have said."""
    for one in circuits(session).values():
        if one.is_blocked:
            yield HealthFinding(HealthKind.VENDOR_BLOCKED, one.credential, one.reason or "", one.since)
        elif not one.is_closed:
            yield HealthFinding(HealthKind.VENDOR_LEFT_ALONE, one.credential, one.reason or "", one.since)
