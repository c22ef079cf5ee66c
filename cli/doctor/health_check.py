"""Checks what the Health page shows besides: repair, disks, certificates, tokens, keys, of all hosts and this one."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from aijobs.domain.values.health_findings import HealthFinding, HealthKind, of_expiry, of_room
from aijobs.hosts.host_view import HostView
from aijobs.persistence.database import Database
from aijobs.persistence.health import health_findings
from aijobs.settings import Settings
from cli.doctor.report import Finding, broken, doubtful
from cli.words.wording import words
from dashboard.formatting import finding_values
from workflows.namespace.connection import CERTIFICATE, temporal_certificates

PATIENCE: Final = timedelta(seconds=20)  #: with the server of the public URL, whatever addresses it has

#: By other checks, as the client certificate for Temporal is.
TOLD_BEFORE: Final = frozenset({HealthKind.VENDOR_BLOCKED, HealthKind.VENDOR_LEFT_ALONE})


async def host_and_expiry(database: Database, settings: Settings) -> list[Finding]:
    """In the words of the Health page."""
    facts = await HostView(settings, temporal_certificates, public=True).facts(patience=PATIENCE)
    host, now = socket.gethostname(), datetime.now(UTC)

    def here() -> Iterator[HealthFinding]:
        for room in facts.rooms:
            yield from of_room(room, host=host)
        for expiry in facts.expiries:
            yield from of_expiry(expiry, now=now)

    known = {(one.kind, one.subject): one for one in (*here(), *await database.read(health_findings))}
    return [_finding(one) for one in known.values() if one.kind not in TOLD_BEFORE and one.subject != CERTIFICATE]


def _finding(found: HealthFinding) -> Finding:
    language, values = words(), finding_values(found)
    message = language(f"health_finding.{found.kind}", **values)
    when = f" ({found.at:%Y-%m-%d %H:%M} UTC)" if found.at else ""
    report = broken if found.is_broken else doubtful
    return report("Health", f"{message}{when}.", language(f"health_finding_advice.{found.kind}", **values))
