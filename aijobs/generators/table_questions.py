"""Asks for the table of a part: again where the answer is none, and in portions where it is longer than one answer."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aijobs.domain.documents.sources import ReviewPolicy
from aijobs.domain.documents.templates import Template
from aijobs.domain.errors import FieldError
from aijobs.domain.llm import OnText
from aijobs.domain.provider_io import Task
from aijobs.domain.values.json_pointer import pointer
from aijobs.generators.answers.portions import as_table, joined, repeated_of, values_of, whole_rows
from aijobs.generators.conversation import ConversationRunner, Limit, PartialAnswer
from aijobs.generators.json_answers import NotJson, read_answer
from aijobs.generators.parts.row_text import RowText
from aijobs.generators.prompts import continuation_prompt, retry_prompt
from aijobs.generators.tables import EMPTY, Table, answer_schema, read_last_table, read_table
from aijobs.generators.threads import MAX_FOLLOW_UPS, Threads

MAX_PORTIONS: Final = MAX_FOLLOW_UPS - 1  #: answers of one table
MAX_SHOWN_PROBLEMS: Final = 3  #: problems in the error message for the job's owner


def of_part(template: Template) -> Template:
    """The template for a part: a row that is cut at its beginning or end may lack what another part has."""
    columns = tuple(column.model_copy(update={"required": False}) for column in template.columns)
    return template.model_copy(update={"columns": columns})


@dataclass(frozen=True)
class TableQuestions:
    """The questions for the table of one part. Each answer is stored: a second call asks for none of them again."""

    runner: ConversationRunner
    task: Task
    template: Template
    threads: Threads
    part: int
    limit: Limit | None = None

    async def table(self, on_text: OnText | None = None) -> Table:
        """Raises AnswerRefused, and AnswerUnusable when the answer cannot be read the second time either."""
        shape, last = answer_schema(self._asked), self.threads.last(self.part)
        answer = await self.runner.answer_as_far(self.task, last, shape=shape, on_text=on_text, limit=self.limit)
        if answer.is_cut:
            if not whole_rows(answer.text):
                await self.runner.answer(self.task, last)  # raises: nothing can be continued
            return await self._long_table(answer.text)
        table = await self._read(answer.text)
        if not table.problems:
            return table
        prompt = retry_prompt(self._asked, table.problems)
        stage = self.threads.follow_up(self.part, 1)
        text = await self.runner.answer_follow_up(self.task, stage, prompt, shape=shape, limit=self.limit)
        return await self._require_table(text, await self._read(text, last=True))

    @property
    def _asked(self) -> Template:
        return self.template if self.threads.parts == 1 else of_part(self.template)

    async def _read(self, text: str, *, last: bool = False) -> Table:
        """Rows within a part must be whole; the first and the last one may be cut. The `last` is not asked again."""
        table = await (read_last_table if last else read_table)(self._asked, text)
        is_reviewed = last and self.template.review is not ReviewPolicy.NEVER
        inner = enumerate(table.rows[1:-1], 1) if self.threads.parts > 1 and not is_reviewed else ()
        empty = [
            FieldError(pointer("rows", index, column.name), EMPTY)
            for index, row in inner
            for column in self.template.columns
            if column.required and row[column.name] is None
        ]
        return Table(problems=tuple(empty)) if empty else table

    async def _long_table(self, text: str) -> Table:
        """The table of several answers, each of which begins with the last row of the one before it.

        One that does not, or gives rows again, is asked for once more.
        """
        shape, rows, refused = answer_schema(self._asked), whole_rows(text), 0
        repeated = repeated_of(rows)
        text_of_part = RowText(await self._prompt())
        for portion in range(1, MAX_PORTIONS):
            prompt, stage = continuation_prompt(self._asked, rows, repeated), self.threads.follow_up(self.part, portion)
            answer = await self.runner.continue_answer(self.task, stage, prompt, shape=shape, limit=self.limit)
            try:
                longer = joined(rows, await self._portion(answer), repeated)
                await asyncio.to_thread(self._require_each_once, longer, len(rows), text_of_part)
            except NotJson as uncertain:
                refused += 1
                if refused > 1:
                    await self._reject(answer.text, f"The model's answer is no continuation. {uncertain}")
                continue
            if not answer.is_cut:
                return await self._require_table(answer.text, await self._read(as_table(longer), last=True))
            if len(longer) == len(rows):
                await self._reject(answer.text, "The model's answers are cut off before one row is whole.")
            rows, refused = longer, 0
        return await self._reject(text, f"The table is longer than {MAX_PORTIONS} answers of the model.")

    async def _prompt(self) -> str:
        """What begins the part: with the document, unless that is attached."""
        conversation = await self.runner.conversation(self.task)
        first = self.threads.last(self.part) - self.threads.per_part + 1
        return next(line.text for line in conversation.lines if line.stage == first)

    def _require_each_once(self, rows: Sequence[str], known: int, text: RowText) -> None:
        """Raises NotJson when a new row has come more often than any value of it stands in the document."""
        read = [values_of(row) for row in rows]
        varying = [name for name in read[0] if len({repr(row.get(name)) for row in read}) > 1]
        seen = Counter(map(repr, read[:known]))
        for row in read[known:]:
            seen[repr(row)] += 1
            if seen[repr(row)] == 1:
                continue
            most = text.most({name: row.get(name) for name in varying})
            if 0 < most < seen[repr(row)]:
                raise NotJson(f"It gives a row that has come already: {json.dumps(row, ensure_ascii=False)[:200]}")

    async def _portion(self, answer: PartialAnswer) -> list[str]:
        """The rows of one answer of several. Raises NotJson when it has others than whole rows in strict JSON."""
        rows = whole_rows(answer.text)
        if not answer.is_cut:
            data = (await read_answer(answer.text, [column.name for column in self.template.columns])).data
            if not isinstance(data, dict) or len(rows) != len(next(iter(data.values()))):
                raise NotJson("It is not strict JSON with one list of rows.")
        return rows

    async def _require_table(self, text: str, table: Table) -> Table:
        if table.problems:
            await self._reject(text, f"The model's answer is not the table that was asked for. {shown(table.problems)}")
        return table

    async def _reject(self, text: str, reason: str) -> Table:
        of_which = f" (part {self.part + 1} of {self.threads.parts})" if self.threads.parts > 1 else ""
        return await self.runner.reject(self.task, text, f"{reason}{of_which}")


def shown(problems: tuple[FieldError, ...]) -> str:
    return "; ".join(f"{problem.pointer} {problem.message}".strip() for problem in problems[:MAX_SHOWN_PROBLEMS])
