"""What is kept of how long generations took, and what a worker process reads and writes of it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlmodel import Session

from activities.learned_times import READ_EVERY, WRITE_EVERY, LearnedTimes
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import DatabaseUnavailable
from aijobs.domain.jobs.generation_times import ENOUGH_JOBS, GenerationTimes
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.generation_times import GenerationEnd
from aijobs.persistence.database import Database
from aijobs.persistence.generation_times import (
    MOST_CLASSES,
    DatabaseGenerationTimes,
    count_ends,
    estimate_of,
    times_of_jobs,
)
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.jobs.waiting import waiting_of
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.tables import JobRow
from tests.persistence.conftest import AcceptJob

MODEL = "replicate_imageupscale_v1"


def ends(seconds: float, *, of: str = "", jobs: int = ENOUGH_JOBS) -> list[GenerationEnd]:
    return [
        GenerationEnd(model_id=MODEL, parameter_class=of, earliest=seconds, latest=seconds, dice=(0.5, 0.5))
        for _ in range(jobs)
    ]


async def test_a_class_counts_for_itself_and_for_its_model(database: Database) -> None:
    log = DatabaseGenerationTimes(database)
    await log.count(ends(20, of="size=small"))
    await log.count(ends(200, of="size=large", jobs=ENOUGH_JOBS - 1))

    small, large = await log.times(MODEL, "size=small"), await log.times(MODEL, "size=large")

    assert small.jobs == ENOUGH_JOBS
    assert 18 < small.quantile(0.5) < 22
    assert large.jobs == 2 * ENOUGH_JOBS - 1, "too few of its own: those of the model"
    assert (await log.times("another_v1", "")).jobs == 0


async def test_many_processes_lose_no_end(database: Database) -> None:
    log = DatabaseGenerationTimes(database)

    await asyncio.gather(*(log.count([*ends(20, of="b", jobs=1), *ends(9, of="a", jobs=1)]) for _ in range(20)))

    assert (await log.times(MODEL, "a")).jobs == 20
    assert (await log.times(MODEL, "")).jobs == 40


async def test_classes_of_a_model_are_bounded(database: Database) -> None:
    log = DatabaseGenerationTimes(database)
    await log.count([end for number in range(MOST_CLASSES + 5) for end in ends(9, of=f"n={number:03}", jobs=1)])
    await log.count(ends(9, of="n=beyond"))

    assert (await log.times(MODEL, "n=beyond")).jobs == MOST_CLASSES + 5 + ENOUGH_JOBS, "those of the model"


@dataclass
class SecondsOfTheTest:
    """Seconds that only a test lets pass."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class CountedLog:
    """A log on a real database, which may be away. Implements GenerationTimesLog."""

    log: DatabaseGenerationTimes
    is_away: bool = False
    reads: int = 0
    writes: list[int] = field(default_factory=list)

    async def times(self, model_id: str, parameter_class: str) -> GenerationTimes:
        self.reads += 1
        self._require_there()
        return await self.log.times(model_id, parameter_class)

    async def count(self, ends: Sequence[GenerationEnd]) -> None:
        self._require_there()
        self.writes.append(len(ends))
        await self.log.count(ends)

    def _require_there(self) -> None:
        if self.is_away:
            raise DatabaseUnavailable("away")


async def test_a_process_reads_seldom(database: Database) -> None:
    clock, log = SecondsOfTheTest(), CountedLog(DatabaseGenerationTimes(database))
    learned = LearnedTimes(log, clock=clock)

    assert not (await learned.times(MODEL, "")).is_known
    await database.write(count_ends, ends(20))
    for _ in range(100):
        assert not (await learned.times(MODEL, "")).is_known
    clock.seconds += READ_EVERY + 1

    assert (await learned.times(MODEL, "")).is_known
    assert log.reads == 2


async def test_ends_are_collected_and_a_busy_process_writes_seldom(database: Database) -> None:
    clock, log = SecondsOfTheTest(), CountedLog(DatabaseGenerationTimes(database))
    learned = LearnedTimes(log, clock=clock)
    for _ in range(ENOUGH_JOBS):
        await learned.ended(MODEL, "", 19, 21)
    clock.seconds += WRITE_EVERY + 1
    await learned.ended(MODEL, "", 19, 21)

    assert log.writes == [1, ENOUGH_JOBS]
    assert (await learned.times(MODEL, "")).is_known


async def test_a_database_that_is_away_stops_no_job_and_loses_no_end(database: Database) -> None:
    clock, log = SecondsOfTheTest(), CountedLog(DatabaseGenerationTimes(database))
    learned = LearnedTimes(log, clock=clock)
    await database.write(count_ends, ends(20))
    known = await learned.times(MODEL, "")
    log.is_away = True
    await learned.ended(MODEL, "", 19, 21)
    clock.seconds += READ_EVERY + 1

    assert await learned.times(MODEL, "") == known
    log.is_away = False
    await learned.ended(MODEL, "", 19, 21)
    assert (await log.times(MODEL, "")).jobs == ENOUGH_JOBS + 2


async def test_a_job_at_its_provider_has_an_estimate_and_the_time_of_its_next_question(
    database: Database, records: DatabaseRecords, catalogue: Catalogue, accept_job: AcceptJob
) -> None:
    code, other = await accept_job(), await accept_job()
    await database.write(count_ends, ends(60, of="upscale_factor="))
    await records.gate.advance(code, JobStatus.SUBMITTED)

    def read(session: Session) -> tuple[JobRow, Mapping[str, GenerationTimes]]:
        rows = [job_of(session, code), job_of(session, other)]
        return rows[0], times_of_jobs(session, rows, catalogue.model)

    job, times = await database.read(read)
    assert job.req_time is not None
    after = job.req_time + timedelta(seconds=30)
    waits = waiting_of(job, catalogue.model(job.model_id), at=after, times=times[code])
    estimate = estimate_of(job, times[code], at=after)

    assert estimate is not None
    assert estimate.estimated_end is not None
    assert waits is not None
    assert waits.next_at is not None
    assert times.keys() == {code}, "the other one is a draft"
    assert timedelta(seconds=50) < estimate.estimated_end - job.req_time < timedelta(seconds=70)
    assert timedelta(seconds=15) < waits.next_at - after < timedelta(seconds=40), "by the policy within 15 s"
