"""When keys were last used: noted in memory at each request, and written once a minute."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence.access.key_lists import note_uses
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database

WRITE_EVERY: Final = timedelta(minutes=1)

log = structlog.get_logger()


class KeyUses:
    """The uses that one process has seen and not yet written: one for each key."""

    def __init__(self) -> None:
        self._noted: dict[str, datetime] = {}

    def note(self, key_id: str) -> None:
        """The key is used now, by itself or by a token or session that was made with it."""
        self._noted[key_id] = now()

    async def write(self, database: Database) -> None:
        """Write what was noted since the last call, in one transaction. What cannot be written is kept."""
        noted, self._noted = self._noted, {}
        if not noted:
            return
        try:
            await database.write(note_uses, noted)
        except (DatabaseUnavailable, SQLAlchemyError) as unwritten:
            self._noted = {**noted, **self._noted}
            log.warning("key_uses_not_written", error=type(unwritten).__name__)

    @asynccontextmanager
    async def written(self, database: Database, *, every: timedelta = WRITE_EVERY) -> AsyncIterator[None]:
        """Until the block ends, and once more at its end."""
        task = asyncio.create_task(self._write_on(database, every))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self.write(database)

    async def _write_on(self, database: Database, every: timedelta) -> None:
        while True:
            await asyncio.sleep(every.total_seconds())
            await self.write(database)
