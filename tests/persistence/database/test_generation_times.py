"""What is kept of how long generations took, and what a worker process reads and writes of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from activities.learned_schedules import READ_EVERY, WRITE_EVERY, LearnedSchedules
from aijobs.domain.errors import DatabaseUnavailable
from aijobs.domain.jobs.generation_times import ENOUGH_JOBS, GenerationTimes
from aijobs.domain.jobs.poll_schedule import LearnedPolling
from aijobs.domain.ports.generation_times import GenerationEnd
from aijobs.persistence.database import Database
from aijobs.persistence.generation_times import MOST_CLASSES, DatabaseGenerationTimes, count_ends

MODEL = "replicate_imageupscale_v1"
LEARNING = LearnedPolling()


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
    schedules = LearnedSchedules(log, clock=clock)

    assert await schedules.schedule(MODEL, "", LEARNING) is None
    await database.write(count_ends, ends(20))
    for _ in range(100):
        assert await schedules.schedule(MODEL, "", LEARNING) is None
    clock.seconds += READ_EVERY + 1

    assert await schedules.schedule(MODEL, "", LEARNING) is not None
    assert log.reads == 2
    assert await schedules.schedule(MODEL, "", LearnedPolling(enabled=False)) is None


async def test_ends_are_collected_and_a_busy_process_writes_seldom(database: Database) -> None:
    clock, log = SecondsOfTheTest(), CountedLog(DatabaseGenerationTimes(database))
    schedules = LearnedSchedules(log, clock=clock)
    for _ in range(ENOUGH_JOBS):
        await schedules.ended(MODEL, "", 19, 21)
    clock.seconds += WRITE_EVERY + 1
    await schedules.ended(MODEL, "", 19, 21)

    assert log.writes == [1, ENOUGH_JOBS]
    assert await schedules.schedule(MODEL, "", LEARNING) is not None


async def test_a_database_that_is_away_stops_no_job_and_loses_no_end(database: Database) -> None:
    clock, log = SecondsOfTheTest(), CountedLog(DatabaseGenerationTimes(database))
    schedules = LearnedSchedules(log, clock=clock)
    await database.write(count_ends, ends(20))
    known = await schedules.schedule(MODEL, "", LEARNING)
    log.is_away = True
    await schedules.ended(MODEL, "", 19, 21)
    clock.seconds += READ_EVERY + 1

    assert await schedules.schedule(MODEL, "", LEARNING) is known is not None
    log.is_away = False
    await schedules.ended(MODEL, "", 19, 21)
    assert (await log.times(MODEL, "")).jobs == ENOUGH_JOBS + 2
