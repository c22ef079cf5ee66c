"""The real stack, each part a process of its own, with proxies between them that cut connections."""

import asyncio
import base64
import json
import os
import random
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Protocol

import httpx
from temporalio.client import Client

from chaos.faults.proxy import Cuts, CuttingProxy, Way
from chaos.object_store import DATA, StoreInspection, opened_inspection
from chaos.plan import HASTY, IN_FLIGHT, PATIENT, USER_IN_FLIGHT, StormPlan
from chaos.stack import photo_server
from chaos.stack.database import PostgresqlProcess, RunDatabase
from chaos.stack.preparation import database_settings, prepared
from chaos.stack.processes import Kind, StackProcess
from cli.embedded.ports import HOST, free_ports
from cli.embedded.processes import Process, ProcessSpec, running
from cli.embedded.temporal_server import temporal_server
from workflows.data_converter import DATA_CONVERTER

START_TIMEOUT: Final = 120.0
READY_TIMEOUT: Final = 5.0
LOOK_EVERY: Final = 0.2

SANDBOX: Final = "sandbox"

#: Environment variables that the processes of a run do not inherit.
OURS: Final = ("AIJOBS_", "TEMPORAL_")

#: Between customers (and the provider's webhooks) and the APIs; workers and the provider; ourselves and Temporal.
FRONT: Final = Cuts(share=0.15, least=20, most=8_000)
PROVIDER: Final = Cuts(share=0.08, least=20, most=8_000)
PROVIDER_GENTLY: Final = Cuts(share=0.1, most=4_000, ways=(Way.BACK,))
TEMPORAL: Final = Cuts(share=0.3, least=2_000, most=2_000_000)

QUICK_POLLS: Final = '{ first = "300ms", factor = 1.3, max = "2s", jitter = 0.1 }'
LARGEST_OUTPUT: Final = 8 * 1024**2


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The ports of all parts. A `front` is the proxy before a part."""

    temporal: int
    temporal_front: int
    sandbox: int
    sandbox_front: int
    front: int
    apis: list[int]


class ObservedStack(Protocol):
    """What customers and the checker know of a running stack."""

    @property
    def url(self) -> str: ...

    @property
    def key(self) -> str: ...

    @property
    def photos(self) -> str: ...

    @property
    def database(self) -> RunDatabase: ...

    async def temporal_client(self) -> Client: ...


@dataclass
class ChaosStack:
    """A running stack, with its processes and proxies."""

    folder: Path
    ports: Ports
    photos: str
    object_store: StoreInspection
    database: RunDatabase
    environment: dict[str, str]
    proxies: dict[str, CuttingProxy]
    members: list[StackProcess] = field(default_factory=list)
    made_key: str | None = None  #: where no process makes one by itself

    @property
    def data_dir(self) -> Path:
        return self.folder / DATA

    @property
    def url(self) -> str:
        """Of the APIs, through the proxy."""
        return f"http://{HOST}:{self.ports.front}"

    @property
    def sandbox_url(self) -> str:
        """Without a proxy."""
        return f"http://{HOST}:{self.ports.sandbox}"

    @property
    def key(self) -> str:
        return self.made_key or (self.data_dir / "key").read_text().strip()

    async def temporal_client(self) -> Client:
        """Without a proxy."""
        return await Client.connect(f"{HOST}:{self.ports.temporal}", data_converter=DATA_CONVERTER)


@asynccontextmanager
async def running_stack(
    plan: StormPlan, folder: Path, database: RunDatabase, server: PostgresqlProcess | None
) -> AsyncIterator[ChaosStack]:
    """Start the stack; ready when the block begins. All its processes have ended after it; the data stays.

    The database's `server` runs already, and is only another process that may be harmed.
    """
    temporal, temporal_front, sandbox, sandbox_front, front, *apis = free_ports(5 + plan.apis)
    ports = Ports(
        temporal=temporal,
        temporal_front=temporal_front,
        sandbox=sandbox,
        sandbox_front=sandbox_front,
        front=front,
        apis=apis,
    )
    async with AsyncExitStack() as opened:
        object_store = await opened.enter_async_context(opened_inspection(folder, s3=plan.s3))
        stack = ChaosStack(
            folder=folder,
            ports=ports,
            photos=await opened.enter_async_context(photo_server.served()),
            object_store=object_store,
            database=database,
            environment=_environment(plan, folder, ports) | dict(object_store.settings) | database_settings(database),
            proxies=_proxies(plan, ports),
        )
        if server is not None:
            stack.made_key = await prepared(stack.environment, "database")
            stack.members.append(server)
        for port, proxy in zip((front, sandbox_front, temporal_front), stack.proxies.values(), strict=True):
            await opened.enter_async_context(proxy.serving(port))
        async with asyncio.timeout(START_TIMEOUT):
            for member in _members(plan, stack):
                stack.members.append(member)
                await opened.enter_async_context(member.kept())
                await _ready(stack, member)
            await answers(f"http://{HOST}:{apis[0]}/readyz")
        yield stack


def _proxies(plan: StormPlan, ports: Ports) -> dict[str, CuttingProxy]:
    def proxy(name: str, targets: list[int], cuts: Cuts) -> CuttingProxy:
        return CuttingProxy([(HOST, port) for port in targets], cuts, plan.dice(f"{name} proxy"))

    return {
        "front": proxy("front", ports.apis, FRONT),
        "provider": proxy("provider", [ports.sandbox], PROVIDER_GENTLY if plan.gentle else PROVIDER),
        "temporal": proxy("temporal", [ports.temporal], TEMPORAL),
    }


def _members(plan: StormPlan, stack: ChaosStack) -> Iterator[StackProcess]:
    """In the order in which they are started."""
    ports, environment = stack.ports, stack.environment
    secret = environment["AIJOBS_REPLICATE__WEBHOOK_SECRET"]
    public = f"http://{HOST}:{ports.sandbox_front}"
    vendor = ("chaos.stack.vendor", str(ports.sandbox), public, secret, str(stack.folder / SANDBOX))
    yield StackProcess("temporal", Kind.TEMPORAL, lambda: _temporal(stack))
    yield StackProcess("sandbox", Kind.SANDBOX, lambda: _python(stack, "sandbox", *vendor))
    for number, port in enumerate(ports.apis, 1):
        yield _ours(plan, stack, Kind.API, number, AIJOBS_API__PORT=str(port))
    for number in range(1, plan.workers + 1):
        yield _ours(plan, stack, Kind.WORKER, number)


def _ours(plan: StormPlan, stack: ChaosStack, kind: Kind, number: int, **settings: str) -> StackProcess:
    name = f"{kind} {number}"
    module = ("chaos.sabotage", plan.sabotage) if plan.sabotage else ("cli.main",)
    return StackProcess(name, kind, lambda: _python(stack, name, *module, str(kind), **settings))


@asynccontextmanager
async def _temporal(stack: ChaosStack) -> AsyncIterator[Process]:
    async with temporal_server(data_dir=stack.folder / "temporal", port=stack.ports.temporal) as server:
        yield server.process


def _python(stack: ChaosStack, name: str, *module: str, **settings: str) -> AbstractAsyncContextManager[Process]:
    """A process that counts as up as soon as it exists: it may be killed while it starts."""
    spec = ProcessSpec(
        name=name,
        command=(sys.executable, "-m", *module),
        environment=stack.environment | settings,
        log=stack.folder / "logs" / f"{name.replace(' ', '-')}.log",
    )
    return running(spec, is_ready=at_once)


async def at_once() -> bool:
    return True


async def _ready(stack: ChaosStack, member: StackProcess) -> None:
    """Wait until it answers for the first time. An API is ready only when workers run too, which start after it."""
    await member.up()
    if member.kind is Kind.SANDBOX:
        await answers(f"{stack.sandbox_url}/_sandbox/health")
    elif member.kind is Kind.API:
        await answers(f"http://{HOST}:{stack.ports.apis[0]}/healthz")


async def answers(url: str) -> None:
    """Wait until there is a good answer."""
    async with httpx.AsyncClient(timeout=READY_TIMEOUT, trust_env=False) as http:
        while True:
            try:
                if (await http.get(url)).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(LOOK_EVERY)


def _environment(plan: StormPlan, folder: Path, ports: Ports) -> dict[str, str]:
    catalogue = folder / "catalogue.toml"
    catalogue.write_text(catalogue_of(plan), "utf-8")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)  # every start would compile everything anew
    return {
        **inherited,
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
        "TEMPORAL_ADDRESS": f"{HOST}:{ports.temporal_front}",
        "AIJOBS_DATA_DIR": str(folder / DATA),
        "AIJOBS_PUBLIC_URL": f"http://{HOST}:{ports.front}",
        "AIJOBS_CATALOGUE": str(catalogue),
        "AIJOBS_LIMITS__CREDENTIALS": json.dumps({"replicate": {"in_flight": IN_FLIGHT}}),
        "AIJOBS_LIMITS__USER_IN_FLIGHT": str(USER_IN_FLIGHT),
        "AIJOBS_POINTS__DAILY_LIMIT": str(plan.daily_limit),
        "AIJOBS_WORKER__REPAIR_EVERY": "2s",
        "AIJOBS_WORKER__ABANDONED_AFTER": "30s",
        "AIJOBS_WORKER__SHUTDOWN_PATIENCE": "3s",
        "AIJOBS_DOWNLOAD__ALLOW_HOSTS": f"{HOST}:{ports.sandbox_front}",
        "AIJOBS_DOWNLOAD__MAX_BYTES": str(LARGEST_OUTPUT),
        "AIJOBS_REPLICATE__TOKEN": "r8_chaos",
        "AIJOBS_REPLICATE__BASE_URL": f"http://{HOST}:{ports.sandbox_front}",
        "AIJOBS_REPLICATE__WEBHOOK_SECRET": webhook_secret(plan.dice("webhook secret")),
    }


def webhook_secret(dice: random.Random) -> str:
    """For webhooks of the vendor."""
    return "whsec_" + base64.b64encode(dice.randbytes(24)).decode()


def catalogue_of(plan: StormPlan) -> str:
    """The upscale model with quick polls and short deadlines, and its patient twin."""
    return "\n".join(_model(model_id, asdict(deadlines)) for model_id, deadlines in plan.deadlines.items())


def _model(model_id: str, deadlines: dict[str, int]) -> str:
    times = ", ".join(f'{name} = "{seconds}s"' for name, seconds in deadlines.items())
    own = {} if model_id == HASTY else {**TWIN, "model_desc": f"{PATIENT}: waits longer"}
    lines = [f"{key} = {json.dumps(value)}" for key, value in {**own, "resubmit": True}.items()]
    return "\n".join((f"[models.{model_id}]", *lines, f"deadlines = {{ {times} }}", f"poll = {QUICK_POLLS}", ""))


TWIN: Final = {
    "model_code": "patient",
    "model_name": "Patient",
    "model": "topazlabs/image-upscale",
    "model_version": "1.0",
    "platform": "Replicate",
    "channel": "replicate",
    "provider": "replicate",
    "asyn": True,
    "type": "image",
    "unit_point": 2,
    "max_output_count": 1,
    "output_kind": "image",
    "unit_progress": ["PROCESSING", "MIGRATING"],
}
