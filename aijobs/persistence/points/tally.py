"""What has been charged and paid since a process began: from the ledger, whose entries are never changed.

Only what is new in it is read, by its ids: the whole of it would take long, and no job has to write anything for this.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Table, bindparam, case, func, select
from sqlmodel import Session

from aijobs.domain.points import EntryKind
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database, connection_of
from aijobs.persistence.tables import PointsEntryRow
from aijobs.persistence.tables.locked_jobs import JOBS

SETTLED_AFTER: Final = timedelta(minutes=1)
"""An entry that is younger may still be followed by one with a lower id, from a transaction that began before."""

_ENTRIES: Final[Table] = PointsEntryRow.__table__  # type: ignore[attr-defined]
_NEWEST: Final = select(func.coalesce(func.max(_ENTRIES.c.id), 0))
_NEWEST_SETTLED: Final = _NEWEST.where(_ENTRIES.c.id > bindparam("after"), _ENTRIES.c.create_time < bindparam("until"))

#: Each job has one entry that settles or refunds its points, and its cost is known by then.
_CLOSED: Final = (
    select(
        JOBS.c.model_id,
        JOBS.c.cost_currency,
        func.sum(case((_ENTRIES.c.kind == EntryKind.SETTLE, _ENTRIES.c.points), else_=0)),
        func.coalesce(func.sum(JOBS.c.cost_nanos), 0),
    )
    .join(JOBS, JOBS.c.code == _ENTRIES.c.job_code)
    .where(
        _ENTRIES.c.id > bindparam("after"),
        _ENTRIES.c.id <= bindparam("up_to"),
        _ENTRIES.c.kind.in_([EntryKind.SETTLE, EntryKind.REFUND]),
    )
    .group_by(JOBS.c.model_id, JOBS.c.cost_currency)
)


@dataclass(frozen=True)
class Tally:
    """Points by model; money at the vendors, in billionths, by model and currency. Never less than before."""

    points: Mapping[str, int]
    cost_nanos: Mapping[tuple[str, str], int]


class MoneyTally:
    """Of the whole installation, from the first call on."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counted: int | None = None  #: everything up to this entry is in `_settled`
        self._settled = _Sums()

    async def __call__(self) -> Tally:
        """One call at a time. Raises DatabaseUnavailable; nothing is counted twice or left out then."""
        if self._counted is None:
            self._counted = await self._database.snapshot(_newest)
        counted, settled, young = await self._database.snapshot(_closed_after, self._counted)
        self._counted = counted
        self._settled += settled
        return (self._settled + young).tally()


class _Sums:
    def __init__(self) -> None:
        self.points: Counter[str] = Counter()
        self.nanos: Counter[tuple[str, str]] = Counter()

    def __add__(self, other: "_Sums") -> "_Sums":
        total = _Sums()
        for sums in (self, other):
            total.points.update(sums.points)
            total.nanos.update(sums.nanos)
        return total

    def tally(self) -> Tally:
        return Tally(points=self.points, cost_nanos=self.nanos)


def _newest(session: Session) -> int:
    newest: int = connection_of(session).execute(_NEWEST).scalar_one()
    return newest


def _closed_after(session: Session, after: int) -> tuple[int, _Sums, _Sums]:
    """Up to where all is settled, what was closed until there, and what since."""
    older = {"after": after, "until": now() - SETTLED_AFTER}
    settled: int = max(connection_of(session).execute(_NEWEST_SETTLED, older).scalar_one(), after)
    return settled, _closed(session, after, settled), _closed(session, settled, max(_newest(session), settled))


def _closed(session: Session, after: int, up_to: int) -> _Sums:
    sums = _Sums()
    for model_id, currency, points, nanos in connection_of(session).execute(_CLOSED, {"after": after, "up_to": up_to}):
        sums.points[model_id] += int(points)
        if currency is not None:
            sums.nanos[model_id, currency] += int(nanos)
    return sums
