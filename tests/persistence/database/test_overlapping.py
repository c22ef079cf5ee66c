"""What several do at once, where SQLite would let one after the other: counts hold, and nothing is lost."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Final

from sqlmodel import Session, col, select

from aijobs.domain.documents.templates import TemplateDefinition
from aijobs.domain.errors import JobIsFinal, TooManyEndpoints
from aijobs.domain.llm import ConversationPlan, Prompt
from aijobs.persistence.database import Database
from aijobs.persistence.documents.conversations import DatabaseConversations
from aijobs.persistence.documents.templates import save_template
from aijobs.persistence.jobs import gate
from aijobs.persistence.tables import MessageRow, TemplateVersionRow, WebhookSecretRow
from aijobs.persistence.webhooks.endpoints import MAX_ENDPOINTS, create_endpoint, endpoints_of, rotate_user_secret
from aijobs.persistence.webhooks.inbound import take_receipt
from tests.persistence.conftest import AcceptJob

AT_ONCE: Final = 12
TIMEOUT: Final = 20.0


async def test_nobody_gets_more_endpoints_than_allowed(database: Database) -> None:
    def create(session: Session, number: int) -> None:
        create_endpoint(session, user_id="ada", url=f"https://example.com/{number}", events=(), created_by="test")

    answers = await asyncio.gather(
        *(database.write(create, number) for number in range(MAX_ENDPOINTS + AT_ONCE)), return_exceptions=True
    )

    assert sum(isinstance(answer, TooManyEndpoints) for answer in answers) == AT_ONCE
    assert len(await database.read(lambda session: endpoints_of(session, user_id="ada"))) == MAX_ENDPOINTS


async def test_every_rotation_of_a_secret_counts(database: Database) -> None:
    await asyncio.gather(*(database.write(rotate_user_secret, "ada") for _ in range(AT_ONCE)))

    def version(session: Session) -> int:
        return session.get_one(WebhookSecretRow, "ada").version

    assert await database.read(version) == 1 + AT_ONCE


async def test_each_save_of_a_template_is_a_version(database: Database) -> None:
    def save(session: Session, number: int) -> None:
        definition = TemplateDefinition.model_validate(DEFINITION | {"name": f"name {number}"})
        save_template(session, "invoices", definition, saved_by="test")

    await asyncio.gather(*(database.write(save, number) for number in range(AT_ONCE)))

    def versions(session: Session) -> Sequence[int]:
        return session.exec(select(TemplateVersionRow.version).order_by(col(TemplateVersionRow.version))).all()

    assert await database.read(versions) == list(range(1, AT_ONCE + 1))


DEFINITION: Final = {
    "name": "Invoices",
    "prompt": "Read the invoice.",
    "columns": [{"name": "number", "type": "string"}],
}


async def test_of_several_deliveries_of_one_webhook_one_is_taken(database: Database) -> None:
    taken = await asyncio.gather(
        *(database.write(lambda s: take_receipt(s, provider="p", delivery_id="one")) for _ in range(AT_ONCE))
    )

    assert sorted(taken) == [False] * (AT_ONCE - 1) + [True]


async def test_nothing_is_said_in_a_conversation_that_is_cleared_meanwhile(
    database: Database, accept_job: AcceptJob
) -> None:
    conversations = DatabaseConversations(database)
    plan = ConversationPlan(
        template_id="invoices", template_version=1, instruction="Read.", prompts=tuple(Prompt(text="x") for _ in "ab")
    )
    codes = [await accept_job() for _ in range(AT_ONCE)]
    for code in codes:
        await conversations.begin(code, plan)

    answers = await asyncio.gather(
        *(conversations.ask(code, 3, Prompt(text="late")) for code in codes),
        *(conversations.clear(code) for code in codes),
        return_exceptions=True,
    )

    assert all(answer is None or isinstance(answer, JobIsFinal) for answer in answers), answers

    def left(session: Session) -> Sequence[str | None]:
        return session.exec(select(MessageRow.content).where(col(MessageRow.content).is_not(None))).all()

    assert await database.read(left) == []


async def test_who_only_reads_waits_for_no_lock(database: Database, accept_job: AcceptJob) -> None:
    code = await accept_job()
    locked, may_go_on = threading.Event(), threading.Event()

    def hold(session: Session) -> None:
        gate.locked_job(session, code)
        locked.set()
        assert may_go_on.wait(TIMEOUT)

    holding = asyncio.create_task(database.write(hold))
    assert await asyncio.to_thread(locked.wait, TIMEOUT)
    async with asyncio.timeout(TIMEOUT / 2):
        read = await database.read(gate.locked_job, code)
        compared = await database.snapshot(gate.locked_job, code)
    may_go_on.set()
    await holding

    assert (read.code, compared.code) == (code, code)
