"""What is asked leaves a bounded number of times, whatever becomes of the process that asks."""

import asyncio
from collections.abc import AsyncIterator
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

SCRIPT: Final = ConversationPlan(
    instruction="Be exact.",
    prompts=(Prompt(text="合同编号：HT-7"), Prompt(text="Again.")),
    template_id="contract",
    template_version=1,
)
STOPS: Final = 8


@dataclass
class ConversationDesk:
    """One job whose script has two questions, and somebody who asks them."""

    asker: ConversationRunner
    task: Task
    database: Database
    sandbox: RunningSandbox

    def asked(self) -> list[str]:
        """Which stages the model was asked."""
        return [(row.correlation or "").rpartition("/")[2] for row in self.sandbox.ledger()]

    async def lost(self) -> list[int]:
        """What is counted, for each stage."""
        async with self.database.read() as session:
            messages = await messages_of(session, self.task.job_code)
        return [message.lost for message in messages if message.role == "user"]

    async def conversation(self) -> Conversation:
        return await self.asker.conversation(self.task)

    async def stop_within_the_call(self, stage: int) -> None:
        """As a worker that stops does it: the call is cut off once the question has arrived."""
        before = len(self.asked())
        asking = asyncio.create_task(self.asker.answer(self.task, stage))
        while len(self.asked()) == before and not asking.done():
            await asyncio.sleep(0.01)
        asking.cancel()
        await asking


@pytest.fixture
async def desk(model: RunningSandbox, tmp_path: Path) -> AsyncIterator[ConversationDesk]:
    await model.reset()
    job_model = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8")).model(MODEL)
    settings = ChatSettings(token=SecretStr("sk-test"), base_url=f"{model.url}/openai/v1")
    request = JobRequest(model_id=MODEL, params={})
    order = Acceptance(
        user_id="ada", request=request, model=job_model, params={}, created_by="test", daily_limit=10_000
    )
    async with opened_database(f"sqlite:///{tmp_path}/aijobs.db") as database, opened(settings) as chat:
        async with database.write() as session:
            code = (await accept(session, order)).code
        conversations = DatabaseConversations(database)
        await conversations.begin(code, SCRIPT)
        task = Task(job_code=code, model=job_model, params={}, output_count=1, token=code, webhook_url=None)
        yield ConversationDesk(ConversationRunner(chat, conversations, _nothing_attached), task, database, model)


async def _nothing_attached(file: UploadedFile) -> Attachment:
    raise AssertionError(f"the script attaches nothing, and not {file.name}")


async def test_calls_that_are_cut_off_are_not_paid_for_without_end(desk: ConversationDesk) -> None:
    desk.sandbox.misbehave("answer_seconds", arg="30", times=0)

    for _ in range(MAX_LOST):
        with pytest.raises(asyncio.CancelledError):
            await desk.stop_within_the_call(1)
    for _ in range(STOPS - MAX_LOST):
        with pytest.raises(ProviderFailed, match="not asked again: 3 answers were lost"):
            await desk.stop_within_the_call(1)

    assert desk.asked() == ["1"] * MAX_LOST
    assert await desk.lost() == [MAX_LOST, 0]


async def test_a_call_that_is_cut_off_is_made_again(desk: ConversationDesk) -> None:
    desk.sandbox.misbehave("answer_seconds", arg="30", times=MAX_LOST - 1)
    for _ in range(MAX_LOST - 1):
        with pytest.raises(asyncio.CancelledError):
            await desk.stop_within_the_call(1)

    answer = await desk.asker.answer(desk.task, 1)

    assert "HT-7" in answer
    assert desk.asked() == ["1"] * MAX_LOST
    assert await desk.lost() == [MAX_LOST - 1, 0]


async def test_stops_and_lost_answers_count_together(desk: ConversationDesk) -> None:
    desk.sandbox.misbehave("answer_seconds", arg="30")
    with pytest.raises(asyncio.CancelledError):
        await desk.stop_within_the_call(1)

    desk.sandbox.misbehave("answer_breaks", times=0)
    with pytest.raises(AnswerLost):
        await desk.asker.answer(desk.task, 1)
    with pytest.raises(ProviderFailed, match=r"broke off.*not asked again"):
        await desk.asker.answer(desk.task, 1)

    assert desk.asked() == ["1"] * MAX_LOST


@pytest.mark.parametrize("fault", ["throttled", "server_error"])
async def test_what_was_surely_not_answered_is_not_lost(desk: ConversationDesk, fault: str) -> None:
    desk.sandbox.misbehave(fault, on="chat", times=MAX_LOST + 1)
    for _ in range(MAX_LOST + 1):
        with pytest.raises(ProviderUnavailable) as unavailable:
            await desk.asker.answer(desk.task, 1)
        assert not isinstance(unavailable.value, AnswerLost)
    assert await desk.lost() == [0, 0]

    await desk.asker.answer(desk.task, 1)

    assert desk.asked() == ["1"]


async def test_an_answer_is_asked_for_once_and_each_stage_counts_for_itself(desk: ConversationDesk) -> None:
    first = await desk.asker.answer(desk.task, 1)

    assert await desk.asker.answer(desk.task, 1) == first
    await desk.asker.answer(desk.task, 2)
    assert desk.asked() == ["1", "2"]
    assert await desk.lost() == [0, 0]
    assert (await desk.conversation()).answer_to(2) is not None
