"""Latency of users during attacks: response times, failures and memory of the API."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Final

import httpx

from aijobs.bootstrap import open_database
from aijobs.persistence.access.keys import KeyKind, create_key
from bench.report import Aim, Report, milliseconds, ratio
from bench.rig.attackers import ATTACKS
from bench.rig.installation import installed
from bench.rig.processes import started
from bench.rig.resource_usage import cpu_seconds, memory_in_use
from bench.rig.workspace import MODEL, settings_in
from cli.embedded.ports import HOST, free_ports

USERS: Final = 4
PAUSE_SECONDS: Final = 0.05
HEALTH_EVERY: Final = 0.05
MEMORY_EVERY: Final = 0.25
QUIET_SECONDS: Final = 15.0
ATTACK_SECONDS: Final = 20.0
CONTROL_SECONDS: Final = 12.0
CALM_SECONDS: Final = 8.0
TIMEOUT_SECONDS: Final = 900

MAX_SLOWDOWN: Final = 2.0
HEALTH_SECONDS: Final = 0.1
MAX_RETAINED_BYTES: Final = 100 * 1024 * 1024
ALL: Final = "all at once"


@dataclass
class Observation:
    """Seconds of each request, and memory in bytes of the API and its children: the peak, and after the attack."""

    users: list[float] = field(default_factory=list)
    health: list[float] = field(default_factory=list)
    failed: int = 0
    unhealthy: int = 0
    core: float = 0.0
    peak: int = 0
    afterwards: int = 0

    @property
    def p99(self) -> float:
        return _p99(self.users)


@dataclass(frozen=True)
class ApiProcess:
    """The API's process, a service key, and the port of a server that is attacked in its place for comparison."""

    port: int
    decoy_port: int
    pid: int
    key: str
    folder: Path


async def measure(*, quick: bool) -> Report:
    shorter = 0.2 if quick else 1.0
    async with asyncio.timeout(TIMEOUT_SECONDS), AsyncExitStack() as stack:
        api = await _start_api(stack, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        await _observe(api, (), 3.0)  # warm-up
        observed = {"quiet": await _observe(api, (), QUIET_SECONDS * shorter)}
        beside = dict[str, Observation]()
        for name, attacks in {**{name: (name,) for name in ATTACKS}, ALL: tuple(ATTACKS)}.items():
            beside[name] = await _observe(api, attacks, CONTROL_SECONDS * shorter, on_decoy=True)
            observed[name] = await _observe(api, attacks, ATTACK_SECONDS * shorter)
    return _report(observed, beside)


def _report(observed: dict[str, Observation], beside: dict[str, Observation]) -> Report:
    """`beside` are users' times while somebody else was attacked on the same machine."""
    quiet = observed["quiet"]
    return Report(
        title="overload: users beside attackers",
        how=f"{USERS} users list models and jobs and hand jobs in, one request after another; every "
        f"{HEALTH_EVERY * 1000:g} ms somebody asks /healthz on a new connection. Attackers are on the same machine.",
        columns=(
            "",
            "users' p99",
            "of quiet",
            "beside",
            "of beside",
            "failed",
            "health p99",
            "slowest",
            "API's core",
            "memory",
            "after",
        ),
        rows=[_row(name, one, quiet, beside.get(name, quiet)) for name, one in observed.items()],
        aims=_aims(observed, beside),
        notes=[
            "The attackers share the processors with the API and its users, with the least priority.",
            "of beside: of what users see while the same attackers on the same machine attack another server.",
            "Memory is that of the API and its children, what they share counted once.",
            "API's core: how much of one processor the API itself used.",
        ],
    )


def _aims(observed: dict[str, Observation], beside: dict[str, Observation]) -> list[Aim]:
    quiet = observed["quiet"]
    attacked = {name: one for name, one in observed.items() if one is not quiet}
    busy = {id(one): max(beside[name].p99, quiet.p99) for name, one in attacked.items()}
    return [
        _aim(
            f"users' p99 at most {MAX_SLOWDOWN:g} times that of quiet",
            attacked,
            lambda one: one.p99 <= MAX_SLOWDOWN * quiet.p99,
        ),
        _aim(
            f"users' p99 at most {MAX_SLOWDOWN:g} times that beside the same attack on another server",
            attacked,
            lambda one: one.p99 <= MAX_SLOWDOWN * busy[id(one)],
        ),
        _aim("no request of a user fails", attacked, lambda one: not one.failed),
        _aim(
            f"health within {HEALTH_SECONDS * 1000:g} ms (p99), and always answered",
            attacked,
            lambda one: _p99(one.health) <= HEALTH_SECONDS and not one.unhealthy,
        ),
        _aim(
            f"memory given back, but for {MAX_RETAINED_BYTES // 1024**2} MB",
            attacked,
            lambda one: one.afterwards - quiet.afterwards <= MAX_RETAINED_BYTES,
        ),
    ]


@asynccontextmanager
async def _under_attack(
    api: ApiProcess, attacks: Sequence[str], seconds: float, *, on_decoy: bool
) -> AsyncIterator[None]:
    async with AsyncExitStack() as running:
        port = api.decoy_port if on_decoy else api.port
        if on_decoy:
            await started(running, "bench.rig.decoy", str(port), folder=api.folder, port=port)
        for name in attacks:
            arguments = (name, str(port), api.key, str(seconds + CALM_SECONDS))
            await started(running, "bench.rig.attackers", *arguments, folder=api.folder)
        yield


async def _start_api(stack: AsyncExitStack, folder: Path) -> ApiProcess:
    installation = await installed(stack, folder)
    process = await started(
        stack, "cli.main", "api", folder=folder, port=installation.api_port, settings=installation.settings
    )
    database = await stack.enter_async_context(open_database(settings_in(folder)))
    key = await create_key(database, installation.secret.encode(), kind=KeyKind.SERVICE, name="bench")
    [decoy_port] = free_ports(1)
    return ApiProcess(port=installation.api_port, decoy_port=decoy_port, pid=process.pid, key=key, folder=folder)


async def _observe(api: ApiProcess, attacks: Sequence[str], seconds: float, *, on_decoy: bool = False) -> Observation:
    observation, ended = Observation(), asyncio.Event()
    async with _under_attack(api, attacks, seconds, on_decoy=on_decoy):
        if attacks:
            await asyncio.sleep(min(seconds, 3.0))  # until the attackers have connected
        async with asyncio.TaskGroup() as group:
            for number in range(USERS):
                group.create_task(_act_as_user(api, observation, ended, f"user{number}"))
            group.create_task(_ask_health(api, observation, ended))
            group.create_task(_watch_memory(api, observation, ended))
            used, started_at = cpu_seconds(api.pid), time.monotonic()
            await asyncio.sleep(seconds)
            observation.core = (cpu_seconds(api.pid) - used) / (time.monotonic() - started_at)
            ended.set()
    await asyncio.sleep(CALM_SECONDS if attacks and not on_decoy else 0)
    observation.afterwards = memory_in_use(api.pid)
    return observation


async def _act_as_user(api: ApiProcess, observation: Observation, ended: asyncio.Event, user: str) -> None:
    headers = {"Authorization": f"Bearer {api.key}", "Aijobs-User": user}
    job = {"model_id": MODEL, "params": {"image": "https://example.com/photo.jpg"}}
    async with httpx.AsyncClient(base_url=_url(api), headers=headers, timeout=30, trust_env=False) as http:
        while not ended.is_set():
            for request in (
                http.build_request("GET", "/api/models"),
                http.build_request("POST", "/api/jobs", json=job),
                http.build_request("GET", "/api/jobs"),
            ):
                started_at = time.perf_counter()
                try:
                    response = await http.send(request)
                except httpx.HTTPError:
                    observation.failed += 1
                else:
                    observation.failed += response.is_error
                    observation.users.append(time.perf_counter() - started_at)
                await asyncio.sleep(PAUSE_SECONDS)


async def _ask_health(api: ApiProcess, observation: Observation, ended: asyncio.Event) -> None:
    """As a load balancer does: each time on a new connection."""
    while not ended.is_set():
        started_at = time.perf_counter()
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection(HOST, api.port)
                writer.write(f"GET /healthz HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
                response = await reader.readline()
                writer.close()
        except (OSError, TimeoutError):
            response = b""
        observation.unhealthy += b" 200 " not in response
        observation.health.append(time.perf_counter() - started_at)
        await asyncio.sleep(HEALTH_EVERY)


async def _watch_memory(api: ApiProcess, observation: Observation, ended: asyncio.Event) -> None:
    while not ended.is_set():
        observation.peak = max(observation.peak, await asyncio.to_thread(memory_in_use, api.pid))
        await asyncio.sleep(MEMORY_EVERY)


def _url(api: ApiProcess) -> str:
    return f"http://{HOST}:{api.port}"


def _p99(samples: Sequence[float]) -> float:
    return quantiles(samples, n=100, method="inclusive")[-1] if len(samples) > 1 else max(samples, default=0.0)


def _aim(words: str, attacked: dict[str, Observation], is_met: Callable[[Observation], bool]) -> Aim:
    missed = [name for name, one in attacked.items() if not is_met(one)]
    return Aim(f"{words}; not under {', '.join(missed)}" if missed else words, met=not missed)


def _row(name: str, one: Observation, quiet: Observation, beside: Observation) -> tuple[str, ...]:
    return (
        name,
        milliseconds(one.p99),
        ratio(one.p99, quiet.p99),
        milliseconds(beside.p99),
        ratio(one.p99, beside.p99),
        f"{one.failed} of {len(one.users) + one.failed}",
        milliseconds(_p99(one.health)),
        milliseconds(max(one.health)),
        f"{one.core:.0%}",
        f"{one.peak / 1024**2:.0f} MB",
        f"{one.afterwards / 1024**2:.0f} MB",
    )
