"""Conversations are kept while they are needed, and not a moment longer."""

import pytest

from aijobs.domain.errors import JobIsFinal
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.llm import Completion, ConversationPlan, FinishReason, Prompt, Role
from aijobs.persistence.database import Database
from aijobs.persistence.documents.conversations import MAX_UNUSABLE_LENGTH, DatabaseConversations, messages_of
from aijobs.persistence.jobs.event_log import events_after
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.repositories import DatabaseRecords
from tests.persistence.conftest import AcceptJob

SCRIPT = ConversationPlan(
    instruction="Be exact.",
    prompts=(Prompt(text="one", file="file"), Prompt(text="two")),
    template_id="contract",
    template_version=3,
)
CANCELED = JobError(code="canceled", message="enough", stage=Stage.PROCESSING)


def completion(text: str = "answer", finish: FinishReason = FinishReason.STOP) -> Completion:
    return Completion(text=text, finish=finish, model="m", tokens_in=10, tokens_out=5, cost=0.25, seconds=1.5)


@pytest.fixture
async def code(accept_job: AcceptJob) -> str:
    return await accept_job()


@pytest.fixture
def conversations(database: Database) -> DatabaseConversations:
    return DatabaseConversations(database)


async def stored_messages(conversations: DatabaseConversations, code: str) -> list[tuple[int, Role, str]]:
    conversation = await conversations.conversation(code)
    assert conversation is not None
    return [(line.stage, line.role, line.text) for line in conversation.lines]


async def test_a_script_is_kept_once(code: str, conversations: DatabaseConversations) -> None:
    await conversations.begin(code, SCRIPT)
    await conversations.begin(
        code, ConversationPlan(instruction="", prompts=(), template_id="other", template_version=1)
    )

    conversation = await conversations.conversation(code)
    assert conversation is not None
    assert (conversation.stages, conversation.template_id, conversation.template_version) == (2, "contract", 3)
    assert await stored_messages(conversations, code) == [
        (0, Role.SYSTEM, "Be exact."),
        (1, Role.USER, "one"),
        (2, Role.USER, "two"),
    ]


async def test_each_stage_hears_what_came_before(code: str, conversations: DatabaseConversations) -> None:
    await conversations.begin(code, SCRIPT)
    await conversations.answered(code, 1, completion("first"))
    await conversations.answered(code, 2, completion("second"))

    conversation = await conversations.conversation(code)
    assert conversation is not None
    assert [line.text for line in conversation.up_to(1)] == ["Be exact.", "one"]
    assert [line.text for line in conversation.up_to(2)] == ["Be exact.", "one", "first", "two"]
    assert conversation.up_to(1)[1].file == "file"


async def test_the_first_answer_counts(code: str, conversations: DatabaseConversations) -> None:
    await conversations.begin(code, SCRIPT)
    await conversations.answered(code, 1, completion("first"))
    await conversations.answered(code, 1, completion("again"))

    conversation = await conversations.conversation(code)
    assert conversation is not None
    answer = conversation.answer_to(1)
    assert answer is not None
    assert (answer.text, answer.finish) == ("first", FinishReason.STOP)


async def test_lost_answers_are_counted_for_each_stage(code: str, conversations: DatabaseConversations) -> None:
    await conversations.begin(code, SCRIPT)

    counts = [await conversations.count_lost(code, stage, most=3) for stage in (1, 1, 2)]

    assert counts == [1, 2, 1]


async def test_what_is_answered_or_never_was_asked_is_not_lost(
    code: str, database: Database, conversations: DatabaseConversations
) -> None:
    await conversations.begin(code, SCRIPT)
    for stage in (1, 1, 2, 2):
        await conversations.count_lost(code, stage, most=3)

    await conversations.answered(code, 1, completion())
    await conversations.answered(code, 1, completion("again"))
    for _ in range(3):
        await conversations.not_lost(code, 2)

    messages = await database.read(messages_of, code)
    assert {message.stage: message.lost for message in messages if message.role == "user"} == {1: 1, 2: 0}


async def test_no_more_than_the_most_is_counted(code: str, conversations: DatabaseConversations) -> None:
    await conversations.begin(code, SCRIPT)

    counts = [await conversations.count_lost(code, 1, most=3) for _ in range(5)]
    await conversations.not_lost(code, 1)

    assert counts == [1, 2, 3, 4, 4]
    assert await conversations.count_lost(code, 1, most=3) == 3


async def test_clearing_erases_the_words_and_keeps_the_cost(
    code: str, database: Database, records: DatabaseRecords, conversations: DatabaseConversations
) -> None:
    await conversations.begin(code, SCRIPT)
    await conversations.answered(code, 1, completion())

    await records.conversations.clear(code)
    await records.conversations.clear(code)

    messages = await database.read(messages_of, code)
    assert {(message.content, message.file) for message in messages} == {(None, None)}
    (answer,) = [message for message in messages if message.role == Role.ASSISTANT]
    assert (answer.tokens_in, answer.tokens_out, answer.cost) == (10, 5, 0.25)


async def test_nothing_can_be_said_after_that(
    code: str, records: DatabaseRecords, conversations: DatabaseConversations
) -> None:
    await conversations.begin(code, SCRIPT)
    await records.conversations.clear(code)

    for late in (
        conversations.answered(code, 1, completion()),
        conversations.ask(code, 3, Prompt(text="again")),
        conversations.count_lost(code, 1, most=3),
        conversations.not_lost(code, 1),
        conversations.conversation(code),
    ):
        with pytest.raises(JobIsFinal):
            await late


async def test_a_job_that_has_ended_hears_nothing(
    code: str, records: DatabaseRecords, conversations: DatabaseConversations
) -> None:
    await conversations.begin(code, SCRIPT)
    await records.gate.advance(code, JobStatus.CANCELED, error=CANCELED)

    for late in (
        conversations.begin(code, SCRIPT),
        conversations.answered(code, 1, completion()),
        conversations.note_unusable(code, "late"),
    ):
        with pytest.raises(JobIsFinal):
            await late


async def test_a_job_without_a_conversation_has_nothing_to_clear(
    code: str, records: DatabaseRecords, conversations: DatabaseConversations
) -> None:
    await records.conversations.clear(code)

    assert await conversations.conversation(code) is None


async def test_an_unusable_answer_is_kept_within_bounds(
    code: str, database: Database, conversations: DatabaseConversations
) -> None:
    await conversations.note_unusable(code, "x\0" * MAX_UNUSABLE_LENGTH)

    kept = (await database.read(job_of, code)).resp_json
    assert kept == {"unusable_answer": "x" * MAX_UNUSABLE_LENGTH}


async def test_a_stages_first_word_is_never_left_out(code: str, database: Database, records: DatabaseRecords) -> None:
    await records.gate.advance(code, JobStatus.PROCESSING)
    for stage, unit in ((1, 0.0), (1, 0.0), (1, 10.0), (2, 50.0), (2, 50.0), (2, 60.0), (2, 100.0), (1, 20.0)):
        await records.gate.progress(code, JobStatus.PROCESSING, unit, stage=(stage, 2))

    events = [event for event in await database.read(events_after, code, 0) if event.kind == "progress"]
    assert [(event.unit_progress, event.detail) for event in events] == [
        (0.0, {"stage": 1, "stages": 2}),
        (50.0, {"stage": 2, "stages": 2}),
        (100.0, {"stage": 2, "stages": 2}),
    ]
