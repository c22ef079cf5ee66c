"""What somebody should know of an installation: each finding with its kind, for which there is advice."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from aijobs.domain.values.host_facts import Expiry, Room

SOON: Final = timedelta(days=21)
"""So long before its end a certificate, a token or a key is named."""

REPAIR_LATE: Final = timedelta(minutes=10)
RECENTLY: Final = timedelta(days=7)
"""For so long a key that has expired is named."""


class HealthKind(StrEnum):
    """What was found. The dashboard has a sentence and an advice for each, in each language."""

    VENDOR_BLOCKED = "vendor_blocked"
    VENDOR_LEFT_ALONE = "vendor_left_alone"
    REPAIR_LATE = "repair_late"
    DISK_FULL = "disk_full"
    DISK_LOW = "disk_low"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_EXPIRES = "certificate_expires"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - the name of a finding
    TOKEN_EXPIRES = "token_expires"  # noqa: S105
    KEY_EXPIRED = "key_expired"
    KEY_EXPIRES = "key_expires"
    VERSIONS_DIFFER = "versions_differ"


#: Jobs suffer from these now; from the others they will, or may.
BROKEN: Final = frozenset(
    {HealthKind.VENDOR_BLOCKED, HealthKind.DISK_FULL, HealthKind.CERTIFICATE_EXPIRED, HealthKind.TOKEN_EXPIRED}
)


@dataclass(frozen=True)
class HealthFinding:
    """`subject`: the credential, directory, certificate or key; `detail`: in a vendor's or our own words; `at`: since
    when, or until when.
    """

    kind: HealthKind
    subject: str
    detail: str = ""
    at: datetime | None = None
    values: dict[str, str | int] = field(default_factory=dict)

    @property
    def is_broken(self) -> bool:
        return self.kind in BROKEN


def of_repair(last_run: datetime | None, *, oldest_worker: datetime | None, now: datetime) -> Iterator[HealthFinding]:
    """`oldest_worker`: since when a worker runs without a pause; without one there is no repair, and that is known."""
    since = max(filter(None, (last_run, oldest_worker)), default=None)
    if oldest_worker is not None and since is not None and now - since > REPAIR_LATE:
        yield HealthFinding(HealthKind.REPAIR_LATE, "aijobs-repair", at=last_run)


def of_room(room: Room, *, host: str) -> Iterator[HealthFinding]:
    """Of a disk."""
    if room.is_full or room.is_low:
        kind = HealthKind.DISK_FULL if room.is_full else HealthKind.DISK_LOW
        yield HealthFinding(kind, room.path, values={"host": host, "free": room.free, "total": room.total})


def of_expiry(expiry: Expiry, *, now: datetime) -> Iterator[HealthFinding]:
    """Of a certificate or a token."""
    if expiry.at - now <= SOON:
        yield HealthFinding(HealthKind(f"{expiry.what}_{_ending(expiry.at, now)}"), expiry.name, at=expiry.at)


def of_key(name: str, expires_at: datetime, *, now: datetime) -> Iterator[HealthFinding]:
    """Of a caller's key."""
    if now - RECENTLY < expires_at <= now + SOON:
        yield HealthFinding(HealthKind(f"key_{_ending(expires_at, now)}"), name, at=expires_at)


def of_versions(role: str, versions: frozenset[str]) -> Iterator[HealthFinding]:
    """Of the living processes of a role."""
    if len(versions) > 1:
        yield HealthFinding(HealthKind.VERSIONS_DIFFER, f"{role}: {', '.join(sorted(versions))}")


def _ending(at: datetime, now: datetime) -> str:
    return "expired" if at <= now else "expires"
