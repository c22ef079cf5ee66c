"""One run on many hosts: each is replaced in turn, and cut off and brought back, while customers go on ordering."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

import httpx

from chaos.checks.invariants import CheckResult, check
from chaos.evidence import Evidence, evidence_in
from chaos.hosts.stack import APIS, WORKERS, HostsStack, running_hosts
from chaos.load.customers import Customers
from chaos.observations import FailedRequest, Observations
from chaos.plan import CustomerOrder, StormPlan, orders_of
from chaos.quiescence import until_final, until_late_watches_ended, workflows_of
from chaos.run import Say

PROBES: Final = 4
PROBE_PAUSE: Final = 0.05
PROBE_TIMEOUT: Final = 8.0

CUTS: Final = (*WORKERS, APIS[0], "s3", "postgresql", "temporal")
"""The hosts that are cut off. With a foundation away, requests may fail: they say so by 503, or are not answered."""

#: Seconds that a host is cut off: longer than the heartbeat timeout of an activity for a worker.
CUT_WORKER: Final = 14.0
CUT_API: Final = 8.0
CUT_FOUNDATION: Final = 4.0

PAUSE: Final = 2.0
LAST_WAIT: Final = 10.0
"""After a cut, until a request that it has met has failed at its own timeout."""


@dataclass(frozen=True)
class Window:
    """Something that was done to a host. Times are of time.monotonic."""

    what: str
    began: float
    ended: float

    def meets(self, request: FailedRequest) -> bool:
        return request.began <= self.ended and request.ended >= self.began


@dataclass(kw_only=True)
class HostsResult:
    """What a run did, and what came of it. `on_cut_host` counts the connections to the API host that was cut off."""

    orders: list[CustomerOrder]
    windows: list[Window] = field(default_factory=list)
    answered: int = 0  #: requests of the probes
    failed: list[FailedRequest] = field(default_factory=list)
    on_cut_host: int = 0
    recovery: float | None = None
    late_watches_left: int = 0
    unexpected_ends: list[str] = field(default_factory=list)
    evidence: Evidence | None = None
    results: list[CheckResult] = field(default_factory=list)

    @property
    def breaches(self) -> list[str]:
        return [f"{breach.subject} {breach.words}" for result in self.results for breach in result.breaches]

    def failed_in(self, *kinds: str) -> list[FailedRequest]:
        """Requests that failed while one of these things was done."""
        windows = [window for window in self.windows if window.what.startswith(kinds)]
        return [request for request in self.failed if any(window.meets(request) for window in windows)]

    @property
    def passed(self) -> bool:
        """Nothing is lost, and no request failed but those on connections to a host that was cut off."""
        at_cut_apis = self.failed_in("cut api")
        return (
            self.recovery is not None
            and not self.breaches
            and not self.failed_without_reason
            and len(at_cut_apis) <= self.on_cut_host
            and not any(request.failure.startswith("HTTP") for request in at_cut_apis)
        )

    @property
    def failed_without_reason(self) -> list[FailedRequest]:
        """Requests that failed while no host was cut off that an answer needs."""
        excused = self.failed_in("cut api", "cut foundation")
        return [request for request in self.failed if request not in excused]


async def run_hosts(plan: StormPlan, folder: Path, say: Say, *, cuts: Sequence[str] = CUTS) -> HostsResult:
    """Replace every process, cut off these hosts in turn, settle, and check. All evidence is in the folder."""
    orders = [replace(order, fault="") for order in orders_of(plan)]
    result, observations = HostsResult(orders=orders), Observations()
    async with running_hosts(plan, folder) as stack:
        say(f"{len(stack.network.hosts)} hosts are up.")
        async with _load(plan, stack, observations, result):
            await _roll_all(stack, result, say)
            await _cut_all(stack, cuts, result, say)
        say("Everything is whole again. Waiting until it is quiet.")
        result.recovery = await until_final(stack, timeout=plan.timeout)
        result.late_watches_left = await until_late_watches_ended(stack, timeout=0)
        observations.workflows = await workflows_of(stack)
        await stack.object_store.tidied()
        observations.inventory = await stack.object_store.inventory()
        observations.save(folder)
        result.failed += observations.failed
        result.unexpected_ends = [end for member in stack.processes.values() for end in member.unexpected_ends]
        result.evidence = await evidence_in(folder, daily_limit=plan.daily_limit, database=stack.database)
    result.results = check(result.evidence)
    return result


@asynccontextmanager
async def _load(
    plan: StormPlan, stack: HostsStack, observations: Observations, result: HostsResult
) -> AsyncIterator[None]:
    """Customers order from now on, and probes ask without a pause; the customers are done after the block."""
    customers = asyncio.create_task(Customers(plan, stack, observations).order(result.orders))
    probes = [asyncio.create_task(_probe(stack, result)) for _ in range(PROBES)]
    try:
        yield
        async with asyncio.timeout(plan.timeout):
            await customers
    finally:
        for task in (customers, *probes):
            task.cancel()
        await asyncio.gather(customers, *probes, return_exceptions=True)


async def _probe(stack: HostsStack, result: HostsResult) -> None:
    """Requests that need an API process and the database, each once: nobody repeats what fails."""
    headers = {"Authorization": f"Bearer {stack.key}", "Aijobs-User": "probe"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=PROBE_TIMEOUT, trust_env=False) as http:
        while True:
            began = time.monotonic()
            try:
                response = await http.get("/api/jobs")
                failure = None if response.is_success else f"HTTP {response.status_code}"
            except httpx.TransportError as broken:
                failure = type(broken).__name__
            if failure is None:
                result.answered += 1
            else:
                result.failed.append(FailedRequest(began=began, ended=time.monotonic(), failure=failure))
            await asyncio.sleep(PROBE_PAUSE)


async def _roll_all(stack: HostsStack, result: HostsResult, say: Say) -> None:
    """Every process of ours is asked to end and started anew, one after the other."""
    for name in (*WORKERS, *APIS):
        await _do(f"roll {name}", partial(_roll, stack, name), result, say)


async def _roll(stack: HostsStack, name: str) -> None:
    await stack.processes[name].end(signal.SIGTERM, downtime=0.1)
    await stack.processes[name].up()
    await (stack.api_is_used(name) if name in APIS else stack.worker_is_well(name))


async def _cut_all(stack: HostsStack, cuts: Sequence[str], result: HostsResult, say: Say) -> None:
    for name in cuts:
        if name in APIS:
            await _cut_api(stack, name, result, say)
        elif name in WORKERS:
            await _do(f"cut worker {name}", partial(_cut, stack, name, CUT_WORKER), result, say)
        else:
            await _do(f"cut foundation {name}", partial(_cut, stack, name, CUT_FOUNDATION), result, say)
            await asyncio.sleep(LAST_WAIT)


async def _cut_api(stack: HostsStack, name: str, result: HostsResult, say: Say) -> None:
    target, began = stack.api(name), time.monotonic()

    async def cut() -> None:
        await _cut(stack, name, CUT_API)
        await asyncio.sleep(LAST_WAIT)

    await _do(f"cut api {name}", cut, result, say)
    result.on_cut_host += stack.balancer.connections_to(target, since=began, until=began + CUT_API)
    await stack.api_is_used(name)


async def _cut(stack: HostsStack, name: str, seconds: float) -> None:
    host = stack.network.hosts[name]
    host.cut_off()
    try:
        await asyncio.sleep(seconds)
    finally:
        host.bring_back()


async def _do(what: str, act: Callable[[], Awaitable[None]], result: HostsResult, say: Say) -> None:
    before, began = len(result.failed), time.monotonic()
    await act()
    result.windows.append(Window(what, began, time.monotonic()))
    say(f"{what}: {time.monotonic() - began:.1f} s, {len(result.failed) - before} requests of probes failed")
    await asyncio.sleep(PAUSE)


def summary(result: HostsResult) -> Sequence[str]:
    """The run in a few lines."""
    jobs = result.evidence.every_job if result.evidence else []
    ends = sorted({job.job_status.name for job in jobs})
    counts = ", ".join(f"{sum(job.job_status.name == end for job in jobs)} {end}" for end in ends)
    return (
        f"jobs       {counts}",
        f"requests   {result.answered} of probes answered; {len(result.failed)} failed in all",
        f"           {len(result.failed_in('roll'))} while processes were replaced",
        f"           {len(result.failed_in('cut worker'))} while a worker's host was cut off",
        f"           {len(result.failed_in('cut api'))} while an API's was, which had {result.on_cut_host} connections",
        f"           {len(result.failed_in('cut foundation'))} while S3, PostgreSQL or Temporal was",
        f"recovery   {result.recovery}",
        *(f"UNEXCUSED  {request.failure}, {_moment(result, request)}" for request in result.failed_without_reason),
        *(f"by itself  {end}" for end in result.unexpected_ends),
        *(f"BREACH     {breach}" for breach in result.breaches),
    )


def _moment(result: HostsResult, request: FailedRequest) -> str:
    """When a request failed, in seconds, seen from whatever was done last before its end."""
    before = [window for window in result.windows if window.began <= request.ended]
    if not before:
        return "before anything was done"
    began, ended = request.began - before[-1].began, request.ended - before[-1].began
    return f"from {began:.1f} s to {ended:.1f} s after the beginning of: {before[-1].what}"
