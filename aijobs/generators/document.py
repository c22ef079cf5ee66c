"""Extracts a table from a document: one prompt for each stage of the template; the last answer is the table."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from aijobs.domain.catalogue import Model
from aijobs.domain.documents.formats import ReadDocument
from aijobs.domain.documents.prompt_stages import split
from aijobs.domain.documents.templates import TEMPLATE_ID, Template
from aijobs.domain.documents.tokens import estimated_tokens
from aijobs.domain.errors import BadInput, TooExpensive
from aijobs.domain.jobs.outputs import OutputKind, OutputSource
from aijobs.domain.jobs.parameters import FILE_CODE, FileInput, Parameters
from aijobs.domain.llm import Attachment, Conversation
from aijobs.domain.ports.chat_model import ChatModel
from aijobs.domain.ports.conversations import Conversations
from aijobs.domain.ports.documents import DocumentStore, TemplateSource
from aijobs.domain.provider_io import Capabilities, Task, UploadedFile
from aijobs.generators.answers.portions import as_table, joined, whole_rows
from aijobs.generators.cell_sources import cell_sources
from aijobs.generators.conversation import ConversationRunner, Limit, PartialAnswer
from aijobs.generators.costs import (
    ANSWER_TOKENS,
    CostLimit,
    DocumentCosts,
    attached_tokens,
    is_attached,
    size_of,
    table_tokens,
)
from aijobs.generators.json_answers import NotJson, read_answer
from aijobs.generators.prompts import continuation_prompt, conversation_plan, delimited_document, retry_prompt
from aijobs.generators.tables import Table, answer_schema, read_last_table, read_table, table_as_json

TYPICAL_LENGTH: Final = 1500
"""Characters of a typical answer: a stage's progress is 50 when so many were received."""

REPORT_EVERY: Final = 0.5  #: seconds
MAX_PORTIONS: Final = 30  #: answers of one table
MAX_SHOWN_PROBLEMS: Final = 3  #: problems in the error message for the job's owner

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

    file: Annotated[str, StringConstraints(pattern=f"^{FILE_CODE}$"), FileInput("document")] = Field(
        description="the code of an uploaded document", examples=["file_06EYQ4J8W1V7X2M9K3T5R6N0PZ"]
    )
    template: str = Field(pattern=f"^{TEMPLATE_ID}$", description="the template's id", examples=["contract_zh"])


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
        self._costs = DocumentCosts(terms=chat.terms, takes_files=chat.takes_files)
        self._runner = ConversationRunner(chat, conversations, self._attachment)

    def parameters(self, _model: Model) -> type[Parameters]:
        return ExtractParameters

    async def begin(self, task: Task) -> int:
        existing = await self._conversations.conversation(task.job_code)
        if existing is not None:
            return existing.stages
        template = await self._templates.template(task.params["template"])
        stages = await asyncio.to_thread(split, template.prompt, template.stages)
        file = task.files["file"]
        attached = is_attached(file.media_type, takes_files=self._chat.takes_files)
        read = await self._read(file, attached=attached, sources=template.sources)
        text = None if attached or read is None else read.text
        document = "The document is attached." if text is None else delimited_document(file.name, text)
        if template.max_cost is not None:
            size = await self._documents.size(file) if text is None else await asyncio.to_thread(size_of, text)
            estimate = await self._costs.estimate(template, size, media_type=file.media_type)
            estimate.require_within(template.max_cost)
        plan = conversation_plan(template, stages.stages, document=document, file="file" if attached else None)
        await self._conversations.begin(task.job_code, plan, read if template.sources else None)
        return len(plan.prompts)

    async def _read(self, file: UploadedFile, *, attached: bool, sources: bool) -> ReadDocument | None:
        """What the document says. One that is attached is read for its quotations alone, where it can be."""
        if attached and not sources:
            return None
        try:
            return await self._documents.read(file)
        except BadInput:
            if attached:
                return None
            raise

    async def work(self, task: Task, stage: int, report: Report) -> None:
        conversation = await self._runner.conversation(task)
        template = await self._template(conversation)
        counter = _RowCounter(report)
        try:
            if stage < conversation.stages:
                limit = await self._limit(task, template, answer=ANSWER_TOKENS)
                await self._runner.answer(task, stage, on_text=counter, limit=limit)
                return
            shape, limit = answer_schema(template), await self._table_limit(task, template, conversation)
            answer = await self._runner.answer_as_far(task, stage, shape=shape, on_text=counter, limit=limit)
        except TooExpensive:
            await self._conversations.keep_last_answer(task.job_code)
            raise
        if answer.is_cut and not whole_rows(answer.text):
            await self._runner.answer(task, stage)  # raises: nothing can be continued

    async def finish(self, task: Task) -> list[OutputSource]:
        """The table as Excel and as JSON. An unusable answer is requested once more."""
        conversation = await self._runner.conversation(task)
        template = await self._template(conversation)
        try:
            limit = await self._table_limit(task, template, conversation)
            table = await self._table(task, conversation.stages, template, limit)
        except TooExpensive:
            await self._conversations.keep_last_answer(task.job_code)
            raise
        read = await self._conversations.document(task.job_code)
        sources = await asyncio.to_thread(cell_sources, template, table, read)
        await self._templates.keep_rows(task.job_code, template, table.rows, sources)
        workbook = await self._documents.workbook(template.columns, table.rows, sources)
        document = await asyncio.to_thread(table_as_json, template, table, sources)
        return [
            OutputSource(kind=OutputKind.DOCUMENT, content=workbook),
            OutputSource(kind=OutputKind.JSON, content=document),
        ]

    async def _table(self, task: Task, last: int, template: Template, limit: Limit | None) -> Table:
        shape = answer_schema(template)
        answer = await self._runner.answer_as_far(task, last, shape=shape, limit=limit)
        if answer.is_cut:
            return await self._long_table(task, last, template, answer.text, limit)
        table = await read_table(template, answer.text)
        if not table.problems:
            return table
        prompt = retry_prompt(template, table.problems)
        text = await self._runner.answer_follow_up(task, last + 1, prompt, shape=shape, limit=limit)
        table = await read_last_table(template, text)
        return await self._require_table(task, text, table)

    async def _long_table(self, task: Task, last: int, template: Template, text: str, limit: Limit | None) -> Table:
        """The table of several answers, each of which begins with the last row of the one before it.

        One that does not is asked for once more.
        """
        shape, rows, refused = answer_schema(template), whole_rows(text), 0
        for portion in range(1, MAX_PORTIONS):
            prompt = continuation_prompt(template, rows)
            answer = await self._runner.continue_answer(task, last + portion, prompt, shape=shape, limit=limit)
            try:
                longer = joined(rows, await _portion(template, answer))
            except NotJson as uncertain:
                refused += 1
                if refused > 1:
                    await self._runner.reject(task, answer.text, f"The model's answer is no continuation. {uncertain}")
                continue
            if not answer.is_cut:
                table = await read_last_table(template, as_table(longer))
                return await self._require_table(task, answer.text, table)
            if len(longer) == len(rows):
                await self._runner.reject(task, answer.text, "The model's answers are cut off before one row is whole.")
            rows = longer
        return await self._runner.reject(task, text, f"The table is longer than {MAX_PORTIONS} answers of the model.")

    async def _require_table(self, task: Task, text: str, table: Table) -> Table:
        if table.problems:
            details = "; ".join(
                f"{problem.pointer} {problem.message}".strip() for problem in table.problems[:MAX_SHOWN_PROBLEMS]
            )
            await self._runner.reject(task, text, f"The model's answer is not the table that was asked for. {details}")
        return table

    async def _attachment(self, file: UploadedFile) -> Attachment:
        return Attachment(name=file.name, media_type=file.media_type, content=await self._documents.content(file))

    async def _template(self, conversation: Conversation) -> Template:
        return await self._templates.template(conversation.template_id, conversation.template_version)

    async def _limit(self, task: Task, template: Template, *, answer: int) -> Limit | None:
        """Keeps the conversation within the template's `max_cost`, where it has one."""
        if template.max_cost is None:
            return None
        file = task.files["file"]
        is_sent = is_attached(file.media_type, takes_files=self._chat.takes_files)
        attached = await self._attached_tokens(file) if is_sent else 0
        return CostLimit(terms=self._chat.terms, max_cost=template.max_cost, answer=answer, attached=attached).require

    async def _table_limit(self, task: Task, template: Template, conversation: Conversation) -> Limit | None:
        document = next(line for line in conversation.lines if line.stage == 1)
        answer = table_tokens(estimated_tokens(document.text), sources=template.sources)
        return await self._limit(task, template, answer=answer)

    async def _attached_tokens(self, file: UploadedFile) -> int:
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


async def _portion(template: Template, answer: PartialAnswer) -> list[str]:
    """The rows of one answer of several. Raises NotJson when it has others than whole rows in strict JSON."""
    rows = whole_rows(answer.text)
    if not answer.is_cut:
        data = (await read_answer(answer.text, [column.name for column in template.columns])).data
        if not isinstance(data, dict) or len(rows) != len(next(iter(data.values()))):
            raise NotJson("It is not strict JSON with one list of rows.")
    return rows
