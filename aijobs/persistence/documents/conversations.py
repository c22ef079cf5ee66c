"""Conversations with a language model: the port `Conversations` over our tables."""

import asyncio
import zlib
from decimal import Decimal
from typing import Final

from pydantic import TypeAdapter
from sqlmodel import Session, col, delete, select, update

from aijobs.domain.documents.formats import ReadDocument
from aijobs.domain.errors import JobIsFinal
from aijobs.domain.llm import Completion, Conversation, ConversationPlan, FinishReason, Prompt, Role, StoredMessage
from aijobs.domain.values.clean_text import clean
from aijobs.domain.values.money import Cost, CostSource
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.jobs import gate
from aijobs.persistence.points.costs import add_cost
from aijobs.persistence.tables import ConversationDocumentRow, ConversationRow, JobRow, MessageRow

MAX_UNUSABLE_LENGTH: Final = 64 * 1024
"""Stored characters of an unusable answer."""

INSTRUCTION_STAGE: Final = 0
READ_DOCUMENT: Final = TypeAdapter(ReadDocument)


class DatabaseConversations:
    """Implements Conversations. `currency` is that of the answers' costs; None where the prices are not known."""

    def __init__(self, database: Database, *, currency: str | None = None) -> None:
        self._database = database
        self._currency = currency

    async def begin(self, job_code: str, plan: ConversationPlan, document: ReadDocument | None = None) -> None:
        content = None if document is None else await asyncio.to_thread(_packed, document)

        def work(session: Session) -> None:
            gate.unfinished_job(session, job_code)
            if session.get(ConversationRow, job_code) is not None:
                return
            session.add(
                ConversationRow(
                    job_code=job_code,
                    stages=len(plan.prompts),
                    template_id=plan.template_id,
                    template_version=plan.template_version,
                    pages=None if document is None else len(document.pages),
                )
            )
            session.flush()
            if content is not None:
                session.add(ConversationDocumentRow(job_code=job_code, content=content))
            instruction = Prompt(text=plan.instruction)
            session.add(_message(job_code, INSTRUCTION_STAGE, Role.SYSTEM, instruction))
            for stage, prompt in enumerate(plan.prompts, 1):
                session.add(_message(job_code, stage, Role.USER, prompt))

        await self._database.write(work)

    async def document(self, job_code: str) -> ReadDocument | None:
        def work(session: Session) -> bytes | None:
            row = session.get(ConversationDocumentRow, job_code)
            return None if row is None else row.content

        content = await self._database.read(work)
        return None if content is None else await asyncio.to_thread(_unpacked, content)

    async def conversation(self, job_code: str) -> Conversation | None:
        def work(session: Session) -> Conversation | None:
            row = session.get(ConversationRow, job_code)
            if row is None:
                return None
            _require_open(row)
            return Conversation(
                job_code=job_code,
                stages=row.stages,
                template_id=row.template_id,
                template_version=row.template_version,
                lines=tuple(map(_line, messages_of(session, job_code))),
            )

        return await self._database.read(work)

    async def ask(self, job_code: str, stage: int, prompt: Prompt) -> None:
        def work(session: Session) -> None:
            _open_conversation(session, job_code)
            if _stored_message(session, job_code, stage, Role.USER) is None:
                session.add(_message(job_code, stage, Role.USER, prompt))

        await self._database.write(work)

    async def answered(self, job_code: str, stage: int, completion: Completion) -> None:
        cost = self._cost(completion)

        def work(session: Session) -> None:
            job = _open_conversation(session, job_code)
            if _stored_message(session, job_code, stage, Role.ASSISTANT) is not None:
                return
            if cost is not None:
                add_cost(job, cost)
            message = _message(job_code, stage, Role.ASSISTANT, Prompt(text=completion.text))
            message.tokens_in, message.tokens_out = completion.tokens_in, completion.tokens_out
            message.cost, message.seconds = completion.cost, completion.seconds
            message.model, message.finish = clean(completion.model), completion.finish
            session.add(message)
            _decrement_lost(session, job_code, stage)

        await self._database.write(work)

    def _cost(self, completion: Completion) -> Cost | None:
        if self._currency is None:
            return None
        return Cost.of(Decimal(str(completion.cost)), self._currency, CostSource.PRICE)

    async def count_lost(self, job_code: str, stage: int, *, most: int) -> int:
        def work(session: Session) -> int:
            gate.require_not_canceled(session, gate.locked_job(session, job_code))
            _open_conversation(session, job_code)
            question = _question(session, job_code, stage)
            if question.lost >= most:
                return most + 1
            question.lost += 1
            return question.lost

        return await self._database.write(work)

    async def not_lost(self, job_code: str, stage: int) -> None:
        def work(session: Session) -> None:
            _open_conversation(session, job_code)
            _decrement_lost(session, job_code, stage)

        await self._database.write(work)

    async def note_unusable(self, job_code: str, text: str) -> None:
        def work(session: Session) -> None:
            job = gate.unfinished_job(session, job_code)
            job.resp_json = {**(job.resp_json or {}), "unusable_answer": clean(text)[:MAX_UNUSABLE_LENGTH]}

        await self._database.write(work)

    async def keep_last_answer(self, job_code: str) -> None:
        def work(session: Session) -> None:
            job = gate.unfinished_job(session, job_code)
            answers = [row.content for row in messages_of(session, job_code) if row.role == Role.ASSISTANT]
            if answers and answers[-1] is not None:
                job.resp_json = {**(job.resp_json or {}), "last_answer": answers[-1][:MAX_UNUSABLE_LENGTH]}

        await self._database.write(work)

    async def clear(self, job_code: str) -> None:
        def work(session: Session) -> None:
            row = session.get(ConversationRow, job_code, with_for_update=True)
            if row is None or row.cleared_at is not None:
                return
            row.cleared_at = now()
            erased = update(MessageRow).where(col(MessageRow.job_code) == job_code)
            session.exec(erased.values(content=None, file=None))
            session.exec(delete(ConversationDocumentRow).where(col(ConversationDocumentRow.job_code) == job_code))

        await self._database.write(work)


def _packed(document: ReadDocument) -> bytes:
    return zlib.compress(READ_DOCUMENT.dump_json(document))


def _unpacked(content: bytes) -> ReadDocument:
    return READ_DOCUMENT.validate_json(zlib.decompress(content))


def messages_of(session: Session, job_code: str) -> list[MessageRow]:
    """The messages of a job, in order."""
    found = session.exec(
        select(MessageRow)
        .where(col(MessageRow.job_code) == job_code)
        .order_by(col(MessageRow.stage), col(MessageRow.role).desc())  # the user before the assistant
    )
    return list(found)


def _open_conversation(session: Session, job_code: str) -> JobRow:
    """Its job. Both are locked, so that it is not cleared while a message is added."""
    job = gate.unfinished_job(session, job_code)
    _require_open(session.get_one(ConversationRow, job_code, with_for_update=True))
    return job


def _require_open(row: ConversationRow) -> None:
    if row.cleared_at is not None:
        raise JobIsFinal(f"The conversation of {row.job_code} is cleared.")


def _stored_message(session: Session, job_code: str, stage: int, role: Role) -> MessageRow | None:
    found = session.exec(
        select(MessageRow).where(
            col(MessageRow.job_code) == job_code, col(MessageRow.stage) == stage, col(MessageRow.role) == role
        )
    )
    return found.one_or_none()


def _question(session: Session, job_code: str, stage: int) -> MessageRow:
    question = _stored_message(session, job_code, stage, Role.USER)
    assert question is not None, "an answer can only be lost where a question was asked"
    return question


def _decrement_lost(session: Session, job_code: str, stage: int) -> None:
    question = _question(session, job_code, stage)
    question.lost = max(0, question.lost - 1)


def _message(job_code: str, stage: int, role: Role, prompt: Prompt) -> MessageRow:
    return MessageRow(job_code=job_code, stage=stage, role=role, content=clean(prompt.text), file=prompt.file)


def _line(row: MessageRow) -> StoredMessage:
    assert row.content is not None, "what is erased is not read"
    return StoredMessage(
        stage=row.stage,
        role=Role(row.role),
        text=row.content,
        file=row.file,
        finish=FinishReason(row.finish) if row.finish else None,
        lost=row.lost,
        tokens_in=row.tokens_in or 0,
        tokens_out=row.tokens_out or 0,
        cost=row.cost or 0.0,
    )
