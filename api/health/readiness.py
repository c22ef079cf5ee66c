"""Readiness: the database, Temporal and its workers, the object store, and whether a job waits too long."""

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
from aijobs.persistence.processes import ProcessState, known_processes, unserved
from api.health.single_flight import SingleFlight

CHECK_TIMEOUT_SECONDS: Final = 5.0  #: for each check; they run concurrently
KEPT_FOR: Final = timedelta(seconds=2)


class Readiness:
    """`missing()` returns the problems, each with a pointer, or nothing when ready. Results are cached for KEPT_FOR."""

    def __init__(self, database: Database, engine: JobEngine, store: ObjectStore) -> None:
        self._database = database
        self._engine = engine
        self._store = store
        self.missing = SingleFlight(self._run_checks, kept_for=KEPT_FOR)

    async def _run_checks(self) -> Sequence[FieldError]:
        """Returns within CHECK_TIMEOUT_SECONDS. Without a database, a waiting job is not reported."""
        results = await asyncio.gather(
            _problems_of("database", self._check_database),
            _problems_of("temporal", self._engine.missing),
            _problems_of("workers", self._check_workers),
            _problems_of("store", self._check_store),
            _problems_of("jobs", self._check_jobs),
        )
        missing = {problem.pointer: problem for problems in results for problem in problems}
        if "/database" in missing:
            missing = {pointer: one for pointer, one in missing.items() if pointer not in {"/jobs", "/workers"}}
        return list(missing.values())

    async def _check_database(self) -> Sequence[FieldError]:
        await self._database.probe()
        return ()

    async def _check_store(self) -> Sequence[FieldError]:
        await self._store.probe()
        return ()

    async def _check_workers(self) -> Sequence[FieldError]:
        """The queues whose workers the database has seen, and sees no more. Temporal notices that a minute later."""
        gone = unserved(await self._database.read(known_processes))
        return [FieldError(f"/queues/{queue}", _gone(queue, last)) for queue, last in sorted(gone.items())]

    async def _check_jobs(self) -> Sequence[FieldError]:
        waiting = await self._database.read(waiting_too_long)
        if waiting is None:
            return ()
        seconds = round(waiting.total_seconds())
        return (FieldError("/jobs", f"No worker has taken up a job that was accepted {seconds} s ago."),)


def _gone(queue: str, last: ProcessState) -> str:
    how = "was stopped" if last.has_stopped else "was last seen"
    ago = round(last.seen_ago.total_seconds())
    return f"No worker serves the task queue {queue}: the last one, on {last.host}, {how} {ago} s ago."


async def _problems_of(name: str, check: Callable[[], Awaitable[Sequence[FieldError]]]) -> Sequence[FieldError]:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            return await check()
    except AijobsError as error:
        return (FieldError(f"/{name}", str(error)),)
    except SQLAlchemyError:
        return (FieldError(f"/{name}", "It does not answer as it should."),)
    except TimeoutError:
        return (FieldError(f"/{name}", f"No answer within {CHECK_TIMEOUT_SECONDS:g} s."),)
