"""A real installation on free ports: Temporal and the API, optionally worker and vendor, each in its own process."""

import base64
import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aijobs.bootstrap import open_database
from aijobs.persistence.access.keys import KeyKind, create_key
from bench.rig.processes import started
from bench.rig.workspace import POINTS_ENOUGH, settings_in
from cli.api_client import ApiClient, opened_api_client
from cli.embedded.ports import HOST, free_ports
from cli.embedded.temporal_server import TemporalServer, temporal_server

END_USER: Final = "bench"
VENDOR_KEY: Final = "bench"  #: the vendor accepts any


@dataclass(frozen=True)
class BenchInstallation:
    """Ports, folder and secrets; the settings of the API and the worker are derived from it."""

    folder: Path
    temporal: TemporalServer
    api_port: int
    vendor_port: int
    secret: str
    webhook_secret: str

    @property
    def api_url(self) -> str:
        return f"http://{HOST}:{self.api_port}"

    @property
    def vendor_url(self) -> str:
        return f"http://{HOST}:{self.vendor_port}"

    @property
    def settings(self) -> dict[str, str]:
        return {
            "TEMPORAL_ADDRESS": self.temporal.address,
            "AIJOBS_DATA_DIR": str(self.folder),
            "AIJOBS_SECRET": self.secret,
            "AIJOBS_API__PORT": str(self.api_port),
            "AIJOBS_POINTS__DAILY_LIMIT": str(POINTS_ENOUGH),
            "AIJOBS_REPLICATE__TOKEN": VENDOR_KEY,
            "AIJOBS_REPLICATE__BASE_URL": self.vendor_url,
            "AIJOBS_REPLICATE__WEBHOOK_SECRET": self.webhook_secret,
            "AIJOBS_DOWNLOAD__ALLOW_HOSTS": f"{HOST}:{self.vendor_port}",
        }


async def installed(stack: AsyncExitStack, folder: Path) -> BenchInstallation:
    """An installation with only Temporal running."""
    api_port, vendor_port = free_ports(2)
    return BenchInstallation(
        folder=folder,
        temporal=await stack.enter_async_context(temporal_server(data_dir=folder)),
        api_port=api_port,
        vendor_port=vendor_port,
        secret=secrets.token_urlsafe(32),
        webhook_secret="whsec_" + base64.b64encode(secrets.token_bytes(24)).decode(),
    )


async def started_api(
    stack: AsyncExitStack, installation: BenchInstallation, changes: Mapping[str, str] | None = None
) -> ApiClient:
    """Start the API. Returns a client with a service key."""
    settings = installation.settings | dict(changes or {})
    await started(stack, "cli.main", "api", folder=installation.folder, port=installation.api_port, settings=settings)
    async with open_database(settings_in(installation.folder)) as database:
        key = await create_key(database, installation.secret.encode(), kind=KeyKind.SERVICE, name="bench")
    return await stack.enter_async_context(opened_api_client(url=installation.api_url, key=key, user=END_USER))
