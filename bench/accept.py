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

from bench.baseline.workflows import STEERING, BareSteps
from bench.report import Report, milliseconds, p50_p95, ratio
from bench.rig.installation import installed, started_api
from bench.rig.workspace import MODEL
from cli.api_client import ApiClient

REQUESTS: Final = 300
BATCHES: Final = 10
AT_ONCE: Final = 10
WARMING_UP: Final = 20
PATIENCE_SECONDS: Final = 120
BODY: Final = {"model_id": MODEL, "params": {"image": "https://example.com/photo.jpg", "upscale_factor": 2}}

Ask = Callable[[], Awaitable[object]]

_numbers = count(1)


async def measure(*, quick: bool) -> Report:
    requests = 40 if quick else REQUESTS
    async with AsyncExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        here = await installed(opened, folder)
        ours = _handing_in(await started_api(opened, here))
        bare = _starting(await Client.connect(here.temporal.address))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await _waits(ours, bare, WARMING_UP, at_once=1)
            alone = await _waits(ours, bare, requests, at_once=1)
            crowded = await _waits(ours, bare, requests, at_once=AT_ONCE)
    return Report(
        title="accept: from the request to the answer",
        how=f"{requests} calls each, in {BATCHES} interleaved batches. Ours is HTTP, a transaction on SQLite that "
        "survives a power cut, and a start_workflow. No worker runs.",
        columns=("", "p50", "p95"),
        rows=[*_rows("one at a time", *alone), *_rows(f"{AT_ONCE} at once", *crowded)],
    )


def _handing_in(api: ApiClient) -> Ask:
    return lambda: api.post("/api/jobs", BODY)


def _starting(client: Client) -> Ask:
    return lambda: client.start_workflow(BareSteps.run, 0.0, id=f"bare-{next(_numbers)}", task_queue=STEERING)


async def _waits(ours: Ask, bare: Ask, requests: int, *, at_once: int) -> tuple[list[float], list[float]]:
    """Seconds that each call took."""
    waits: tuple[list[float], list[float]] = ([], [])
    for _ in range(BATCHES):
        for ask, taken in zip((ours, bare), waits, strict=True):
            taken += await _batch(ask, requests // BATCHES, at_once=at_once)
    return waits


async def _batch(ask: Ask, requests: int, *, at_once: int) -> list[float]:
    gate = asyncio.Semaphore(at_once)

    async def one() -> float:
        async with gate:
            began = time.perf_counter()
            await ask()
            return time.perf_counter() - began

    return await asyncio.gather(*(one() for _ in range(requests)))


def _rows(when: str, ours: list[float], bare: list[float]) -> list[tuple[str, ...]]:
    found, rival = p50_p95(ours), p50_p95(bare)
    return [
        (f"POST /api/jobs, {when}", *map(milliseconds, found)),
        (f"bare start_workflow, {when}", *map(milliseconds, rival)),
        ("aijobs / bare", *map(ratio, found, rival)),
    ]
