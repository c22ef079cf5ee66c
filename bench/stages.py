"""The overhead of a stage: a document job compared with a loop of bare HTTP calls to the same endpoint."""

import json
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import httpx
from pydantic import SecretStr
from sqlmodel import Session
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from aijobs.adapters.chat import ChatSettings
from aijobs.bootstrap import Adapters
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.documents.templates import TemplateDefinition
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.values.ids import new_id
from aijobs.persistence.database import Database
from aijobs.persistence.documents.templates import save_template
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.jobs.queries import brief_of
from aijobs.persistence.tables import FileRow
from aijobs.settings import SHIPPED_CATALOGUE
from bench.report import Report, milliseconds, p50_p95, ratio
from bench.rig.scripted_provider import ScriptedProvider
from bench.rig.workspace import open_bench_adapters
from cli.embedded.temporal_server import temporal_server
from sandbox.clock import parse_stamp
from sandbox.config import Pace, SandboxConfig
from sandbox.server import RunningSandbox, running
from worker import build_workers, running_workers
from workflows.client import start_job

MODEL: Final = "document_extract_v1"
USER: Final = "bench"
STAGES: Final = 10
JOBS: Final = 10
ANSWER_SECONDS: Final = 0.2
DOCUMENT: Final = "合同编号：HT-1\n" + "第一条 甲方向乙方购买设备，乙方负责安装与调试。\n" * 200
PROMPT: Final = "\n".join(f"## 阶段 {number}\n第 {number} 步。" for number in range(1, STAGES + 1))


async def measure(*, quick: bool) -> Report:
    jobs = 2 if quick else JOBS
    pace = Pace(queue_seconds=0, work_seconds=ANSWER_SECONDS)
    async with running(SandboxConfig(port=0, pace=pace)) as model:
        ours, bare = await _in_turns(model, jobs)
    return _report(ours, bare, jobs)


async def _in_turns(model: RunningSandbox, jobs: int) -> tuple[list[float], list[float]]:
    """Alternates our jobs and bare ones, so that other load affects both."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = await stack.enter_async_context(temporal_server(data_dir=None))
        client = await Client.connect(server.address, data_converter=pydantic_data_converter)
        catalogue = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"))
        chat = ChatSettings(token=SecretStr("sk-bench"), base_url=f"{model.url}/openai/v1")
        adapters = await stack.enter_async_context(
            open_bench_adapters(folder, catalogue, ScriptedProvider(), chat=chat)
        )
        await stack.enter_async_context(running_workers(build_workers(client, adapters)))
        params = await _prepared(adapters.database, adapters.store)
        ours, bare = list[float](), list[float]()
        for number in range(jobs):
            ours += _intervals(model, await _one_job(client, adapters, params))
            bare += await _bare_stages(model, number)
        return ours, bare


async def _prepared(database: Database, store: ObjectStore) -> dict[str, str]:
    """Store a template and a document. Returns the parameters of a job."""
    columns = [{"name": "合同编号"}]
    definition = TemplateDefinition.model_validate({"name": "bench", "prompt": PROMPT, "columns": columns})

    async def chunks() -> Any:
        yield DOCUMENT.encode()

    code = new_id("file")
    stored = await store.put(f"files/{code}.txt", chunks(), media_type="text/plain")
    file = FileRow(
        code=code,
        user_id=USER,
        name="contract.txt",
        media_type="text/plain",
        size=stored.size,
        sha256=stored.sha256,
        key=stored.key,
        width=None,
        height=None,
    )

    def work(session: Session) -> None:
        save_template(session, "bench", definition, saved_by=USER)
        session.add(file)

    await database.write(work)
    return {"file": code, "template": "bench"}


async def _one_job(client: Client, adapters: Adapters, params: dict[str, str]) -> str:
    acceptance = Acceptance(
        user_id=USER,
        request=JobRequest(model_id=MODEL, params=params),
        model=adapters.catalogue.model(MODEL),
        params=params,
        created_by=USER,
        daily_limit=10**6,
    )
    brief = brief_of(await adapters.database.write(accept, acceptance), adapters.catalogue)
    await start_job(client, brief)
    await client.get_workflow_handle(brief.code).result()
    return brief.code


async def _bare_stages(model: RunningSandbox, number: int) -> list[float]:
    """The same prompts, as a script would send them: nothing is stored or reported."""
    name = f"bare-{number}"
    messages = [{"role": "user", "content": DOCUMENT}]
    async with httpx.AsyncClient(base_url=model.url, timeout=60, trust_env=False) as http:
        for stage in range(1, STAGES + 1):
            messages.append({"role": "user", "content": f"## 阶段 {stage}\n第 {stage} 步。"})
            messages.append({"role": "assistant", "content": await _bare_answer(http, messages, f"{name}/{stage}")})
    return _intervals(model, name)


async def _bare_answer(http: httpx.AsyncClient, messages: Sequence[dict[str, str]], reference: str) -> str:
    body = {"model": "m", "messages": messages, "stream": True}
    headers = {"Authorization": "Bearer sk-bench", "X-Client-Request-Id": reference}
    pieces: list[str] = []
    async with http.stream("POST", "/openai/v1/chat/completions", json=body, headers=headers) as response:
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                choice = json.loads(line.removeprefix("data: "))["choices"][0]
                pieces.append(choice["delta"].get("content") or "")
    return "".join(pieces)


def _intervals(model: RunningSandbox, name: str) -> list[float]:
    """Seconds from each call of a conversation to the next, as the endpoint saw them."""
    rows = [row for row in model.ledger() if (row.correlation or "").startswith(f"{name}/")]
    assert len(rows) == STAGES, f"{name} has asked {len(rows)} times"
    sent_times = [parse_stamp(row.created_at) / 1e9 for row in rows]
    return [later - earlier for earlier, later in pairwise(sent_times)]


def _report(ours: Sequence[float], bare: Sequence[float], jobs: int) -> Report:
    (our_median, our_p95), (bare_median, bare_p95) = p50_p95(ours), p50_p95(bare)
    return Report(
        title="stages: what a stage of a document costs beside the model",
        how=f"{jobs} documents, one after the other, {STAGES} stages each; answers stream for {ANSWER_SECONDS:g} s. "
        "From one call to the next, as the endpoint sees it. Bare asks in a loop, and keeps and shows nothing.",
        columns=("", "p50", "p95"),
        rows=[
            ("aijobs", milliseconds(our_median), milliseconds(our_p95)),
            ("bare httpx", milliseconds(bare_median), milliseconds(bare_p95)),
            ("aijobs − bare", milliseconds(our_median - bare_median), milliseconds(our_p95 - bare_p95)),
            ("aijobs / bare", ratio(our_median, bare_median), ratio(our_p95, bare_p95)),
        ],
        notes=[
            "A stage is an activity: it is scheduled, its answer is committed, and its progress is shown to browsers."
        ],
    )
