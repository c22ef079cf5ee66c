"""The conversation about a document of several parts: each part is talked about alone, one after the other.

How the document was split is said in the prompt that begins a part, and read from there: it is all that is kept of it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from aijobs.domain.llm import Conversation, Role, StoredMessage
from aijobs.generators.parts.splitting import DocumentPart
from aijobs.generators.prompts import DOCUMENT_MARK, delimited_document

MAX_FOLLOW_UPS: Final = 100  #: questions about one part that are not the template's

NOTICE: Final = """\
This is part {number} of {count} of a document that is too long for one question. Each part is asked for alone, and \
the tables are joined afterwards: give the rows of this part, from its first line to its last. Its first {above} lines \
are shown again for reference: values in them may hold for all rows, but give no row for them alone. The {repeated} \
lines behind these are at the end of the part before, too: give their rows again."""
_NOTICE: Final = re.compile(
    NOTICE.format(number=r"(\d+)", count=r"(\d+)", above=r"(\d+)", repeated=r"(\d+)").replace(".", r"\.")
)


def part_of_document(name: str, part: DocumentPart, *, number: int, count: int) -> str:
    """A part as it is sent. `number` is from 1; a document of one part is sent without a notice."""
    if count == 1:
        return delimited_document(name, part.text)
    notice = NOTICE.format(number=number, count=count, above=part.above, repeated=part.repeated)
    return f"{notice}\n\n{delimited_document(name, part.text)}"


@dataclass(frozen=True)
class Threads:
    """The stages of a conversation, by parts. Parts are counted from 0, stages from 1."""

    stages: int
    parts: int = 1

    @classmethod
    def of(cls, conversation: Conversation) -> Self:
        first = next((line for line in conversation.lines if line.stage == 1), None)
        notice = _notice(first.text) if first is not None else None
        return cls(conversation.stages, int(notice[2]) if notice else 1)

    @property
    def per_part(self) -> int:
        return self.stages // self.parts

    def last(self, part: int) -> int:
        """The stage that asks for the part's table."""
        return (part + 1) * self.per_part

    def is_last(self, stage: int) -> bool:
        return stage % self.per_part == 0

    def follow_up(self, part: int, number: int) -> int:
        """The stage of another question about a part; `number` is from 1."""
        return self.stages + part * MAX_FOLLOW_UPS + number

    def part_of(self, stage: int) -> int:
        if stage > self.stages:
            return (stage - self.stages - 1) // MAX_FOLLOW_UPS
        return max(0, stage - 1) // self.per_part

    def messages(self, conversation: Conversation, stage: int) -> Sequence[StoredMessage]:
        """What is sent to the model for a stage: the instruction, and what was said of the same part before.

        Questions that are not the template's do not hear of each other: a long table costs no more with each portion.
        """
        part = self.part_of(stage)
        return [
            line
            for line in conversation.up_to(stage)
            if line.stage in {0, stage} or (line.stage <= self.stages and self.part_of(line.stage) == part)
        ]


def overlap_of(conversation: Conversation, threads: Threads, part: int) -> str:
    """The lines of a part that the part before it has too."""
    first = threads.last(part) - threads.per_part + 1
    prompt = next(line.text for line in conversation.lines if line.stage == first and line.role is Role.USER)
    notice = _notice(prompt)
    if notice is None:
        return ""
    above, repeated = int(notice[3]), int(notice[4])
    text = prompt[prompt.index(DOCUMENT_MARK) :].partition("\n")[2]
    return DocumentPart(text=text, above=above, repeated=repeated).overlap


def _notice(prompt: str) -> re.Match[str] | None:
    """Before the document, which may say anything."""
    return _NOTICE.search(prompt.partition(DOCUMENT_MARK)[0])
