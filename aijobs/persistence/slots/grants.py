"""Grants free slots to the jobs that are next, and says which jobs are to be told."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database, connection_of
from aijobs.persistence.slots.line import LINES, line_as_it_is, locked_line
from aijobs.persistence.slots.outlook import Outlook, SlotRules, serve
from aijobs.persistence.tables.slots import SLOTS, SlotState

LOOK_EVERY: Final = timedelta(milliseconds=200)
NUDGE_AGAIN_AFTER: Final = timedelta(seconds=5)
PAUSE_AFTER_ERROR: Final = timedelta(seconds=1)

_LINES: Final = select(SLOTS.c.credential).where(SLOTS.c.state == SlotState.WAITING).distinct()
_PROBED: Final = select(LINES.c.credential).where(LINES.c.probe.is_not(None))
_OVER: Final = select(SLOTS.c.credential).where(SLOTS.c.lease_until < bindparam("time")).distinct()
_IS_UNTOLD: Final = [
    SLOTS.c.state == SlotState.GRANTED,
    or_(SLOTS.c.nudged_at.is_(None), SLOTS.c.nudged_at < bindparam("told_before")),
]
_UNTOLD: Final = select(SLOTS.c.job_code).where(*_IS_UNTOLD).limit(1)
_TELL: Final = update(SLOTS).where(*_IS_UNTOLD).values(nudged_at=bindparam("time")).returning(SLOTS.c.job_code)

log = structlog.get_logger()


class DatabaseSlotGrants:
    """Implements SlotGrants."""

    def __init__(self, database: Database, rules: SlotRules) -> None:
        self._database = database
        self._rules = rules

    async def granted(self) -> AsyncIterator[list[str]]:
        while True:
            pause = LOOK_EVERY
            try:
                if codes := await self.grant():
                    yield codes
            except (DatabaseUnavailable, SQLAlchemyError) as error:
                log.error("grants_interrupted", error=str(error))
                pause = PAUSE_AFTER_ERROR
            await asyncio.sleep(pause.total_seconds())

    async def grant(self) -> list[str]:
        """Once: returns the codes of jobs that are to be told. Most looks find nothing to do, and take no lock."""
        for credential in await self._database.read(self._lines_to_serve):
            await self._database.write(self._serve, credential)
        return await self._database.write(_tell) if await self._database.read(_is_any_untold) else []

    def _lines_to_serve(self, session: Session) -> list[str]:
        connection = connection_of(session)
        changed = {*connection.execute(_OVER, {"time": now()}).scalars(), *connection.execute(_PROBED).scalars()}
        waited_in = {*connection.execute(_LINES).scalars()} - changed
        return sorted({*changed, *(line for line in waited_in if self._may_start_one(session, line))})

    def _may_start_one(self, session: Session, credential: str) -> bool:
        line = line_as_it_is(session, credential)
        return line is not None and Outlook.of(session, line, self._rules).is_anybody_next()

    def _serve(self, session: Session, credential: str) -> None:
        line = locked_line(session, credential)
        serve(session, line, self._rules)
        line.save(session)


def _is_any_untold(session: Session) -> bool:
    return connection_of(session).execute(_UNTOLD, {"told_before": now() - NUDGE_AGAIN_AFTER}).first() is not None


def _tell(session: Session) -> list[str]:
    times = {"time": now(), "told_before": now() - NUDGE_AGAIN_AFTER}
    return list(connection_of(session).execute(_TELL, times).scalars())
