"""A whole installation in child processes, all data in one folder."""

import base64
import fcntl
import hashlib
import hmac
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from aijobs.bootstrap import known_revision, prepare_database
from aijobs.domain.vendor import SandboxAccess
from aijobs.persistence.access.secret import data_secret
from aijobs.persistence.database import LATEST_REVISION
from aijobs.persistence.private_files import keep_private, make_private_file, make_private_folder
from aijobs.providers.registry import PROVIDERS
from aijobs.settings import VENDORS, Settings, is_sqlite, variable
from cli.embedded import services
from cli.embedded.ports import require_free
from cli.embedded.services import LOGS, ServicePlan
from cli.embedded.supervision import Service, kept_running
from cli.embedded.temporal_client import connected_temporal
from cli.errors import CommandError
from cli.options import KEY_FILE, SANDBOX_FILE, TEMPORAL_FILE, URL_FILE
from workflows.namespace.health import missing_attributes

LOCK_FILE: Final = "lock"
SANDBOX_KEY: Final = "r8_sandbox"  #: for the sandbox only, which accepts any key


class InstallationListener(Protocol):
    """Is called when the database was brought up to date, and when a service has started or failed."""

    def upgraded(self, line: str) -> None: ...

    def started(self, service: Service) -> None: ...

    def problem(self, line: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Installation:
    """A running installation. `own_temporal`: it has started Temporal itself."""

    plan: ServicePlan
    settings: Settings
    own_temporal: bool
    simulated: bool

    @property
    def key_file(self) -> Path:
        return self.settings.data_dir / KEY_FILE

    @property
    def logs(self) -> Path:
        return self.settings.data_dir / LOGS


@asynccontextmanager
async def running_installation(plan: ServicePlan, listener: InstallationListener) -> AsyncIterator[Installation]:
    """Everything is ready when the block begins, and is stopped in reverse order at its end.

    Changes the environment of this process: what it starts inherits its settings.
    Raises SettingsError, or CommandError with the reason why something does not start.
    """
    own_temporal = "TEMPORAL_ADDRESS" not in os.environ
    with data_dir_lock(plan.data_dir):
        simulated = _configure(plan)
        if own_temporal:
            os.environ.setdefault("AIJOBS_API__TEMPORAL_UI", plan.ui_url)
        settings = Settings.load()
        settings.load_catalogue()
        _check_ports(plan, own_temporal=own_temporal, simulated=simulated)
        if not own_temporal:
            await _check_foreign_temporal()
        await _upgrade(settings, listener)
        async with AsyncExitStack() as running:
            for services_of_wave in _waves(plan, settings, own_temporal=own_temporal, simulated=simulated):
                supervisors = [
                    await running.enter_async_context(kept_running(service, report=listener.problem))
                    for service in services_of_wave
                ]
                for supervisor in supervisors:
                    await supervisor.ready()
                    listener.started(supervisor.service)
            running.enter_context(_address_files(plan, simulated=simulated))
            yield Installation(plan=plan, settings=settings, own_temporal=own_temporal, simulated=simulated)


def _waves(plan: ServicePlan, settings: Settings, *, own_temporal: bool, simulated: bool) -> Iterator[list[Service]]:
    """The services in the order of their start: each list starts together, when the one before is ready.

    The sandbox runs only while the API does: it fetches inputs from the API, right after its start for kept work.
    """
    if own_temporal:
        yield [services.temporal(plan)]
    yield [services.worker(plan, shutdown_timeout=settings.worker.shutdown_patience), services.api(plan)]
    if simulated:
        yield [services.sandbox(plan)]


def _configure(plan: ServicePlan) -> bool:
    """Write the plan to the environment. Returns whether the sandbox replaces the providers, because none has a key."""
    os.environ["AIJOBS_DATA_DIR"] = str(plan.data_dir)
    os.environ["AIJOBS_API__PORT"] = str(plan.api_port)
    os.environ["AIJOBS_ONE_HOST"] = "true"
    os.environ.setdefault("TEMPORAL_ADDRESS", plan.temporal_address)
    settings = Settings.load()
    settings.load_secret()
    if any(map(settings.has_key, PROVIDERS)):
        return False
    access = SandboxAccess(
        url=f"http://{plan.sandbox_host}", token=SANDBOX_KEY, webhook_secret=_webhook_secret(plan.data_dir)
    )
    os.environ["AIJOBS_SANDBOX_URL"] = access.url
    for name in VENDORS:
        if not settings.has_key(name):
            os.environ |= {variable(name, field): value for field, value in VENDORS[name].stand_in(access).items()}
    os.environ["AIJOBS_DOWNLOAD__ALLOW_HOSTS"] = ",".join((*settings.download.allow_hosts, plan.sandbox_host))
    os.environ.setdefault("AIJOBS_PUBLIC_URL", plan.api_url)
    return True


async def _upgrade(settings: Settings, listener: InstallationListener) -> None:
    """Bring a file of an older version up to date before anything opens it, and say where its copy is."""
    if is_sqlite(settings.database) and await known_revision(settings) not in {None, LATEST_REVISION}:
        async for line in prepare_database(settings):
            listener.upgraded(line)


def _webhook_secret(data_dir: Path) -> str:
    """The same at every start, so that webhooks signed before a restart stay valid."""
    derived = hmac.digest(data_secret(data_dir), b"sandbox webhooks", hashlib.sha256)
    return f"whsec_{base64.b64encode(derived).decode()}"


def _check_ports(plan: ServicePlan, *, own_temporal: bool, simulated: bool) -> None:
    require_free(plan.api_port, "--api-port")
    if own_temporal:
        require_free(plan.temporal_port, "--temporal-port")
        require_free(plan.ui_port, "--ui-port")
    if simulated:
        require_free(plan.sandbox_port, "--sandbox-port")


async def _check_foreign_temporal() -> None:
    """Raises CommandError when the Temporal in the environment cannot be reached, or lacks search attributes."""
    client = await connected_temporal()
    if missing := await missing_attributes(client):
        raise CommandError(
            f"Temporal at {client.service_client.config.target_host} lacks search attributes: "
            f"{', '.join(sorted(missing))}.",
            hint="`aijobs doctor` shows the commands that add them.",
        )


@contextmanager
def data_dir_lock(data_dir: Path) -> Iterator[None]:
    """Raises CommandError while another installation runs in this folder. A killed one leaves no lock behind."""
    try:
        make_private_folder(data_dir)
        keep_private(data_dir)
        make_private_file(data_dir / LOCK_FILE)
        lock = (data_dir / LOCK_FILE).open("a")
    except OSError as error:
        raise CommandError(f"{data_dir} cannot be written: {error.strerror}.", hint="See --data-dir.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as locked:
            raise CommandError(
                f"Another aijobs runs in {data_dir}.", hint="Stop it first, or give this one its own --data-dir."
            ) from locked
        yield


@contextmanager
def _address_files(plan: ServicePlan, *, simulated: bool) -> Iterator[None]:
    """Write where the API, Temporal and the sandbox are for other commands with this data directory."""
    addresses = {plan.data_dir / URL_FILE: plan.api_url, plan.data_dir / TEMPORAL_FILE: os.environ["TEMPORAL_ADDRESS"]}
    if simulated:
        addresses[plan.data_dir / SANDBOX_FILE] = f"http://{plan.sandbox_host}"
    for path, address in addresses.items():
        make_private_file(path)
        path.write_text(f"{address}\n", "utf-8")
    try:
        yield
    finally:
        for path in addresses:
            path.unlink(missing_ok=True)
