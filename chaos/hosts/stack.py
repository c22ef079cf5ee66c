"""An installation on many hosts. What they have in common are addresses, and the settings that an operator gives."""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from chaos.faults.proxy import Target
from chaos.hosts.balancer import Balancer
from chaos.hosts.network import Network, network_of
from chaos.object_store import S3Inspection
from chaos.plan import StormPlan
from chaos.stack import photo_server
from chaos.stack.database import RunDatabase, postgresql
from chaos.stack.preparation import prepared
from chaos.stack.processes import Kind, StackProcess
from chaos.stack.stack import LARGEST_OUTPUT, OURS, SANDBOX, answers, at_once, catalogue_of, webhook_secret
from cli.embedded.ports import free_port
from cli.embedded.processes import ProcessSpec, running
from cli.embedded.temporal_server import server_command
from cli.workers.health import health_problem

if TYPE_CHECKING:
    from tests.adapters.storage.swift_server import SwiftServer

ROOT: Final = Path(__file__).parents[2]

APIS: Final = ("api1", "api2")
#: Two hosts for each queue.
WORKERS: Final[Mapping[str, str]] = {
    "worker1": "workflows,providers",
    "worker2": "migration,webhooks",
    "worker3": "workflows,providers,migration,webhooks",
}
OTHERS: Final = ("postgresql", "s3", "temporal", "vendor")

PORTS: Final = {"api": 8080, "postgresql": 5432, "s3": 8000, "temporal": 7233, "vendor": 9400}
ANY_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - of a host that has one
S3_USER: Final = "aijobs:aijobs"
BUCKET: Final = "aijobs-hosts"

NOTICE_SECONDS: Final = 4
"""Of an API process before it stops; the balancer looks every half second."""

START_TIMEOUT: Final = 180.0
LOOK_EVERY: Final = 0.2


@dataclass
class HostsStack:
    """A running installation. `processes` has the API and worker processes by the name of their host."""

    folder: Path
    network: Network
    front: Target
    photos: str
    database: RunDatabase
    object_store: S3Inspection
    balancer: Balancer
    environment: dict[str, str]
    key: str = ""
    processes: dict[str, StackProcess] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{self.front[0]}:{self.front[1]}"

    async def temporal_client(self) -> Client:
        return await Client.connect(self.environment["TEMPORAL_ADDRESS"], data_converter=pydantic_data_converter)

    def api(self, name: str) -> Target:
        return self.network.hosts[name].address, PORTS["api"]

    def data_dir(self, name: str) -> Path:
        """Of one host, which no other knows."""
        return self.folder / "hosts" / name

    async def worker_is_well(self, name: str) -> None:
        """Wait until the worker of this host writes that it is."""
        await _until(lambda: health_problem(self.data_dir(name) / "health") is None)

    async def api_is_used(self, name: str) -> None:
        """Wait until the balancer uses the API process of this host."""
        await _until(lambda: self.api(name) in self.balancer.well)


async def _until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + START_TIMEOUT
    while not holds():
        if time.monotonic() > ends:
            raise TimeoutError("A process does not become well.")
        await asyncio.sleep(LOOK_EVERY)


@asynccontextmanager
async def running_hosts(plan: StormPlan, folder: Path) -> AsyncIterator[HostsStack]:
    """Everything is up when the block begins. Afterwards only the evidence in the folder is left."""
    async with AsyncExitStack() as opened:
        network = opened.enter_context(network_of([*APIS, *WORKERS, *OTHERS]))
        (folder / "logs").mkdir()
        address = {name: host.address for name, host in network.hosts.items()}
        url, _ = await opened.enter_async_context(
            postgresql(
                folder / "logs",
                port=PORTS["postgresql"],
                host=address["postgresql"],
                clients=network.clients,
                on=network.hosts["postgresql"].on,
            )
        )
        front, s3_key = (network.address, free_port()), secrets.token_hex(16)
        object_store = S3Inspection(_s3_server(address["s3"], s3_key))
        stack = HostsStack(
            folder=folder,
            network=network,
            front=front,
            photos=await opened.enter_async_context(photo_server.served(network.address)),
            database=RunDatabase(folder, url),
            object_store=object_store,
            balancer=Balancer([(address[name], PORTS["api"]) for name in APIS], plan.dice("balancer")),
            environment=_environment(plan, folder, network, front, url) | dict(object_store.settings),
        )
        await opened.enter_async_context(stack.balancer.balancing(front[1], host=front[0]))
        async with asyncio.timeout(START_TIMEOUT):
            await _start(opened, plan, stack, s3_key)
        yield stack


async def _start(opened: AsyncExitStack, plan: StormPlan, stack: HostsStack, s3_key: str) -> None:
    address = {name: host.address for name, host in stack.network.hosts.items()}
    for name, command, environment in _foundations(plan, stack, s3_key):
        member = _process(stack, name, Kind.SANDBOX, command, environment)
        await opened.enter_async_context(member.kept())
    await answers(f"http://{address['s3']}:{PORTS['s3']}/healthcheck")
    await answers(f"http://{address['vendor']}:{PORTS['vendor']}/_sandbox/health")
    environment = stack.environment | {"AIJOBS_DATA_DIR": str(stack.data_dir("worker1"))}
    stack.key = await prepared(environment, "database", "store", "temporal", on=stack.network.hosts["worker1"].on)
    for name, command in _ours():
        data_dir = stack.data_dir(name)
        data_dir.mkdir(parents=True)
        own = {
            "AIJOBS_DATA_DIR": str(data_dir),
            "AIJOBS_API__HOST": address[name],
            "AIJOBS_WORKER__HEALTH_FILE": str(data_dir / "health"),
        }
        kind = Kind.API if name in APIS else Kind.WORKER
        member = _process(stack, name, kind, (sys.executable, "-m", "cli.main", *command), stack.environment | own)
        stack.processes[name] = member
        await opened.enter_async_context(member.kept())
    for name in WORKERS:
        await stack.worker_is_well(name)
    for name in APIS:
        await stack.api_is_used(name)
    await answers(f"{stack.url}/readyz")


def _ours() -> Iterator[tuple[str, tuple[str, ...]]]:
    """The processes of ours: the host's name, and the command there."""
    for name in APIS:
        yield name, ("api",)
    for name, roles in WORKERS.items():
        yield name, ("worker", "--queues", roles)


def _foundations(
    plan: StormPlan, stack: HostsStack, s3_key: str
) -> Iterator[tuple[str, tuple[str, ...], Mapping[str, str]]]:
    """What the installation stands on, PostgreSQL aside: the host's name, the command, and its environment."""
    folder, hosts = stack.folder, stack.network.hosts
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    temporal = server_command(data_dir=folder / "temporal", port=PORTS["temporal"], ui_port=None, host=ANY_ADDRESS)
    yield "temporal", tuple(temporal), inherited
    key_file, objects = folder / "s3-key", folder / "objects"
    key_file.write_text(s3_key)
    objects.mkdir()
    s3 = {"S3_USER": S3_USER, "S3_KEY_FILE": str(key_file), "S3_DATA": str(objects), "S3_RUN": str(folder / "s3")}
    bound = {"S3_HOST": hosts["s3"].address, "S3_PORT": str(PORTS["s3"]), "S3_WORKERS": "0"}
    yield "s3", (sys.executable, str(ROOT / "deploy" / "s3" / "serve.py")), inherited | s3 | bound
    public, secret = f"http://{hosts['vendor'].address}", webhook_secret(plan.dice("webhook secret"))
    arguments = (str(PORTS["vendor"]), f"{public}:{PORTS['vendor']}", secret, str(folder / SANDBOX), ANY_ADDRESS)
    yield "vendor", (sys.executable, "-m", "chaos.stack.vendor", *arguments), inherited


def _process(
    stack: HostsStack, name: str, kind: Kind, command: tuple[str, ...], environment: Mapping[str, str]
) -> StackProcess:
    """A process on the host of this name, which counts as up as soon as it exists."""
    spec = ProcessSpec(
        name=name,
        command=tuple(stack.network.hosts[name].on(command)),
        environment=environment,
        log=stack.folder / "logs" / f"{name}.log",
    )
    return StackProcess(name, kind, lambda: running(spec, is_ready=at_once))


def _environment(plan: StormPlan, folder: Path, network: Network, front: Target, database: str) -> dict[str, str]:
    """The same for every process of ours, as an operator gives it to each host."""
    catalogue = folder / "catalogue.toml"
    catalogue.write_text(catalogue_of(plan), "utf-8")
    vendor = f"{network.hosts['vendor'].address}:{PORTS['vendor']}"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)  # every start would compile everything anew
    return {
        **inherited,
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
        "TEMPORAL_ADDRESS": f"{network.hosts['temporal'].address}:{PORTS['temporal']}",
        "AIJOBS_DATABASE_URL": database,
        "AIJOBS_SECRET": secrets.token_hex(),
        "AIJOBS_PUBLIC_URL": f"http://{front[0]}:{front[1]}",
        "AIJOBS_CATALOGUE": str(catalogue),
        "AIJOBS_API__PORT": str(PORTS["api"]),
        "AIJOBS_API__SHUTDOWN_NOTICE": f"{NOTICE_SECONDS}s",
        "AIJOBS_API__TRUSTED_PROXIES": f"{front[0]}/32",
        "AIJOBS_POINTS__DAILY_LIMIT": str(plan.daily_limit),
        "AIJOBS_WORKER__REPAIR_EVERY": "2s",
        "AIJOBS_WORKER__ABANDONED_AFTER": "30s",
        "AIJOBS_WORKER__SHUTDOWN_PATIENCE": "8s",
        "AIJOBS_DOWNLOAD__ALLOW_HOSTS": vendor,
        "AIJOBS_DOWNLOAD__MAX_BYTES": str(LARGEST_OUTPUT),
        "AIJOBS_REPLICATE__TOKEN": "r8_chaos",
        "AIJOBS_REPLICATE__BASE_URL": f"http://{vendor}",
        "AIJOBS_REPLICATE__WEBHOOK_SECRET": webhook_secret(plan.dice("webhook secret")),
    }


def _s3_server(host: str, key: str) -> "SwiftServer":
    from tests.adapters.storage.swift_server import SwiftServer

    endpoint = f"http://{host}:{PORTS['s3']}"
    return SwiftServer(endpoint, endpoint, Path(), bucket=BUCKET, access_key=S3_USER, secret_key=key)
