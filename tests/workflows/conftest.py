"""A worker in the test's own process, with collaborators that the test chooses."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlmodel import col, select
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter

from aijobs.adapters.download.downloader import SafeDownloader
from aijobs.adapters.storage.directory import DirectoryStore
from aijobs.adapters.storage.settings import DownloadSettings
from aijobs.adapters.storage.signed_links import LinkSigner
from aijobs.adapters.webhooks.sender import HttpWebhookSender
from aijobs.adapters.webhooks.settings import WebhookSettings
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.job import JobRequest, JobState
from aijobs.domain.ports.generators import Generator
from aijobs.domain.ports.providers import Provider
from aijobs.persistence.database import Database, opened_database
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.jobs.queries import brief_of
from aijobs.persistence.jobs.records import DatabaseRecords
from aijobs.persistence.tables import JobEventRow
from aijobs.persistence.webhooks.deliveries import DatabaseDeliveries
from aijobs.settings import SHIPPED_CATALOGUE, WorkerSettings
from cli.embedded.temporal_server import TemporalServer, temporal_server
from worker import Collaborators, build_workers, running_workers
from workflows.ai_job import AiJob
from workflows.client import start_job

LOCAL_MODEL = """
[models.local_v1]
model_code = "local"
model_name = "Local"
model = "local"
model_version = "1.0"
model_desc = "For tests"
platform = "Local"
channel = "local"
provider = "local"
asyn = true
type = "text"
unit_point = 1
max_output_count = 1
output_kind = "text"
unit_progress = ["PROCESSING"]
deadlines = { submit = "1h", queue = "30h", processing = "30h", migrate = "1h", business = "24h" }
poll = { first = "100ms", factor = 1, max = "100ms", jitter = 0 }
"""


@dataclass
class Workbench:
    """Jobs of `local_v1`, straight through the database and Temporal."""

    client: Client
    database: Database
    records: DatabaseRecords
    catalogue: Catalogue

    async def start(self, prompt: str = "hello") -> WorkflowHandle[AiJob, JobState]:
        model = self.catalogue.model("local_v1")
        request = JobRequest(model_id=model.model_id, params={"prompt": prompt})
        order = Acceptance(
            user_id="ada", request=request, model=model, params=request.params, created_by="test", daily_limit=10_000
        )
        async with self.database.write() as session:
            job = await accept(session, order)
        await start_job(self.client, brief_of(job, self.catalogue))
        return self.client.get_workflow_handle_for(AiJob.run, job.code)

    async def history(self, code: str) -> list[JobEventRow]:
        async with self.database.read() as session:
            found = await session.exec(
                select(JobEventRow).where(col(JobEventRow.job_code) == code).order_by(col(JobEventRow.seq))
            )
            return list(found)


@pytest.fixture(scope="session")
async def temporal() -> AsyncIterator[TemporalServer]:
    async with temporal_server(data_dir=None) as server:
        yield server


@pytest.fixture
async def temporal_client(temporal: TemporalServer) -> Client:
    return await Client.connect(temporal.address, data_converter=pydantic_data_converter)


@asynccontextmanager
async def running_workbench(
    client: Client,
    data_dir: Path,
    *,
    providers: Mapping[str, Provider] | None = None,
    generators: Mapping[str, Generator] | None = None,
    overlay: str = "",
    webhooks: WebhookSettings | None = None,
) -> AsyncIterator[Workbench]:
    catalogue = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"), LOCAL_MODEL, overlay)
    settings = webhooks or WebhookSettings()
    async with AsyncExitStack() as opened:
        database = await opened.enter_async_context(opened_database(f"sqlite:///{data_dir}/aijobs.db"))
        records = DatabaseRecords(database, catalogue)
        signer = LinkSigner(b"0" * 32, "http://127.0.0.1")
        them = Collaborators(
            records=records,
            catalogue=catalogue,
            providers=providers or {},
            generators=generators or {},
            store=await opened.enter_async_context(DirectoryStore.opened(data_dir / "store", signer)),
            downloader=await opened.enter_async_context(SafeDownloader(DownloadSettings())),
            deliveries=DatabaseDeliveries(database, disable_after=settings.disable_after),
            messenger=await opened.enter_async_context(HttpWebhookSender(settings, b"0" * 32)),
            patience=settings.patience,
        )
        await opened.enter_async_context(running_workers(build_workers(client, them, WorkerSettings())))
        yield Workbench(client, database, records, catalogue)
