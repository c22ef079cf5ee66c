"""A million finished jobs in the database: how long lists, filters, searches, statistics and pages of events take."""

import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import httpx
import psycopg
from sqlalchemy import make_url
from sqlmodel import Session

from aijobs.bootstrap import open_database
from aijobs.persistence.access.keys import KeyKind, create_key
from aijobs.persistence.database import prepared_database
from bench.report import Aim, Report, milliseconds
from bench.rig.processes import started
from bench.rig.workspace import SECRET, settings_in
from bench.scale.archive_requests import ArchiveRequests, Asked, Contents, contents
from bench.scale.archive_rows import fill
from cli.embedded.ports import HOST, free_ports
from tests.persistence.database.postgresql_server import postgresql_server

JOBS: Final = 1_000_000
QUICK_JOBS: Final = 5_000
FEW_JOBS: Final = 1_000
ROUNDS: Final = 40
QUICK_ROUNDS: Final = 3
WARM_UP: Final = 2
MOST_P99: Final = 0.1
REQUEST_TIMEOUT: Final = 120.0

#: A small server of one's own; everything else is PostgreSQL's default. Nothing here measures how it writes.
SERVER: Final = {"shared_buffers": "512MB", "max_wal_size": "4GB", "fsync": "off"}


@dataclass(kw_only=True)
class ArchiveFigures:
    """Of one database: seconds by group of requests, the slowest request of each group, bytes of the whole."""

    size: int
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    slowest: dict[str, tuple[float, str]] = field(default_factory=lambda: defaultdict(lambda: (0.0, "")))

    def p99(self, group: str) -> float:
        return quantiles(self.seconds[group], n=100, method="inclusive")[-1]


async def measure(*, quick: bool, jobs: int | None = None) -> Report:
    jobs = jobs or (QUICK_JOBS if quick else JOBS)
    rounds = QUICK_ROUNDS if quick else ROUNDS
    sizes = (FEW_JOBS, jobs)
    with tempfile.TemporaryDirectory() as folder:
        urls = {size: f"sqlite:///{folder}/{size}/aijobs.db" for size in sizes}
        sqlite = await _figures(Path(folder), urls, rounds)
    with tempfile.TemporaryDirectory() as folder, postgresql_server(options=SERVER) as server:
        postgresql = await _figures(Path(folder), {size: server.url(f"bench_{size}") for size in sizes}, rounds)
    return _report(sizes, rounds, {"SQLite": sqlite, "PostgreSQL": postgresql})


async def _figures(folder: Path, urls: Mapping[int, str], rounds: int) -> Mapping[int, ArchiveFigures]:
    """By the number of jobs. Databases of all sizes are asked in turn, so that all meet the same busy machine."""
    found, served = {}, []
    async with AsyncExitStack() as stack:
        for jobs, url in urls.items():
            begun = time.monotonic()
            known, key = await filled(folder / str(jobs), url, jobs)
            print(f"{jobs:,} jobs written in {time.monotonic() - begun:.0f} s")
            found[jobs] = ArchiveFigures(size=await asyncio.to_thread(_size, url))
            http = await _served(stack, folder / str(jobs), url, key)
            served.append((http, ArchiveRequests(known), found[jobs]))
        for number in range(WARM_UP + rounds):
            for http, requests, figures in served:
                await _ask_once(http, requests, None if number < WARM_UP else figures)
    return found


async def filled(folder: Path, url: str, jobs: int) -> tuple[Contents, str]:
    """Make a database with so many jobs. Returns what is in it, and a service key."""
    await prepared_database(url)
    async with open_database(settings_in(folder, database_url=url)) as database:
        await fill(database, url, jobs)
        if not url.startswith("sqlite"):  # as autovacuum does
            await asyncio.to_thread(_vacuum, url)

        def work(session: Session) -> Contents:
            return contents(session, jobs)

        return await database.read(work), await create_key(
            database, SECRET.encode(), kind=KeyKind.SERVICE, name="bench"
        )


async def _served(stack: AsyncExitStack, folder: Path, url: str, key: str) -> httpx.AsyncClient:
    """A client of the real API over the database, which runs in its own process."""
    (port,) = free_ports(1)
    settings = {
        "AIJOBS_DATA_DIR": str(folder),
        "AIJOBS_DATABASE_URL": url,
        "AIJOBS_SECRET": SECRET,
        "AIJOBS_API__PORT": str(port),
        "AIJOBS_ONE_HOST": "true",
    }
    await started(stack, "cli.main", "api", folder=folder, port=port, settings=settings)
    return await stack.enter_async_context(
        httpx.AsyncClient(
            base_url=f"http://{HOST}:{port}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=REQUEST_TIMEOUT,
            trust_env=False,
        )
    )


async def _ask_once(http: httpx.AsyncClient, requests: ArchiveRequests, figures: ArchiveFigures | None) -> None:
    """One request of every kind, one at a time: what a request takes by itself."""
    for group, asked in requests.groups().items():
        for one in asked:
            spent = await _answered(http, one)
            if figures is not None:
                figures.seconds[group].append(spent)
                figures.slowest[group] = max(figures.slowest[group], (spent, f"{one.address} {one.user or ''}"))


async def _answered(http: httpx.AsyncClient, asked: Asked) -> float:
    begun = time.monotonic()
    response = await http.get(asked.address, headers=asked.headers)
    spent = time.monotonic() - begun
    response.raise_for_status()
    return spent


def _vacuum(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _size(url: str) -> int:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return sum(file.stat().st_size for file in Path(parsed.database or "").parent.glob("aijobs.db*"))
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None, "a function has one value"
    size: int = row[0]
    return size


def _report(sizes: tuple[int, int], rounds: int, found: Mapping[str, Mapping[int, ArchiveFigures]]) -> Report:
    few, many = sizes
    groups = found["SQLite"][many].seconds
    return Report(
        title=f"archive: {many:,} finished jobs",
        how=f"{rounds} rounds of requests to the real API, one at a time, in turn with a database of {few:,} jobs; "
        "p50 / p99 of each group.",
        columns=("", *(f"{name}, {size:,}" for name, figures in found.items() for size in figures)),
        rows=[
            (group, *(_cell(one, group) for figures in found.values() for one in figures.values())) for group in groups
        ],
        aims=[
            Aim(f"{name}, {group}: p99 at most {milliseconds(MOST_P99)}", figures[many].p99(group) <= MOST_P99)
            for name, figures in found.items()
            for group in groups
        ],
        notes=[
            *(
                f"{name}: {figures[many].size / many / 1000:.1f} kB of database for a job"
                for name, figures in found.items()
            ),
            *(
                f"{name}, {group}: the longest was {figures[many].slowest[group][1]}"
                for name, figures in found.items()
                for group in groups
                if figures[many].p99(group) > MOST_P99
            ),
        ],
    )


def _cell(figures: ArchiveFigures, group: str) -> str:
    return f"{milliseconds(median(figures.seconds[group]))} / {milliseconds(figures.p99(group))}"
