"""Four workers beside one on PostgreSQL: jobs a second, and what the server's processes wait for meanwhile."""

import asyncio
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import psycopg
from temporalio.client import Client

from aijobs.persistence.database import prepared_database
from bench.report import Aim, Report, ratio
from bench.rig.our_worker import FIRST_PAUSE
from bench.rig.processes import started
from bench.rig.resource_usage import children_of, cpu_seconds
from bench.rig.workspace import catalogue_with_polls, opened_workspace
from cli.embedded.temporal_server import temporal_server
from tests.persistence.database.postgresql_server import SAFE, PostgresqlServer, postgresql_server
from workflows.data_converter import DATA_CONVERTER

JOBS: Final = 300
QUICK_JOBS: Final = 20
STARTS_AT_ONCE: Final = 30
WORKERS: Final = (1, 4)
TIMEOUT_SECONDS: Final = 900
SAMPLE_EVERY: Final = timedelta(milliseconds=20)
MOST_WAITING: Final = 0.05

#: Whoever waits for its client waits for nobody in the server.
IDLE: Final = frozenset({"Client", "Activity", "Extension"})
WAITS: Final = """
SELECT state, wait_event_type, wait_event FROM pg_stat_activity
WHERE backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True, kw_only=True)
class WorkersFigures:
    """Of one burst. `waits` counts the server's processes at work, by what they waited for; `` is for nothing.

    `cpu` is processor time in seconds: of the workers, of Temporal, of PostgreSQL.
    """

    jobs_per_second: float
    cpu: tuple[float, float, float]
    waits: Counter[str]
    commits: int
    wal_bytes: int

    def share(self, name: str) -> float:
        return self.waits[name] / max(self.waits.total(), 1)

    @property
    def longest(self) -> str:
        return max((name for name in self.waits if name), key=lambda name: self.waits[name], default="")


async def measure(*, quick: bool, jobs: int | None = None) -> Report:
    jobs = jobs or (QUICK_JOBS if quick else JOBS)
    found = {}
    with postgresql_server(options=SAFE) as server:
        for workers in WORKERS:
            found[workers] = await _burst(server, workers, jobs)
    return _report(jobs, found)


async def _burst(server: PostgresqlServer, workers: int, jobs: int) -> WorkersFigures:
    url = server.url(f"bench_{workers}")
    await prepared_database(url)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        temporal = await stack.enter_async_context(temporal_server(data_dir=folder))
        client = await Client.connect(temporal.address, data_converter=DATA_CONVERTER)
        catalogue = catalogue_with_polls(FIRST_PAUSE)
        workspace = await stack.enter_async_context(opened_workspace(client, folder, catalogue, database_url=url))
        running = [
            await started(stack, "bench.rig.our_worker", temporal.address, str(folder), url, folder=folder)
            for _ in range(workers)
        ]
        pids = [process.pid for process in running]
        gate = asyncio.Semaphore(STARTS_AT_ONCE)

        async def one() -> None:
            async with gate:
                brief = await workspace.submit_job()
            await client.get_workflow_handle(brief.code).result()

        await one()  # warming up
        connection = await stack.enter_async_context(await psycopg.AsyncConnection.connect(url, autocommit=True))
        waits, over = Counter[str](), asyncio.Event()
        commits, wal = await _written(connection)
        spent = _spent(pids, temporal.process.pid, server)
        sampling = asyncio.create_task(_sample(connection, waits, over))
        begun = time.monotonic()
        async with asyncio.timeout(TIMEOUT_SECONDS), asyncio.TaskGroup() as group:
            for _ in range(jobs):
                group.create_task(one())
        seconds = time.monotonic() - begun
        over.set()
        await sampling
        more_commits, more_wal = await _written(connection)
        now_spent = _spent(pids, temporal.process.pid, server)
    ours, temporals, servers = (after - before for after, before in zip(now_spent, spent, strict=True))
    return WorkersFigures(
        jobs_per_second=jobs / seconds,
        cpu=(ours, temporals, servers),
        waits=waits,
        commits=more_commits - commits,
        wal_bytes=more_wal - wal,
    )


def _spent(workers: list[int], temporal: int, server: PostgresqlServer) -> tuple[float, float, float]:
    """Processor time so far of the workers, of Temporal, and of PostgreSQL's processes that run now."""
    assert server.process is not None, "it runs"
    of_server = [server.process.pid, *children_of(server.process.pid)]
    return sum(map(cpu_seconds, workers)), cpu_seconds(temporal), sum(map(cpu_seconds, of_server))


async def _sample(connection: psycopg.AsyncConnection, waits: Counter[str], over: asyncio.Event) -> None:
    while not over.is_set():
        cursor = await connection.execute(WAITS)
        for state, kind, name in await cursor.fetchall():
            if kind == "Client" and state == "active":
                continue  # its answer is on its way
            waits["" if kind is None else "its own client" if kind in IDLE else f"{kind}: {name}"] += 1
        await asyncio.sleep(SAMPLE_EVERY.total_seconds())


async def _written(connection: psycopg.AsyncConnection) -> tuple[int, int]:
    """Transactions of the database, and bytes of the log, since the server began."""
    cursor = await connection.execute(
        "SELECT xact_commit, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint FROM pg_stat_database "
        "WHERE datname = current_database()"
    )
    row = await cursor.fetchone()
    assert row is not None, "the database is there"
    return row[0], row[1]


def _report(jobs: int, found: dict[int, WorkersFigures]) -> Report:
    one, several = (found[workers] for workers in WORKERS)
    names = sorted(
        {name for figures in found.values() for name in figures.waits}, key=lambda name: -several.waits[name]
    )
    waits = [name for name in names if name not in {"", "its own client"}]
    return Report(
        title=f"workers: {jobs} jobs at once on PostgreSQL",
        how=f"Worker processes beside Temporal and the server on one machine, fsync is on. What the server's processes "
        f"that are at work wait for is looked at every {SAMPLE_EVERY / timedelta(milliseconds=1):.0f} ms.",
        columns=("", *(f"{workers} worker{'s' if workers > 1 else ''}" for workers in found)),
        rows=[
            ("jobs/s", *(f"{figures.jobs_per_second:.1f}" for figures in found.values())),
            ("jobs/s over one worker", "", ratio(several.jobs_per_second, one.jobs_per_second)),
            *(
                (f"CPU of {name}, ms/job", *(f"{1000 * figures.cpu[place] / jobs:.0f}" for figures in found.values()))
                for place, name in enumerate(("the workers", "Temporal", "PostgreSQL"))
            ),
            ("transactions per job", *(f"{figures.commits / jobs:.0f}" for figures in found.values())),
            ("log (WAL) per job", *(f"{figures.wal_bytes / jobs / 1000:.0f} kB" for figures in found.values())),
            ("samples", *(f"{figures.waits.total():,}" for figures in found.values())),
            *(
                (name or "at work", *(f"{100 * figures.share(name):.1f} %" for figures in found.values()))
                for name in names
            ),
        ],
        aims=[
            Aim(
                f"with {WORKERS[-1]} workers at most {100 * MOST_WAITING:.0f} % wait for a lock",
                max((several.share(name) for name in waits if "Lock" in name), default=0.0) <= MOST_WAITING,
            )
        ],
    )
