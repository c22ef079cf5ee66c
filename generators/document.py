"""A document becomes a table: the template's stages are asked one by one, the last answer is the table."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from domain.catalogue import Model
from domain.conversing import (
    AnswerLost,
    AnswerShape,
    AnswerUnusable,
    Attachment,
    Chat,
    ChatMessage,
    Completion,
    Conversation,
    Conversations,
    Finish,
    Line,
    Role,
    require_stop,
)
from domain.errors import FieldError, ProviderFailed
from domain.extracting import Documents, Templates
from domain.outputs import OutputKind, OutputSource
from domain.parameters import FILE_CODE, FileInput, Parameters
from domain.providing import Capabilities, Task, UploadedFile
from domain.stages import split
from domain.templates import TEMPLATE_ID, Row, Template, check_rows, rows_schema
from generators.answers import NotJson, read_answer
from generators.script import as_data, ask_again, script_of

PDF: Final = "application/pdf"
MAX_LOST: Final = 3
"""So many answers of one stage may get lost on the way: each may have been paid for."""

USUAL_LENGTH: Final = 1500
"""Characters of a usual answer: half of a stage's progress is shown when so many have come."""

REPORT_EVERY: Final = 0.5  #: seconds
MAX_TOLD: Final = 3  #: problems that the job's owner is told

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


@dataclass(frozen=True)
class Table:
    """A model's answer, held against the columns. `repaired`: it had to be mended."""

    rows: tuple[Row, ...] = ()
    problems: tuple[FieldError, ...] = ()
    repaired: bool = False


class DocumentExtractor:
    """Implements Generator. What is asked and answered is in the database before a step ends."""

    capabilities = CAPABILITIES

    def __init__(self, chat: Chat, conversations: Conversations, templates: Templates, documents: Documents) -> None:
        self._chat = chat
        self._conversations = conversations
        self._templates = templates
        self._documents = documents

    def parameters(self, _model: Model) -> type[Parameters]:
        return ExtractParameters

    async def begin(self, task: Task) -> int:
        known = await self._conversations.conversation(task.job_code)
        if known is not None:
            return known.stages
        template = await self._templates.template(task.params["template"])
        stages = await asyncio.to_thread(split, template.prompt, template.stages)
        file = task.files["file"]
        attached = self._is_attached(file)
        document = "The document is attached." if attached else as_data(file.name, await self._documents.text(file))
        script = script_of(template, stages.stages, document=document, file="file" if attached else None)
        await self._conversations.begin(task.job_code, script)
        return len(script.prompts)

    async def work(self, task: Task, stage: int, report: Report) -> None:
        conversation = await self._conversation(task)
        line = conversation.answer_to(stage)
        if line is None:
            template = await self._template(conversation)
            shape = _shape(template) if stage == conversation.stages else None
            completion = await self._ask(task, conversation, stage, shape, report)
            line = Line(stage=stage, role=Role.ASSISTANT, text=completion.text, finish=completion.finish)
        await self._require_whole(task, line)

    async def finish(self, task: Task) -> list[OutputSource]:
        """The table as Excel and as JSON. What cannot be read is asked for once more."""
        conversation = await self._conversation(task)
        template = await self._template(conversation)
        table = await self._table(task, conversation, template)
        await self._templates.keep_rows(task.job_code, template, table.rows)
        workbook = await self._documents.workbook(template.columns, table.rows)
        return [
            OutputSource(kind=OutputKind.DOCUMENT, content=workbook),
            OutputSource(kind=OutputKind.JSON, content=_as_json(template, table)),
        ]

    async def _table(self, task: Task, conversation: Conversation, template: Template) -> Table:
        last = conversation.answer_to(conversation.stages)
        assert last is not None, "a generation is finished when all its stages are done"
        table = await read_table(template, last.text)
        if not table.problems:
            return table
        again = conversation.answer_to(conversation.stages + 1) or await self._ask_again(task, template, table)
        await self._require_whole(task, again)
        table = await read_table(template, again.text)
        if table.problems:
            await self._conversations.note_unusable(task.job_code, again.text)
            told = "; ".join(f"{problem.pointer} {problem.message}".strip() for problem in table.problems[:MAX_TOLD])
            raise AnswerUnusable(f"The model's answer is not the table that was asked for. {told}")
        return table

    async def _ask_again(self, task: Task, template: Template, table: Table) -> Line:
        conversation = await self._conversation(task)
        stage = conversation.stages + 1
        await self._conversations.ask(task.job_code, stage, ask_again(template, table.problems))
        completion = await self._ask(task, await self._conversation(task), stage, _shape(template), _silent)
        return Line(stage=stage, role=Role.ASSISTANT, text=completion.text, finish=completion.finish)

    async def _ask(
        self, task: Task, conversation: Conversation, stage: int, shape: AnswerShape | None, report: Report
    ) -> Completion:
        """One call. The answer, whole or not, is kept before anything else is done with it."""
        messages = [await self._message(task, line) for line in conversation.up_to(stage)]
        reference = f"{task.job_code}/{stage}"
        try:
            completion = await self._chat.complete(messages, shape=shape, on_text=_Meter(report), reference=reference)
        except AnswerLost as lost:
            if await self._conversations.lost(task.job_code, stage) >= MAX_LOST:
                raise ProviderFailed(f"{lost} It is not asked again: {MAX_LOST} answers were lost.") from lost
            raise
        await self._conversations.answered(task.job_code, stage, completion)
        return completion

    async def _message(self, task: Task, line: Line) -> ChatMessage:
        if line.file is None:
            return ChatMessage(role=line.role, text=line.text)
        file = task.files[line.file]
        attached = Attachment(name=file.name, media_type=file.media_type, content=await self._documents.content(file))
        return ChatMessage(role=line.role, text=line.text, attachments=(attached,))

    async def _require_whole(self, task: Task, line: Line) -> None:
        assert line.finish is not None, "an answer has ended"
        if line.finish is not Finish.STOP:
            await self._conversations.note_unusable(task.job_code, line.text)
        require_stop(line.finish)

    async def _conversation(self, task: Task) -> Conversation:
        conversation = await self._conversations.conversation(task.job_code)
        assert conversation is not None, "a generation begins with its script"
        return conversation

    async def _template(self, conversation: Conversation) -> Template:
        return await self._templates.template(conversation.template_id, conversation.template_version)

    def _is_attached(self, file: UploadedFile) -> bool:
        return self._chat.takes_files and file.media_type == PDF


class _Meter:
    """Makes progress of the pieces of an answer. How long it will be nobody knows: it comes ever closer to 100."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._length = 0
        self._told_at = time.monotonic()

    async def __call__(self, piece: str) -> None:
        self._length += len(piece)
        if time.monotonic() - self._told_at >= REPORT_EVERY:
            self._told_at = time.monotonic()
            await self._report(100 * self._length / (self._length + USUAL_LENGTH))


async def read_table(template: Template, text: str) -> Table:
    """An answer as rows, or what is wrong with it."""
    try:
        answer = await read_answer(text)
    except NotJson as wrong:
        return Table(problems=(FieldError("", str(wrong)),))
    checked = check_rows(template.columns, answer.data)
    return Table(rows=checked.rows, problems=checked.errors, repaired=answer.repaired)


def _shape(template: Template) -> AnswerShape:
    return AnswerShape(name="table", schema=rows_schema(template.columns))


def _as_json(template: Template, table: Table) -> bytes:
    document = {
        "template": template.id,
        "version": template.version,
        "columns": [column.name for column in template.columns],
        "repaired": table.repaired,
        "rows": _plain(table.rows),
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def _plain(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [dict(row) for row in rows]


async def _silent(_percent: float) -> None: ...
