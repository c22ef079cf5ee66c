"""Events to many readers of one API process, next to a bare Starlette broadcaster."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import httpx
from sqlmodel import Session

from aijobs.bootstrap import open_database
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.job import JobRequest
from aijobs.persistence.access.keys import KeyKind, create_key
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.jobs.gate import locked_job, note
from aijobs.settings import SHIPPED_CATALOGUE
from bench.report import Aim, Report, milliseconds, ratio
from bench.rig.processes import started
from bench.rig.readers import ReaderGroup, connected_readers
from bench.rig.resource_usage import cpu_seconds, peak_memory
from bench.rig.workspace import MODEL, POINTS_ENOUGH, settings_in
from cli.embedded.ports import HOST, free_ports
from cli.embedded.processes import Process

READER_COUNTS: Final = (1000, 5000)
BURST: Final = 50
ROUNDS: Final = 4
SINGLES: Final = 40
PAUSE_SECONDS: Final = 0.25
TIMEOUT_SECONDS: Final = 600
LEAST_SHARE: Final = 0.8
PEPPER: Final = "only for this measurement"

Publish = Callable[[list[float]], Awaitable[object]]


@dataclass(frozen=True, kw_only=True)
class FanoutObservation:
    """The figures of one server with one number of readers; memory in bytes, times in seconds."""

    per_second: float
    per_core_second: float
    p99: float
    memory_each: float
    draining: float


async def measure(*, quick: bool) -> Report:
    reader_counts = (200,) if quick else READER_COUNTS
    rows, shares = [], []
    async with asyncio.timeout(TIMEOUT_SECONDS):
        for size in reader_counts:
            with tempfile.TemporaryDirectory() as folder:
                ours = await _ours(Path(folder), size)
                bare = await _bare(Path(folder), size)
            rows += [_row(f"aijobs, {size:,} readers", ours), _row(f"bare, {size:,} readers", bare)]
            rows.append(_ratios(ours, bare))
            shares.append(ours.per_core_second / bare.per_core_second)
    aim = Aim(f"at least {LEAST_SHARE} of bare, per second of the server's processor time", min(shares) >= LEAST_SHARE)
    return Report(
        title="fanout: from an event to every reader of all jobs",
        how=f"{ROUNDS} bursts of {BURST} events, then {SINGLES} events one by one. One process serves, one writes and "
        "reads. Ours reads the events from the database; bare is handed them and forgets them.",
        columns=("", "events/s", "events/s per core", "p99 delay", "memory per reader", "drained in"),
        rows=rows,
        aims=[aim],
        notes=["An event counts once for each reader. Delays are of single events, the commit included."],
    )


async def _ours(folder: Path, size: int) -> FanoutObservation:
    (port,) = free_ports(1)
    settings = {
        "AIJOBS_DATA_DIR": str(folder),
        "AIJOBS_SECRET": PEPPER,
        "AIJOBS_API__PORT": str(port),
        "AIJOBS_API__STREAMS": str(size + 1),
        "AIJOBS_API__STREAMS_PER_KEY": str(size + 1),
    }
    async with AsyncExitStack() as stack:
        api = await started(stack, "cli.main", "api", folder=folder, port=port, settings=settings)
        database = await stack.enter_async_context(open_database(settings_in(folder)))
        key = await create_key(database, PEPPER.encode(), kind=KeyKind.SERVICE, name="bench")
        publish = await _job_publisher(database)
        headers = {"Authorization": f"Bearer {key}"}
        return await _observe(api, port, "/api/events", size, headers, publish)


async def _job_publisher(database: Database) -> Publish:
    model = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8")).model(MODEL)
    request = JobRequest(model_id=MODEL, params={})
    acceptance = Acceptance(
        user_id="bench", request=request, model=model, params={}, created_by="bench", daily_limit=POINTS_ENOUGH
    )
    code = (await database.write(accept, acceptance)).code

    async def publish(sent_times: list[float]) -> None:
        def work(session: Session) -> None:
            job = locked_job(session, code)
            for sent in sent_times:
                note(session, job, {"sent": sent})

        await database.write(work)

    return publish


async def _bare(folder: Path, size: int) -> FanoutObservation:
    (port,) = free_ports(1)
    async with AsyncExitStack() as stack:
        server = await started(stack, "bench.baseline.broadcaster", str(port), folder=folder, port=port)
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=f"http://{HOST}:{port}", timeout=60, trust_env=False)
        )
        return await _observe(server, port, "/events", size, {}, lambda sent: http.post("/publish", json=sent))


async def _observe(
    server: Process, port: int, path: str, size: int, headers: Mapping[str, str], publish: Publish
) -> FanoutObservation:
    before = peak_memory(server.pid)
    async with connected_readers(port, path, size, headers) as readers:
        await _publish_and_wait(readers, publish, 1)  # every reader is connected and has received the first event
        memory = (peak_memory(server.pid) - before) / size
        async with _timed(server) as burst:
            for _ in range(ROUNDS):
                await _publish_and_wait(readers, publish, BURST)
        p99 = await _singles(readers, publish)
        started_at = time.monotonic()
        stopping = asyncio.create_task(server.stop())
        await readers.all_closed.wait()
        draining = time.monotonic() - started_at
        await stopping
    events = ROUNDS * BURST * size
    return FanoutObservation(
        per_second=events / burst.wall,
        per_core_second=events / burst.processor,
        p99=p99,
        memory_each=memory,
        draining=draining,
    )


@dataclass
class ElapsedTime:
    """Wall-clock and processor time in seconds."""

    wall: float = 0.0
    processor: float = 0.0


@asynccontextmanager
async def _timed(server: Process) -> AsyncIterator[ElapsedTime]:
    spent, started_at, used = ElapsedTime(), time.monotonic(), cpu_seconds(server.pid)
    yield spent
    spent.wall, spent.processor = time.monotonic() - started_at, cpu_seconds(server.pid) - used


async def _publish_and_wait(readers: ReaderGroup, publish: Publish, events: int) -> None:
    readers.reset()
    await publish([time.time()] * events)
    await readers.wait_until_received(events)


async def _singles(readers: ReaderGroup, publish: Publish) -> float:
    """The p99 of the median event: the slowest event measures the disk."""
    slowest: list[float] = []
    for _ in range(SINGLES):
        await _publish_and_wait(readers, publish, 1)
        slowest.append(quantiles(readers.delays, n=100, method="inclusive")[-1])
        await asyncio.sleep(PAUSE_SECONDS)
    return median(slowest)


def _row(name: str, observation: FanoutObservation) -> tuple[str, ...]:
    return (
        name,
        f"{observation.per_second:,.0f}",
        f"{observation.per_core_second:,.0f}",
        milliseconds(observation.p99),
        f"{observation.memory_each / 1024:.0f} KiB",
        f"{observation.draining:.2f} s",
    )


def _ratios(ours: FanoutObservation, bare: FanoutObservation) -> tuple[str, ...]:
    return (
        "aijobs / bare",
        ratio(ours.per_second, bare.per_second),
        ratio(ours.per_core_second, bare.per_core_second),
        ratio(ours.p99, bare.p99),
        ratio(ours.memory_each, bare.memory_each),
        ratio(ours.draining, bare.draining),
    )
