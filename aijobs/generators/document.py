"""Extracts a table from a document: one prompt for each stage of the template; the last answer is the table."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from pydantic import Field

from aijobs.domain.catalogue import Model
from aijobs.domain.documents.costs import estimated_tokens
from aijobs.domain.documents.formats import ReadDocument
from aijobs.domain.documents.prompt_stages import split
from aijobs.domain.documents.templates import TEMPLATE_ID, Template
from aijobs.domain.errors import BadInput, FileTooLarge, TooExpensive
from aijobs.domain.jobs.outputs import OutputKind, OutputSource
from aijobs.domain.jobs.parameters import Parameters, upload_code
from aijobs.domain.llm import Attachment, Conversation, ConversationPlan
from aijobs.domain.ports.chat_model import ChatModel
from aijobs.domain.ports.conversations import Conversations
from aijobs.domain.ports.documents import DocumentStore, TemplateSource
from aijobs.domain.provider_io import Capabilities, Task, UploadedFile
from aijobs.generators.cell_sources import cell_sources
from aijobs.generators.conversation import ConversationRunner, Limit
from aijobs.generators.costs import (
    ANSWER_TOKENS,
    MAX_PARTS,
    CostLimit,
    attached_tokens,
    estimated_cost,
    is_attached,
    room_for_document,
    table_tokens,
)
from aijobs.generators.parts.joined_table import joined_table
from aijobs.generators.parts.splitting import parts_of
from aijobs.generators.prompts import conversation_plan
from aijobs.generators.table_questions import TableQuestions, of_part, shown
from aijobs.generators.tables import Table, table_as_json
from aijobs.generators.threads import Threads, overlap_of, part_of_document

TYPICAL_LENGTH: Final = 1500
"""Characters of a typical answer: a stage's progress is 50 when so many were received."""

REPORT_EVERY: Final = 0.5  #: seconds

CAPABILITIES: Final = Capabilities(
    cancel=True,
    webhook=False,
    reconcile_window=None,
    unit_progress=True,
    link_lifetime=None,
    docs_url="https://platform.openai.com/docs/api-reference/chat/create",
)

Report = Callable[[float], Awaitable[None]]


class ExtractParameters(Parameters):
    """What a document job takes."""

    file: upload_code("document") = Field(  # type: ignore[valid-type]
        description="the code of an uploaded document", examples=["file_06EYQ4J8W1V7X2M9K3T5R6N0PZ"]
    )
    template: str = Field(
        pattern=f"^{TEMPLATE_ID}$",
        description="the template's id",
        examples=["contract_zh"],
        json_schema_extra={"format": "template"},
    )


class DocumentExtractor:
    """Implements Generator. Prompts and answers are stored in the database before a step ends."""

    capabilities = CAPABILITIES

    def __init__(
        self, chat: ChatModel, conversations: Conversations, templates: TemplateSource, documents: DocumentStore
    ) -> None:
        self._chat = chat
        self._conversations = conversations
        self._templates = templates
        self._documents = documents
        self._runner = ConversationRunner(chat, conversations, self._attachment)

    def parameters(self, _model: Model) -> type[Parameters]:
        return ExtractParameters

    async def begin(self, task: Task) -> int:
        existing = await self._conversations.conversation(task.job_code)
        if existing is not None:
            return existing.stages
        template = await self._templates.template(task.params["template"])
        plan, read = await self._plan(task, template)
        await self._conversations.begin(task.job_code, plan, read if template.sources else None)
        return len(plan.prompts)

    async def _plan(self, task: Task, template: Template) -> tuple[ConversationPlan, ReadDocument | None]:
        """All questions about the document, and what it says where that was read.

        Raises TooExpensive and FileTooLarge before anything is asked.
        """
        stages = (await asyncio.to_thread(split, template.prompt, template.stages)).stages
        empty, terms, file = conversation_plan(template, stages, documents=[""]), self._chat.terms, task.files["file"]
        room = await asyncio.to_thread(room_for_document, terms, template, empty)
        attached = await self._attached_tokens(file)
        if attached is not None and attached <= room:
            estimated_cost(terms, empty, [attached], sources=template.sources).require_within(template.max_cost)
            plan = conversation_plan(template, stages, documents=["The document is attached."], file="file")
            return plan, await self._read_attached(file) if template.sources else None
        read = await self._documents.read(file)
        parts = await asyncio.to_thread(parts_of, read.text, room)
        if len(parts) > MAX_PARTS:
            raise FileTooLarge(f"The document has {len(parts):,} parts of {room:,} tokens; {MAX_PARTS} is the most.")
        tokens = await asyncio.to_thread(lambda: [estimated_tokens(part.text) for part in parts])
        estimated_cost(terms, empty, tokens, sources=template.sources).require_within(template.max_cost)
        documents = [
            part_of_document(file.name, part, number=number, count=len(parts)) for number, part in enumerate(parts, 1)
        ]
        return conversation_plan(template if len(parts) == 1 else of_part(template), stages, documents=documents), read

    async def _read_attached(self, file: UploadedFile) -> ReadDocument | None:
        """For its quotations alone, where it can be."""
        try:
            return await self._documents.read(file)
        except BadInput:
            return None

    async def work(self, task: Task, stage: int, report: Report) -> None:
        conversation = await self._runner.conversation(task)
        template, threads = await self._template(conversation), Threads.of(conversation)
        counter = _RowCounter(report)
        async with self._kept_when_too_expensive(task):
            if threads.is_last(stage):
                part = threads.part_of(stage)
                await (await self._questions(task, template, conversation, part)).table(counter)
            else:
                limit = await self._limit(task, template, answer=ANSWER_TOKENS)
                await self._runner.answer(task, stage, on_text=counter, limit=limit)

    async def finish(self, task: Task) -> list[OutputSource]:
        """The table as Excel and as JSON."""
        conversation = await self._runner.conversation(task)
        template = await self._template(conversation)
        table = await self._table(task, template, conversation)
        if table.problems:
            details = shown(table.problems)
            await self._runner.reject(task, details, f"No part of the document has a value that is required: {details}")
        read = await self._conversations.document(task.job_code)
        sources = await asyncio.to_thread(cell_sources, template, table, read)
        await self._templates.keep_rows(task.job_code, template, table.rows, sources)
        workbook = await self._documents.workbook(template.columns, table.rows, sources)
        tokens_in, tokens_out, cost = (await self._runner.conversation(task)).spent
        spent = {
            "tokens_in": tokens_in,
            "tokens_out": tokens_out,
            "cost": cost if self._chat.terms.has_prices else None,
        }
        document = await asyncio.to_thread(table_as_json, template, table, sources, spent)
        return [
            OutputSource(kind=OutputKind.DOCUMENT, content=workbook),
            OutputSource(kind=OutputKind.JSON, content=document),
        ]

    async def _table(self, task: Task, template: Template, conversation: Conversation) -> Table:
        """The answers are stored, each by its stage's own step; jobs of older workers ask for the last ones here."""
        threads, tables = Threads.of(conversation), list[Table]()
        async with self._kept_when_too_expensive(task):
            for part in range(threads.parts):
                tables.append(await (await self._questions(task, template, conversation, part)).table())
        overlaps = [overlap_of(conversation, threads, part) for part in range(threads.parts)]
        return await asyncio.to_thread(joined_table, template, tables, overlaps)

    async def _questions(self, task: Task, template: Template, conversation: Conversation, part: int) -> TableQuestions:
        threads = Threads.of(conversation)
        first = threads.last(part) - threads.per_part + 1
        document = next(line for line in conversation.lines if line.stage == first)
        limit = await self._limit(
            task, template, answer=table_tokens(estimated_tokens(document.text), sources=template.sources)
        )
        return TableQuestions(self._runner, task, template, threads, part, limit)

    @asynccontextmanager
    async def _kept_when_too_expensive(self, task: Task) -> AsyncIterator[None]:
        try:
            yield
        except TooExpensive:
            await self._conversations.keep_last_answer(task.job_code)
            raise

    async def _attachment(self, file: UploadedFile) -> Attachment:
        return Attachment(name=file.name, media_type=file.media_type, content=await self._documents.content(file))

    async def _template(self, conversation: Conversation) -> Template:
        return await self._templates.template(conversation.template_id, conversation.template_version)

    async def _limit(self, task: Task, template: Template, *, answer: int) -> Limit | None:
        """Keeps the conversation within the template's `max_cost`, where it has one."""
        if template.max_cost is None:
            return None
        attached = await self._attached_tokens(task.files["file"]) or 0
        return CostLimit(terms=self._chat.terms, max_cost=template.max_cost, answer=answer, attached=attached).require

    async def _attached_tokens(self, file: UploadedFile) -> int | None:
        """Of a document that goes to the model as it is; None for one that goes as its text."""
        if not is_attached(file.media_type, takes_files=self._chat.takes_files):
            return None
        return attached_tokens(await self._documents.size(file))


class _RowCounter:
    """Reports progress while an answer is received. Its length is unknown, so the progress approaches 100."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._length = 0
        self._reported_at = time.monotonic()

    async def __call__(self, piece: str) -> None:
        self._length += len(piece)
        if time.monotonic() - self._reported_at >= REPORT_EVERY:
            self._reported_at = time.monotonic()
            await self._report(100 * self._length / (self._length + TYPICAL_LENGTH))
