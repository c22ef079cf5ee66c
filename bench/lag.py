"""The lag from completion at the provider to the user's event, with many jobs in flight, by webhook and by polls."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Final

import httpx
from temporalio.client import Client

from aijobs.domain.lifecycle import JobStatus
from bench.baseline.vendor import POLL_EVERY
from bench.baseline.workflows import WORKFLOW_QUEUE, BareVendorJob
from bench.report import Report, p50_p95, ratio
from bench.rig.installation import VENDOR_KEY, BenchInstallation, installed, started_api
from bench.rig.picture import as_data_url, tiny_picture
from bench.rig.processes import started
from bench.rig.resource_usage import machine_seconds
from bench.rig.workspace import MODEL, poll_policy
from cli.api_client import ApiClient

IN_FLIGHT: Final = 50
JOBS_EACH: Final = 2
WORK_SECONDS: Final = 40.0
TIMEOUT_SECONDS: Final = 240

#: Known figures, for orientation: a scheduler that looks every 5 s, and bare Temporal with polls every 0.5 s.
SCHEDULER_SECONDS, BARE_P95_SECONDS = 15.0, 0.63

OneJob = Callable[[], Awaitable[float]]


@dataclass(frozen=True)
class LagObservation:
    """Lags in seconds, and the cores that the whole machine used meanwhile."""

    lags: list[float]
    cores: float


_numbers = count(1)


async def measure(*, quick: bool) -> Report:
    in_flight, each, work = (10, 1, 4.0) if quick else (IN_FLIGHT, JOBS_EACH, WORK_SECONDS)
    ours: dict[str, LagObservation] = {}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        installation = await installed(stack, folder)
        vendor = (str(installation.vendor_port), installation.webhook_secret, str(work))
        await started(stack, "bench.rig.vendor", *vendor, folder=folder, port=installation.vendor_port)
        for name, changes in _variants(installation).items():
            ours[name] = await _ours(installation, changes, in_flight, each, work)
        bare = await _bare(installation, in_flight, each, work)
    return _report(ours, bare, in_flight, each)


def _variants(installation: BenchInstallation) -> dict[str, dict[str, str]]:
    """The settings that differ, by variant."""
    catalogue = installation.folder / "often.toml"
    catalogue.write_text(poll_policy(POLL_EVERY), "utf-8")
    return {
        "aijobs, webhooks": {"AIJOBS_PUBLIC_URL": installation.api_url},
        "aijobs, shipped poll policy": {},
        f"aijobs, polls every {POLL_EVERY.total_seconds()} s": {"AIJOBS_CATALOGUE": str(catalogue)},
    }


async def _ours(
    installation: BenchInstallation, changes: Mapping[str, str], in_flight: int, each: int, work: float
) -> LagObservation:
    async with AsyncExitStack() as stack:
        api = await started_api(stack, installation, changes)
        await started(
            stack, "cli.main", "worker", folder=installation.folder, settings={**installation.settings, **changes}
        )
        vendor = await stack.enter_async_context(
            httpx.AsyncClient(base_url=installation.vendor_url, headers={"Authorization": f"Bearer {VENDOR_KEY}"})
        )
        picture = installation.folder / "tiny.png"
        picture.write_bytes(tiny_picture())
        file = (await api.upload(picture))["code"]
        return await _in_flight(lambda: _our_lag(api, vendor, file), in_flight, each, work)


async def _our_lag(api: ApiClient, vendor: httpx.AsyncClient, file: str) -> float:
    """As measured by a browser: until SUCCESS on the job's event stream."""
    job = await api.post("/api/jobs", {"model_id": MODEL, "params": {"image": file}})
    last = None
    async for event in api.events(job["code"], after=0):
        last, seen = event, time.time()
    assert last is not None
    assert last.job_status is JobStatus.SUCCESS, f"{last.job_status_name}: {last.detail}"
    out_id = (await api.get(f"/api/jobs/{job['code']}"))["out_id"]
    prediction = (await vendor.get(f"/v1/predictions/{out_id}")).raise_for_status().json()
    return seen - _timestamp(prediction["completed_at"])


async def _bare(installation: BenchInstallation, in_flight: int, each: int, work: float) -> LagObservation:
    """As measured by the client of a bare workflow: until its result."""
    picture = as_data_url(tiny_picture())
    async with AsyncExitStack() as stack:
        await started(stack, "bench.baseline.worker", installation.temporal.address, folder=installation.folder)
        client = await Client.connect(installation.temporal.address)

        async def one() -> float:
            completed_at = await client.execute_workflow(
                BareVendorJob.run,
                args=[installation.vendor_url, picture],
                id=f"bare-{next(_numbers)}",
                task_queue=WORKFLOW_QUEUE,
            )
            return time.time() - _timestamp(completed_at)

        return await _in_flight(one, in_flight, each, work)


async def _in_flight(one: OneJob, in_flight: int, each: int, work: float) -> LagObservation:
    """Keeps `in_flight` jobs running; the starts are spread evenly, so that the ends are too."""

    async def sequence(number: int) -> list[float]:
        await asyncio.sleep(work * number / in_flight)
        return [await one() for _ in range(each)]

    async with asyncio.timeout(TIMEOUT_SECONDS):
        await one()  # warming up
        started_at, spent = time.monotonic(), machine_seconds()
        lags = await asyncio.gather(*(sequence(number) for number in range(in_flight)))
        cores = (machine_seconds() - spent) / (time.monotonic() - started_at)
    return LagObservation([lag for sequence_lags in lags for lag in sequence_lags], cores)


def _timestamp(text: str) -> float:
    """The Unix time of a vendor's timestamp with nine fractional digits."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")


def _report(ours: Mapping[str, LagObservation], bare: LagObservation, in_flight: int, each: int) -> Report:
    baseline = p50_p95(bare.lags)
    polls = f"polls every {POLL_EVERY.total_seconds()} s"
    return Report(
        title=f"lag: from finished at the provider to SUCCESS at the user, {in_flight} in flight",
        how=f"{in_flight * each} jobs each, one variant after the other. Ours: until the browser's event stream says "
        "so, with the result checked and in our store. Bare: until the client has the workflow's result.",
        columns=("", "p50", "p95", "p50 / bare", "p95 / bare", "cores busy"),
        rows=[
            *(_row(name, observed, baseline) for name, observed in ours.items()),
            _row(f"bare workflow, {polls}", bare, baseline),
            ("known: a scheduler every 5 s", "", _seconds(SCHEDULER_SECONDS)),
            (f"known: bare Temporal, {polls}", "", _seconds(BARE_P95_SECONDS)),
        ],
        notes=["Where every core is busy, that is what is measured. Ours also reports progress; bare does not."],
    )


def _row(name: str, observed: LagObservation, baseline: tuple[float, float]) -> tuple[str, ...]:
    own = p50_p95(observed.lags)
    return (name, *map(_seconds, own), *map(ratio, own, baseline), f"{observed.cores:.1f}")


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s"
