"""Whether everything that jobs need is there: database, Temporal with its workers, store; and whether a job waits."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from aijobs.domain.errors import AijobsError, FieldError
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.ports.workflow_control import JobEngine
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.totals import waiting_too_long
from api.health.single_flight import SingleFlight

PATIENCE_SECONDS: Final = 5.0  #: for each part; they are looked at together
KEPT_FOR: Final = timedelta(seconds=2)


class Readiness:
    """What is missing, each named by a pointer. Asking often costs no more than asking every few seconds."""

    def __init__(self, database: Database, engine: JobEngine, store: ObjectStore) -> None:
        self._database = database
        self._engine = engine
        self._store = store
        self.missing = SingleFlight(self._examined, kept_for=KEPT_FOR)

    async def _examined(self) -> Sequence[FieldError]:
        """Within PATIENCE_SECONDS, whatever hangs."""
        found = await asyncio.gather(
            _looked_at("database", self._of_database),
            _looked_at("temporal", self._engine.missing),
            _looked_at("store", self._of_store),
            _looked_at("jobs", self._of_jobs),
        )
        missing = [problem for problems in found for problem in problems]
        named = {problem.pointer for problem in missing}
        return [problem for problem in missing if problem.pointer != "/jobs" or "/database" not in named]

    async def _of_database(self) -> Sequence[FieldError]:
        await self._database.probe()
        return ()

    async def _of_store(self) -> Sequence[FieldError]:
        await self._store.probe()
        return ()

    async def _of_jobs(self) -> Sequence[FieldError]:
        async with self._database.read() as session:
            waits = await waiting_too_long(session)
        if waits is None:
            return ()
        seconds = round(waits.total_seconds())
        return (FieldError("/jobs", f"No worker has taken up a job that was accepted {seconds} s ago."),)


async def _looked_at(name: str, look: Callable[[], Awaitable[Sequence[FieldError]]]) -> Sequence[FieldError]:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await look()
    except AijobsError as problem:
        return (FieldError(f"/{name}", str(problem)),)
    except SQLAlchemyError:
        return (FieldError(f"/{name}", "It does not answer as it should."),)
    except TimeoutError:
        return (FieldError(f"/{name}", f"No answer within {PATIENCE_SECONDS:g} s."),)
