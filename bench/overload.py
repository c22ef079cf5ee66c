"""Users beside attackers: what those who are served notice of those who only want to do harm."""

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
from cli.embedded.ports import HOST

USERS: Final = 4
PAUSE_SECONDS: Final = 0.05
HEALTH_EVERY: Final = 0.05
QUIET_SECONDS: Final = 15.0
ATTACK_SECONDS: Final = 20.0
CALM_SECONDS: Final = 8.0
PATIENCE_SECONDS: Final = 900

SLOWER: Final = 2.0
HEALTH_SECONDS: Final = 0.1
GIVEN_BACK_BYTES: Final = 100 * 1024 * 1024
ALL: Final = "all at once"


@dataclass
class Observation:
    """Seconds that each request took, and bytes in memory, of the API and its children, at their height and after."""

    users: list[float] = field(default_factory=list)
    health: list[float] = field(default_factory=list)
    failed: int = 0
    unhealthy: int = 0
    core: float = 0.0
    highest: int = 0
    afterwards: int = 0

    @property
    def p99(self) -> float:
        return _p99(self.users)


@dataclass(frozen=True)
class ApiProcess:
    """The API's process, and a key of a service."""

    port: int
    pid: int
    key: str
    folder: Path


async def measure(*, quick: bool) -> Report:
    shorter = 0.2 if quick else 1.0
    async with asyncio.timeout(PATIENCE_SECONDS), AsyncExitStack() as opened:
        api = await _served(opened, Path(opened.enter_context(tempfile.TemporaryDirectory())))
        await _observed(api, (), 3.0)  # what is loaded at the first request
        observed = {"quiet": await _observed(api, (), QUIET_SECONDS * shorter)}
        for name in ATTACKS:
            observed[name] = await _observed(api, (name,), ATTACK_SECONDS * shorter)
        observed[ALL] = await _observed(api, tuple(ATTACKS), ATTACK_SECONDS * shorter)
    return _report(observed)


def _report(observed: dict[str, Observation]) -> Report:
    quiet = observed["quiet"]
    attacked = {name: one for name, one in observed.items() if one is not quiet}
    return Report(
        title="overload: users beside attackers",
        how=f"{USERS} users list models and jobs and hand jobs in, one request after another; every "
        f"{HEALTH_EVERY * 1000:g} ms somebody asks /healthz on a new connection. Attackers are on the same machine.",
        columns=("", "users' p99", "of quiet", "failed", "health p99", "slowest", "API's core", "memory", "after"),
        rows=[_row(name, one, quiet) for name, one in observed.items()],
        aims=[
            _aim(
                f"users' p99 at most {SLOWER:g} times that of quiet",
                attacked,
                lambda one: one.p99 <= SLOWER * quiet.p99,
            ),
            _aim("no request of a user fails", attacked, lambda one: not one.failed),
            _aim(
                f"health within {HEALTH_SECONDS * 1000:g} ms (p99), and always answered",
                attacked,
                lambda one: _p99(one.health) <= HEALTH_SECONDS and not one.unhealthy,
            ),
            _aim(
                f"memory given back, but for {GIVEN_BACK_BYTES // 1024**2} MB",
                attacked,
                lambda one: one.afterwards - quiet.afterwards <= GIVEN_BACK_BYTES,
            ),
        ],
        notes=[
            "The attackers share the processors with the API and its users, and take their part of them.",
            "API's core: how much of one processor the API itself used.",
        ],
    )


@asynccontextmanager
async def _attacked(api: ApiProcess, attacks: Sequence[str], seconds: float) -> AsyncIterator[None]:
    async with AsyncExitStack() as running:
        for name in attacks:
            arguments = (name, str(api.port), api.key, str(seconds + CALM_SECONDS))
            await started(running, "bench.rig.attackers", *arguments, folder=api.folder)
        yield


async def _served(opened: AsyncExitStack, folder: Path) -> ApiProcess:
    here = await installed(opened, folder)
    process = await started(opened, "cli.main", "api", folder=folder, port=here.api_port, settings=here.settings)
    database = await opened.enter_async_context(open_database(settings_in(folder)))
    key = await create_key(database, here.secret.encode(), kind=KeyKind.SERVICE, name="bench")
    return ApiProcess(port=here.api_port, pid=process.pid, key=key, folder=folder)


async def _observed(api: ApiProcess, attacks: Sequence[str], seconds: float) -> Observation:
    seen, over = Observation(), asyncio.Event()
    async with _attacked(api, attacks, seconds):
        if attacks:
            await asyncio.sleep(min(seconds, 3.0))  # until all are there
        async with asyncio.TaskGroup() as watching:
            for number in range(USERS):
                watching.create_task(_use(api, seen, over, f"user{number}"))
            watching.create_task(_ask_health(api, seen, over))
            watching.create_task(_weigh(api, seen, over))
            used, began = cpu_seconds(api.pid), time.monotonic()
            await asyncio.sleep(seconds)
            seen.core = (cpu_seconds(api.pid) - used) / (time.monotonic() - began)
            over.set()
    await asyncio.sleep(CALM_SECONDS if attacks else 0)
    seen.afterwards = memory_in_use(api.pid)
    return seen


async def _use(api: ApiProcess, seen: Observation, over: asyncio.Event, user: str) -> None:
    headers = {"Authorization": f"Bearer {api.key}", "Aijobs-User": user}
    order = {"model_id": MODEL, "params": {"image": "https://example.com/photo.jpg"}}
    async with httpx.AsyncClient(base_url=_url(api), headers=headers, timeout=30, trust_env=False) as http:
        while not over.is_set():
            for request in (
                http.build_request("GET", "/api/models"),
                http.build_request("POST", "/api/jobs", json=order),
                http.build_request("GET", "/api/jobs"),
            ):
                began = time.perf_counter()
                try:
                    answer = await http.send(request)
                except httpx.HTTPError:
                    seen.failed += 1
                else:
                    seen.failed += answer.is_error
                    seen.users.append(time.perf_counter() - began)
                await asyncio.sleep(PAUSE_SECONDS)


async def _ask_health(api: ApiProcess, seen: Observation, over: asyncio.Event) -> None:
    """As a balancer does: each time on a connection of its own."""
    while not over.is_set():
        began = time.perf_counter()
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection(HOST, api.port)
                writer.write(f"GET /healthz HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
                answer = await reader.readline()
                writer.close()
        except (OSError, TimeoutError):
            answer = b""
        seen.unhealthy += b" 200 " not in answer
        seen.health.append(time.perf_counter() - began)
        await asyncio.sleep(HEALTH_EVERY)


async def _weigh(api: ApiProcess, seen: Observation, over: asyncio.Event) -> None:
    while not over.is_set():
        seen.highest = max(seen.highest, memory_in_use(api.pid))
        await asyncio.sleep(HEALTH_EVERY)


def _url(api: ApiProcess) -> str:
    return f"http://{HOST}:{api.port}"


def _p99(samples: Sequence[float]) -> float:
    return quantiles(samples, n=100, method="inclusive")[-1] if len(samples) > 1 else max(samples, default=0.0)


def _aim(words: str, attacked: dict[str, Observation], holds: Callable[[Observation], bool]) -> Aim:
    missed = [name for name, one in attacked.items() if not holds(one)]
    return Aim(f"{words}; not under {', '.join(missed)}" if missed else words, met=not missed)


def _row(name: str, one: Observation, quiet: Observation) -> tuple[str, ...]:
    return (
        name,
        milliseconds(one.p99),
        ratio(one.p99, quiet.p99),
        f"{one.failed} of {len(one.users) + one.failed}",
        milliseconds(_p99(one.health)),
        milliseconds(max(one.health)),
        f"{one.core:.0%}",
        f"{one.highest / 1024**2:.0f} MB",
        f"{one.afterwards / 1024**2:.0f} MB",
    )
