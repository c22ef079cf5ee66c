"""Thousands of jobs in flight: memory of the worker, the API meanwhile, and how punctually deadlines end the jobs.

The provider never finishes, so that all jobs are in flight together until the deadline of their processing.
"""

import asyncio
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from sqlmodel import Session, col, select

from aijobs.bootstrap import open_database
from aijobs.domain.jobs.events import EventKind
from aijobs.domain.lifecycle import ENDS, JobStatus
from aijobs.persistence.database import Database
from aijobs.persistence.jobs import statistics
from aijobs.persistence.tables import JobEventRow
from bench.report import Aim, Report, milliseconds
from bench.rig.installation import BenchInstallation, installed, started_api
from bench.rig.picture import tiny_picture
from bench.rig.processes import started
from bench.rig.resource_usage import cpu_seconds, memory_in_use
from bench.rig.workspace import MODEL, settings_in
from cli.api_client import ApiClient
from cli.embedded.processes import Process

JOBS: Final = 10_000
QUICK_JOBS: Final = 50
STARTS_AT_ONCE: Final = 10
STARTS_A_SECOND: Final = 10
"""What a small machine takes in beside everything else. The deadline comes after the last start and HELD_FOR."""

HELD_FOR: Final = timedelta(seconds=60)
LOOK_EVERY: Final = timedelta(seconds=0.2)
ENDS_A_SECOND: Final = 3  #: at least, behind the deadlines
ENDLESS: Final = 86_400.0

MOST_MEMORY: Final = 400_000_000
MOST_P99: Final = 0.1
MOST_LATE: Final = 30.0
"""Seconds behind its deadline after which a job has missed it."""


@dataclass(frozen=True, kw_only=True)
class InFlightFigures:
    """With so many jobs in flight at the end of the hold. Memory in bytes, times in seconds, CPU in cores."""

    in_flight: int
    memory: int
    cores: float
    api: Mapping[str, list[float]]
    late: list[float]
    never: int


async def measure(*, quick: bool, jobs: int | None = None) -> Report:
    jobs = jobs or (QUICK_JOBS if quick else JOBS)
    held = HELD_FOR / 6 if quick else HELD_FOR
    deadline = timedelta(seconds=jobs / STARTS_A_SECOND) + held
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        installation = await installed(stack, folder)
        vendor = (str(installation.vendor_port), installation.webhook_secret, str(ENDLESS))
        await started(stack, "bench.rig.vendor", *vendor, folder=folder, port=installation.vendor_port)
        changes = {"AIJOBS_CATALOGUE": str(_catalogue(folder, deadline)), "AIJOBS_PUBLIC_URL": installation.api_url}
        api = await started_api(stack, installation, changes)
        settings = {**installation.settings, **changes}
        worker = await started(stack, "cli.main", "worker", folder=folder, settings=settings)
        database = await stack.enter_async_context(open_database(settings_in(folder)))
        figures = await _observed(installation, api, worker, database, jobs, held, deadline)
    return _report(jobs, deadline, figures)


def _catalogue(folder: Path, deadline: timedelta) -> Path:
    """A layer for the catalogue: the time for processing."""
    layer = folder / "deadlines.toml"
    layer.write_text(f'[models.{MODEL}.deadlines]\nprocessing = "{deadline.total_seconds():.0f}s"\n', "utf-8")
    return layer


async def _observed(
    installation: BenchInstallation,
    api: ApiClient,
    worker: Process,
    database: Database,
    jobs: int,
    held: timedelta,
    deadline: timedelta,
) -> InFlightFigures:
    codes = await _submitted(installation, api, jobs)
    begun, spent = time.monotonic(), cpu_seconds(worker.pid)
    answers = await _asked(api, codes, held)
    cores = (cpu_seconds(worker.pid) - spent) / (time.monotonic() - begun)
    in_flight = sum((await database.read(statistics.in_flight, user_id=None)).values())
    memory = memory_in_use(worker.pid)
    patience = deadline + timedelta(seconds=jobs / ENDS_A_SECOND + MOST_LATE)
    late, never = await _ended(database, deadline, patience)
    return InFlightFigures(in_flight=in_flight, memory=memory, cores=cores, api=answers, late=late, never=never)


async def _submitted(installation: BenchInstallation, api: ApiClient, jobs: int) -> list[str]:
    picture = installation.folder / "tiny.png"
    picture.write_bytes(tiny_picture())
    file = (await api.upload(picture))["code"]
    gate = asyncio.Semaphore(STARTS_AT_ONCE)

    async def one(number: int) -> str:
        await asyncio.sleep(number / STARTS_A_SECOND)
        async with gate:
            code: str = (await api.post("/api/jobs", {"model_id": MODEL, "params": {"image": file}}))["code"]
            return code

    return await asyncio.gather(*map(one, range(jobs)))


async def _asked(api: ApiClient, codes: list[str], held: timedelta) -> Mapping[str, list[float]]:
    """Lists and single jobs, one request after the other, for the whole hold."""
    answers: dict[str, list[float]] = {"list": [], "get": []}
    ends_at, number = time.monotonic() + held.total_seconds(), 0
    while time.monotonic() < ends_at:
        for name, path in (("list", "/api/jobs"), ("get", f"/api/jobs/{codes[number % len(codes)]}")):
            begun = time.monotonic()
            await api.get(path)
            answers[name].append(time.monotonic() - begun)
        number += 7
        await asyncio.sleep(LOOK_EVERY.total_seconds())
    return answers


async def _ended(database: Database, deadline: timedelta, patience: timedelta) -> tuple[list[float], int]:
    """How many seconds behind its deadline each job ended, and how many had not ended after all."""
    gives_up_at = time.monotonic() + patience.total_seconds()
    while time.monotonic() < gives_up_at:
        left = sum((await database.read(statistics.in_flight, user_id=None)).values())
        if not left:
            break
        await asyncio.sleep(1)
    begun, ended = await database.snapshot(_moments)
    late = [(ended[code] - at - deadline).total_seconds() for code, at in begun.items() if code in ended]
    return late, len(begun) - len(late)


def _moments(session: Session) -> tuple[dict[str, datetime], dict[str, datetime]]:
    """When each job began to be processed, and when it ended."""

    def entered(*statuses: JobStatus) -> dict[str, datetime]:
        found = session.exec(
            select(JobEventRow.job_code, JobEventRow.at).where(
                col(JobEventRow.kind) == EventKind.STATUS, col(JobEventRow.job_status).in_(statuses)
            )
        )
        return dict(found.all())

    return entered(JobStatus.PROCESSING), entered(*ENDS)


def _report(jobs: int, deadline: timedelta, found: InFlightFigures) -> Report:
    missed = found.never + sum(late > MOST_LATE for late in found.late)
    early = sum(late < 0 for late in found.late)
    return Report(
        title=f"in flight: {jobs:,} jobs",
        how=f"One API, one worker, Temporal and the database on SQLite. The provider never finishes; every job may be "
        f"processed for {deadline.total_seconds():.0f} s. Polls by the shipped policy, and webhooks.",
        columns=("", "figure"),
        rows=[
            ("in flight at the end of the hold", f"{found.in_flight:,}"),
            ("memory of the worker", f"{found.memory / 1e6:.0f} MB"),
            ("CPU of the worker", f"{found.cores:.2f} cores"),
            *((f"API, {name}: p50 / p99", _p50_p99(seconds)) for name, seconds in found.api.items()),
            ("behind the deadline: p50 / p99 / longest", _lateness(found.late)),
            ("missed deadlines", f"{missed}"),
        ],
        aims=[
            Aim(f"the worker uses at most {MOST_MEMORY / 1e6:.0f} MB", found.memory <= MOST_MEMORY),
            *(
                Aim(f"{name}: p99 at most {milliseconds(MOST_P99)}", _cut(seconds, 99) <= MOST_P99)
                for name, seconds in found.api.items()
            ),
            Aim(
                f"no job ends more than {MOST_LATE:.0f} s behind its deadline, and none before it", missed + early == 0
            ),
        ],
    )


def _cut(seconds: list[float], percent: int) -> float:
    return quantiles(seconds, n=100, method="inclusive")[percent - 1]


def _p50_p99(seconds: list[float]) -> str:
    return f"{milliseconds(median(seconds))} / {milliseconds(_cut(seconds, 99))}"


def _lateness(late: list[float]) -> str:
    return " / ".join(f"{one:.1f} s" for one in (median(late), _cut(late, 99), max(late))) if late else ""
