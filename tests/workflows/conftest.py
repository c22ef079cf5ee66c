"""A worker in the test's own process, with adapters that the test chooses."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlmodel import Session, col, select
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from aijobs.bootstrap import Adapters, open_adapters
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.job import JobRequest, JobState
from aijobs.domain.ports.generators import Generator
from aijobs.domain.ports.providers import Provider
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.jobs.queries import brief_of
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.tables import JobEventRow, JobRow
from aijobs.settings import SHIPPED_CATALOGUE, GivenSettings
from cli.embedded.temporal_server import TemporalServer, temporal_server
from tests.databases import database_url
from worker import build_workers, running_workers
from workflows.ai_job import AiJob
from workflows.client import start_job
from workflows.data_converter import DATA_CONVERTER
from workflows.outbox_relay import slot_relay

SECRET: Final = "a secret only for these tests"

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
    """Starts jobs of `local_v1` directly in the database and Temporal."""

    client: Client
    adapters: Adapters

    @property
    def database(self) -> Database:
        return self.adapters.database

    @property
    def records(self) -> DatabaseRecords:
        return self.adapters.records

    @property
    def catalogue(self) -> Catalogue:
        return self.adapters.catalogue

    async def draft(self, prompt: str = "hello", *, user: str = "ada") -> JobRow:
        """A job that is accepted, and no workflow of it is started."""
        model = self.catalogue.model("local_v1")
        request = JobRequest(model_id=model.model_id, params={"prompt": prompt})
        order = Acceptance(
            user_id=user, request=request, model=model, params=request.params, created_by="test", daily_limit=10_000
        )
        return await self.database.write(accept, order)

    async def start(
        self, prompt: str = "hello", *, accepted: timedelta = timedelta(0), user: str = "ada"
    ) -> WorkflowHandle[AiJob, JobState]:
        """`accepted`: so long ago, as the workflow is told."""
        brief = brief_of(await self.draft(prompt, user=user), self.catalogue)
        await start_job(self.client, brief.model_copy(update={"accepted_at": brief.accepted_at - accepted}))
        return self.client.get_workflow_handle_for(AiJob.run, brief.code)

    async def history(self, code: str) -> list[JobEventRow]:
        def work(session: Session) -> list[JobEventRow]:
            found = session.exec(
                select(JobEventRow).where(col(JobEventRow.job_code) == code).order_by(col(JobEventRow.seq))
            )
            return list(found)

        return await self.database.read(work)


@pytest.fixture(scope="session")
async def temporal() -> AsyncIterator[TemporalServer]:
    async with temporal_server(data_dir=None) as server:
        yield server


@pytest.fixture
async def temporal_client(database_kind: str, temporal: TemporalServer) -> AsyncIterator[Client]:
    """What a test leaves running is ended: the next one's worker would carry it on, and ask its provider."""
    client = await Client.connect(temporal.address, data_converter=DATA_CONVERTER)
    yield client
    async for left in client.list_workflows('ExecutionStatus = "Running"'):
        with suppress(RPCError):  # it has just ended
            await client.get_workflow_handle(left.id).terminate(reason="its test is over")


@asynccontextmanager
async def running_workbench(
    client: Client,
    data_dir: Path,
    *,
    providers: Mapping[str, Provider] | None = None,
    generators: Mapping[str, Generator] | None = None,
    overlay: str = "",
    **sections: Any,
) -> AsyncIterator[Workbench]:
    """`sections` are sections of the settings; without providers and generators, those that the settings switch on."""
    catalogue = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"), LOCAL_MODEL, overlay)
    settings = GivenSettings(data_dir=data_dir, secret=SECRET, database_url=database_url(data_dir), **sections)
    async with (
        open_adapters(settings, catalogue=catalogue, providers=providers, generators=generators) as adapters,
        running_workers(build_workers(client, adapters)),
        slot_relay(client, adapters.records.slot_grants),
    ):
        yield Workbench(client, adapters)
