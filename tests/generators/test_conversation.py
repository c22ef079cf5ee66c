"""Each prompt is sent a bounded number of times, also when the process ends during a call."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr

from aijobs.adapters.chat import ChatSettings, opened
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import AnswerLost, ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.llm import Attachment, Conversation, ConversationPlan, Prompt
from aijobs.domain.provider_io import Task, UploadedFile
from aijobs.generators.conversation import MAX_LOST, ConversationRunner
from aijobs.persistence.database import Database, opened_database
from aijobs.persistence.documents.conversations import DatabaseConversations, messages_of
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.settings import SHIPPED_CATALOGUE
from sandbox.server import RunningSandbox
from tests.generators.conftest import MODEL
from tests.providers.scripted_vendor import Behaviours, ScriptedVendor
from tests.providers.test_chat_answers import delta, sse

SCRIPT: Final = ConversationPlan(
    instruction="Be exact.",
    prompts=(Prompt(text="合同编号：HT-7"), Prompt(text="Again.")),
    template_id="contract",
    template_version=1,
)
STOPS: Final = 8
STREAM_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@dataclass
class ConversationRun:
    """One job whose plan has two prompts, and the runner that sends them."""

    asker: ConversationRunner
    task: Task
    database: Database
    sandbox: RunningSandbox

    def requested_stages(self) -> list[str]:
        """The stages that were requested from the model."""
        return [(row.correlation or "").rpartition("/")[2] for row in self.sandbox.ledger()]

    async def lost(self) -> list[int]:
        """The counts of lost answers, by stage."""
        messages = await self.database.read(messages_of, self.task.job_code)
        return [message.lost for message in messages if message.role == "user"]

    async def conversation(self) -> Conversation:
        return await self.asker.conversation(self.task)

    async def stop_within_the_call(self, stage: int) -> None:
        """Cancel the call once the prompt has arrived, as a stopping worker does."""
        before = len(self.requested_stages())
        asking = asyncio.create_task(self.asker.answer(self.task, stage))
        while len(self.requested_stages()) == before and not asking.done():
            await asyncio.sleep(0.01)
        asking.cancel()
        await asking


@pytest.fixture
async def run(model: RunningSandbox, tmp_path: Path) -> AsyncIterator[ConversationRun]:
    await model.reset()
    async with opened_run(f"{model.url}/openai/v1", tmp_path, model) as opened_one:
        yield opened_one


@asynccontextmanager
async def opened_run(base_url: str, tmp_path: Path, model: RunningSandbox) -> AsyncIterator[ConversationRun]:
    job_model = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8")).model(MODEL)
    settings = ChatSettings(token=SecretStr("sk-test"), base_url=base_url)
    request = JobRequest(model_id=MODEL, params={})
    order = Acceptance(
        user_id="ada", request=request, model=job_model, params={}, created_by="test", daily_limit=10_000
    )
    async with opened_database(f"sqlite:///{tmp_path}/aijobs.db") as database, opened(settings) as chat:
        code = (await database.write(accept, order)).code
        conversations = DatabaseConversations(database)
        await conversations.begin(code, SCRIPT)
        task = Task(job_code=code, model=job_model, params={}, output_count=1, token=code, webhook_url=None)
        yield ConversationRun(ConversationRunner(chat, conversations, _nothing_attached), task, database, model)


async def _nothing_attached(file: UploadedFile) -> Attachment:
    raise AssertionError(f"the script attaches nothing, and not {file.name}")


async def test_calls_that_are_cut_off_are_not_paid_for_without_end(run: ConversationRun) -> None:
    run.sandbox.misbehave("answer_seconds", arg="30", times=0)

    for _ in range(MAX_LOST):
        with pytest.raises(asyncio.CancelledError):
            await run.stop_within_the_call(1)
    for _ in range(STOPS - MAX_LOST):
        with pytest.raises(ProviderFailed, match="not asked again: 3 answers were lost"):
            await run.stop_within_the_call(1)

    assert run.requested_stages() == ["1"] * MAX_LOST
    assert await run.lost() == [MAX_LOST, 0]


async def test_a_call_that_is_cut_off_is_made_again(run: ConversationRun) -> None:
    run.sandbox.misbehave("answer_seconds", arg="30", times=MAX_LOST - 1)
    for _ in range(MAX_LOST - 1):
        with pytest.raises(asyncio.CancelledError):
            await run.stop_within_the_call(1)

    answer = await run.asker.answer(run.task, 1)

    assert "HT-7" in answer
    assert run.requested_stages() == ["1"] * MAX_LOST
    assert await run.lost() == [MAX_LOST - 1, 0]


async def test_stops_and_lost_answers_count_together(run: ConversationRun) -> None:
    run.sandbox.misbehave("answer_seconds", arg="30")
    with pytest.raises(asyncio.CancelledError):
        await run.stop_within_the_call(1)

    run.sandbox.misbehave("answer_breaks", times=0)
    with pytest.raises(AnswerLost):
        await run.asker.answer(run.task, 1)
    with pytest.raises(ProviderFailed, match=r"broke off.*not asked again"):
        await run.asker.answer(run.task, 1)

    assert run.requested_stages() == ["1"] * MAX_LOST


@pytest.mark.parametrize("fault", ["throttled", "server_error"])
async def test_what_was_surely_not_answered_is_not_lost(run: ConversationRun, fault: str) -> None:
    run.sandbox.misbehave(fault, on="chat", times=MAX_LOST + 1)
    for _ in range(MAX_LOST + 1):
        with pytest.raises(ProviderUnavailable) as unavailable:
            await run.asker.answer(run.task, 1)
        assert not isinstance(unavailable.value, AnswerLost)
    assert await run.lost() == [0, 0]

    await run.asker.answer(run.task, 1)

    assert run.requested_stages() == ["1"]


async def test_an_answer_is_asked_for_once_and_each_stage_counts_for_itself(run: ConversationRun) -> None:
    first = await run.asker.answer(run.task, 1)

    assert await run.asker.answer(run.task, 1) == first
    await run.asker.answer(run.task, 2)
    assert run.requested_stages() == ["1", "2"]
    assert await run.lost() == [0, 0]
    assert (await run.conversation()).answer_to(2) is not None


async def test_only_answers_are_kept_and_sent_back(model: RunningSandbox, tmp_path: Path) -> None:
    """No answer, thoughts alone, and an answer with thoughts: the next stage hears what was answered."""
    bodies = [
        sse("[DONE]"),
        sse(delta("<think>only a thought</think>\n", "stop"), "[DONE]"),
        sse(delta("<think>a thought</think>\nI found HT-7", "stop"), "[DONE]"),
        sse(delta("Yes.", "stop"), "[DONE]"),
    ]
    vendor = ScriptedVendor(tuple(Behaviours.says(STREAM_HEAD + body) for body in bodies))
    listening = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with listening, opened_run(url, tmp_path, model) as run:
        for _ in range(2):
            with pytest.raises(AnswerLost, match="no answer"):
                await run.asker.answer(run.task, 1)
        await run.asker.answer(run.task, 1)
        await run.asker.answer(run.task, 2)
        kept = (await run.conversation()).answer_to(1)

    said = [message["content"] for message in vendor.received[-1].document["messages"]]
    assert said == ["Be exact.", "合同编号：HT-7", "I found HT-7", "Again."]
    assert kept is not None
    assert kept.text == "I found HT-7"
    assert vendor.connections == 4
