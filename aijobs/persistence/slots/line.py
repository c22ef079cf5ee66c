"""How the line of one credential stands. All lines have one lock, since a user's own limit goes across them.

Times are the database's own, so that the clocks of hosts may differ.
"""

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Table, bindparam, func, insert, select, update
from sqlmodel import Session

from aijobs.domain.jobs.slots.limits import Bucket, Rate, full
from aijobs.persistence.column_types import now
from aijobs.persistence.database import connection_of, lock_name
from aijobs.persistence.tables import SubmissionRow, VendorLineRow
from aijobs.persistence.tables.slots import SLOTS, SlotState

LOCK: Final = "slots"
LONGEST_BLOCK: Final = timedelta(hours=1)
"""After this long one job tries again, whatever the vendor said."""

PACE_PART: Final = 0.2  #: of the last start, in the average

LINES: Final[Table] = VendorLineRow.__table__  # type: ignore[attr-defined]
_SUBMISSIONS: Final[Table] = SubmissionRow.__table__  # type: ignore[attr-defined]

_LINE: Final = select(LINES).where(LINES.c.credential == bindparam("of_credential"))
_LINE_AND_TIME: Final = _LINE.add_columns(func.clock_timestamp().label("time"))
_SAVE: Final = update(LINES).where(LINES.c.credential == bindparam("of_credential"))
_LAST_OUTCOME: Final = (
    select(_SUBMISSIONS.c.outcome)
    .where(_SUBMISSIONS.c.job_code == bindparam("of_job"))
    .order_by(_SUBMISSIONS.c.number.desc())
    .limit(1)
)
_STATE: Final = select(SLOTS.c.state).where(SLOTS.c.job_code == bindparam("of_job"))


@dataclass
class VendorLine:
    """`time` is when it was read. `save` writes what has changed since."""

    credential: str
    virtual_time: float
    rates: dict[str, Any]
    blocked_at: datetime | None
    blocked_until: datetime | None
    is_probing: bool
    probe: str | None
    pace: float | None
    last_start: datetime | None
    time: datetime

    def __post_init__(self) -> None:
        self._saved = self._columns()

    def _columns(self) -> dict[str, Any]:
        columns = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "time"}
        return {**columns, "rates": dict(self.rates)}

    @property
    def is_blocked(self) -> bool:
        """A clock that was set back to before the refusal does not prolong it."""
        return (
            self.blocked_at is not None
            and self.blocked_until is not None
            and self.blocked_at <= self.time < self.blocked_until
        )

    def ready_in(self, name: str, rate: Rate) -> float:
        """Seconds until a rate allows one more."""
        return self._bucket(name, rate).ready_in(rate, self.time.timestamp())

    def take(self, name: str, rate: Rate) -> None:
        taken = self._bucket(name, rate).taken(rate, self.time.timestamp())
        self.rates = {**self.rates, name: [taken.left, taken.at]}

    def _bucket(self, name: str, rate: Rate) -> Bucket:
        return Bucket(*self.rates[name]) if name in self.rates else full(rate, self.time.timestamp())

    def count_start(self) -> None:
        """A job that waited has been granted a slot."""
        if self.last_start is not None:
            since = max((self.time - self.last_start).total_seconds(), 0)
            self.pace = since if self.pace is None else self.pace + PACE_PART * (since - self.pace)
        self.last_start = self.time

    def block(self, length: timedelta) -> None:
        """The vendor has refused: nothing is sent for so long, and then one job."""
        until = self.time + min(length, LONGEST_BLOCK)
        self.blocked_until = max(until, self.blocked_until) if self.is_blocked and self.blocked_until else until
        self.blocked_at, self.is_probing, self.probe = self.time, True, None

    def open(self) -> None:
        self.blocked_at = self.blocked_until = self.probe = None
        self.is_probing = False

    def save(self, session: Session) -> None:
        columns = self._columns()
        changes = {name: value for name, value in columns.items() if value != self._saved[name]}
        if changes:
            connection_of(session).execute(_SAVE, {"of_credential": self.credential, **changes})
            self._saved = columns


def locked_line(session: Session, credential: str) -> VendorLine:
    """The line, and with it all others, locked until the transaction ends. To be saved."""
    lock_name(session, LOCK)
    connection = connection_of(session)
    found = _read(connection, credential)
    if found is None:
        connection.execute(insert(LINES), VendorLineRow(credential=credential).model_dump())
        found = _read(connection, credential)
    assert found is not None, "it was inserted"
    return found


def line_as_it_is(session: Session, credential: str) -> VendorLine | None:
    """For reading only. None when nobody has waited in it yet."""
    return _read(connection_of(session), credential)


def settle_probe(session: Session, line: VendorLine) -> None:
    """Open a line whose probe was answered; have another one where the probe has left it without being sent."""
    if line.probe is None:
        return
    connection = connection_of(session)
    outcome = connection.execute(_LAST_OUTCOME, {"of_job": line.probe}).scalar_one_or_none()
    state = connection.execute(_STATE, {"of_job": line.probe}).scalar_one_or_none()
    match state:
        case SlotState.HELD if outcome in ("accepted", "unknown"):
            line.open()
        case None if outcome is not None:
            line.open()
        case None | SlotState.WAITING:
            line.probe = None


def _read(connection: Connection, credential: str) -> VendorLine | None:
    has_clock = connection.dialect.name == "postgresql"  # all who write to a file are on its host, and have its clock
    row = (
        connection.execute(_LINE_AND_TIME if has_clock else _LINE, {"of_credential": credential})
        .mappings()
        .one_or_none()
    )
    if row is None:
        return None
    columns = dict(row)
    time = columns.pop("time").astimezone(UTC) if has_clock else now()
    return VendorLine(**columns, time=time)
