"""Adapters whose generator uses the sandbox's model, with documents in a real store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr
from sqlmodel import Session, col, select
from temporalio.client import Client, WorkflowHandle

from aijobs.adapters.chat import ChatSettings
from aijobs.domain.documents.templates import TemplateDefinition
from aijobs.domain.jobs.job import JobRequest, JobState
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.values.ids import new_id
from aijobs.persistence.documents.conversations import messages_of
from aijobs.persistence.documents.templates import save_template
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.jobs.queries import brief_of
from aijobs.persistence.tables import FileRow, JobRow, MessageRow
from cli.embedded.temporal_server import TemporalServer, temporal_server
from sandbox.config import Pace, SandboxConfig
from sandbox.server import RunningSandbox, running
from tests.workflows.conftest import Workbench, running_workbench
from workflows.ai_job import AiJob
from workflows.client import start_job
from workflows.data_converter import DATA_CONVERTER

MODEL: Final = "document_extract_v1"
PROMPT: Final = "## 阶段 1\n读合同。\n## 阶段 2\n核对。\n## 阶段 3\n输出 JSON。"
COLUMNS: Final = [
    {"name": "合同编号", "required": True},
    {"name": "签订日期", "type": "date"},
    {"name": "合同金额", "type": "number", "maximum": 1000},
]
CONTRACT: Final = "合同编号：HT-7\n签订日期：2026年3月17日\n合同金额：人民币 1,250.50 元\n"
THE_ROW: Final = {"合同编号": "HT-7", "签订日期": "2026-03-17", "合同金额": 1250.5}


@dataclass
class DocumentJobs:
    """Document jobs of the template `contract`, with three stages."""

    bench: Workbench
    sandbox: RunningSandbox

    @property
    def store(self) -> ObjectStore:
        return self.bench.adapters.store

    async def start(
        self, content: bytes = CONTRACT.encode(), *, name: str = "contract.txt", template: str = "contract"
    ) -> Any:
        """The handle of a new job's workflow."""
        file = await self._upload(content, name)
        model = self.bench.catalogue.model(MODEL)
        params = {"file": file, "template": template}
        order = Acceptance(
            user_id="ada",
            request=JobRequest(model_id=MODEL, params=params),
            model=model,
            params=params,
            created_by="test",
            daily_limit=10_000,
        )
        job = await self.bench.database.write(accept, order)
        await start_job(self.bench.client, brief_of(job, self.bench.catalogue))
        handle: WorkflowHandle[AiJob, JobState] = self.bench.client.get_workflow_handle_for(AiJob.run, job.code)
        return handle

    async def _upload(self, content: bytes, name: str) -> str:
        async def chunks() -> AsyncIterator[bytes]:
            yield content

        code, media_type = new_id("file"), "application/pdf" if name.endswith(".pdf") else "text/plain"
        stored = await self.store.put(f"files/{code}", chunks(), media_type=media_type)
        row = FileRow(
            code=code,
            user_id="ada",
            name=name,
            media_type=media_type,
            size=stored.size,
            sha256=stored.sha256,
            key=stored.key,
            width=None,
            height=None,
        )

        def work(session: Session) -> None:
            session.add(row)

        await self.bench.database.write(work)
        return code

    async def messages(self, code: str) -> list[MessageRow]:
        return await self.bench.database.read(messages_of, code)

    async def row(self, code: str) -> JobRow:
        def work(session: Session) -> JobRow:
            return session.exec(select(JobRow).where(col(JobRow.code) == code)).one()

        return await self.bench.database.read(work)

    async def calls(self, code: str) -> list[str]:
        """The stages that were charged, in order."""
        rows = [row for row in self.sandbox.ledger() if (row.correlation or "").startswith(code)]
        return [(row.correlation or "").rpartition("/")[2] for row in rows]


@pytest.fixture(scope="session")
async def temporal() -> AsyncIterator[TemporalServer]:
    async with temporal_server(data_dir=None) as server:
        yield server


@pytest.fixture(scope="session")
async def model() -> AsyncIterator[RunningSandbox]:
    async with running(SandboxConfig(port=0, pace=Pace(queue_seconds=0, work_seconds=0.2))) as sandbox:
        yield sandbox


@asynccontextmanager
async def opened_study(
    temporal: TemporalServer, model: RunningSandbox, folder: Path, *, overlay: str = "", **chat: Any
) -> AsyncIterator[DocumentJobs]:
    settings = ChatSettings(
        token=SecretStr("sk-test"),
        base_url=f"{model.url}/openai/v1",
        silence=timedelta(seconds=1),
        **chat,
    )
    client = await Client.connect(temporal.address, data_converter=DATA_CONVERTER)
    async with running_workbench(client, folder, overlay=overlay, chat=settings) as bench:

        def work(session: Session) -> None:
            definition = TemplateDefinition.model_validate({"name": "合同", "prompt": PROMPT, "columns": COLUMNS})
            save_template(session, "contract", definition, saved_by="test")
            paper = TemplateDefinition.model_validate(
                {"name": "Paper", "prompt": "Read.", "columns": [{"name": "Contract No"}]}
            )
            save_template(session, "paper", paper, saved_by="test")

        await bench.database.write(work)
        yield DocumentJobs(bench, model)


@pytest.fixture
async def study(temporal: TemporalServer, model: RunningSandbox, tmp_path: Path) -> AsyncIterator[DocumentJobs]:
    await model.reset()
    async with opened_study(temporal, model, tmp_path) as opened:
        yield opened
