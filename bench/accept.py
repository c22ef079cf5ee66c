"""How long a caller waits for `POST /api/jobs`, next to a bare `start_workflow`."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import Final

from temporalio.client import Client

from bench.baseline.workflows import WORKFLOW_QUEUE, BareSteps
from bench.report import Report, milliseconds, p50_p95, ratio
from bench.rig.installation import installed, started_api
from bench.rig.workspace import MODEL
from cli.api_client import ApiClient

REQUESTS: Final = 300
BATCHES: Final = 10
AT_ONCE: Final = 10
WARMUP_ROUNDS: Final = 20
TIMEOUT_SECONDS: Final = 120
BODY: Final = {"model_id": MODEL, "params": {"image": "https://example.com/photo.jpg", "upscale_factor": 2}}

Call = Callable[[], Awaitable[object]]

_numbers = count(1)


async def measure(*, quick: bool) -> Report:
    requests = 40 if quick else REQUESTS
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        installation = await installed(stack, folder)
        ours = _submitting(await started_api(stack, installation))
        bare = _starting(await Client.connect(installation.temporal.address))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await _durations(ours, bare, WARMUP_ROUNDS, at_once=1)
            sequential = await _durations(ours, bare, requests, at_once=1)
            concurrent = await _durations(ours, bare, requests, at_once=AT_ONCE)
    return Report(
        title="accept: from the request to the answer",
        how=f"{requests} calls each, in {BATCHES} interleaved batches. Ours is HTTP, a transaction on SQLite that "
        "survives a power cut, and a start_workflow. No worker runs.",
        columns=("", "p50", "p95"),
        rows=[*_rows("one at a time", *sequential), *_rows(f"{AT_ONCE} at once", *concurrent)],
    )


def _submitting(api: ApiClient) -> Call:
    return lambda: api.post("/api/jobs", BODY)


def _starting(client: Client) -> Call:
    return lambda: client.start_workflow(BareSteps.run, 0.0, id=f"bare-{next(_numbers)}", task_queue=WORKFLOW_QUEUE)


async def _durations(ours: Call, bare: Call, requests: int, *, at_once: int) -> tuple[list[float], list[float]]:
    """Seconds that each call took."""
    durations: tuple[list[float], list[float]] = ([], [])
    for _ in range(BATCHES):
        for call, seconds in zip((ours, bare), durations, strict=True):
            seconds += await _batch(call, requests // BATCHES, at_once=at_once)
    return durations


async def _batch(call: Call, requests: int, *, at_once: int) -> list[float]:
    gate = asyncio.Semaphore(at_once)

    async def one() -> float:
        async with gate:
            started_at = time.perf_counter()
            await call()
            return time.perf_counter() - started_at

    return await asyncio.gather(*(one() for _ in range(requests)))


def _rows(when: str, ours: list[float], bare: list[float]) -> list[tuple[str, ...]]:
    own, baseline = p50_p95(ours), p50_p95(bare)
    return [
        (f"POST /api/jobs, {when}", *map(milliseconds, own)),
        (f"bare start_workflow, {when}", *map(milliseconds, baseline)),
        ("aijobs / bare", *map(ratio, own, baseline)),
    ]
