"""What a document job costs: estimated before it begins, and bounded while it runs.

An estimate takes these for granted: an answer has 500 tokens, and the table half of the document's and 200 more, twice
that with quotations, each as many at most as the endpoint allows for one answer. Each question sends all that was said
before it, at full price.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aijobs.domain.documents.costs import CostEstimate, money
from aijobs.domain.documents.formats import DocumentSize
from aijobs.domain.documents.prompt_stages import split
from aijobs.domain.documents.templates import Template
from aijobs.domain.documents.tokens import estimated_tokens
from aijobs.domain.errors import TooExpensive
from aijobs.domain.llm import Conversation, ConversationPlan, ModelTerms, Role, StoredMessage
from aijobs.generators.prompts import conversation_plan

ANSWER_TOKENS: Final = 500
TABLE_SHARE: Final = 0.5
TABLE_TOKENS: Final = 200
PICTURE_TOKENS: Final = 1_100  #: of a page that is sent as a file, besides its text

PDF: Final = "application/pdf"


def is_attached(media_type: str, *, takes_files: bool) -> bool:
    """Whether a document goes to the model as it is, and not as its text."""
    return takes_files and (media_type == PDF or media_type.startswith("image/"))


def attached_tokens(size: DocumentSize) -> int:
    return size.tokens + size.pages * PICTURE_TOKENS


def size_of(text: str) -> DocumentSize:
    return DocumentSize(tokens=estimated_tokens(text))


def table_tokens(document_tokens: int, *, sources: bool) -> int:
    """With quotations beside the values a table is twice as long."""
    return (int(document_tokens * TABLE_SHARE) + TABLE_TOKENS) * (2 if sources else 1)


def estimated_cost(terms: ModelTerms, plan: ConversationPlan, document_tokens: int, *, sources: bool) -> CostEstimate:
    """`plan` is that of the document's conversation, without the document."""
    prompts = [estimated_tokens(prompt.text) for prompt in plan.prompts]
    sent, questions, tokens_in, tokens_out = estimated_tokens(plan.instruction) + document_tokens, 0, 0, 0
    for prompt in prompts[:-1]:
        sent += prompt
        answer = terms.answer_within(ANSWER_TOKENS)
        questions, tokens_in, tokens_out = questions + 1, tokens_in + sent, tokens_out + answer
        sent += answer
    table = table_tokens(document_tokens, sources=sources)
    portions = math.ceil(table / terms.answer_within(table))
    sent += prompts[-1]
    tokens_in += portions * sent + table * (portions - 1) // 2
    return CostEstimate(
        questions=questions + portions,
        tokens_in=tokens_in,
        tokens_out=tokens_out + table,
        cost=terms.cost(tokens_in, tokens_out + table) if terms.has_prices else None,
    )


@dataclass(frozen=True, kw_only=True)
class DocumentCosts:
    """Implements CostEstimator for one chat endpoint."""

    terms: ModelTerms
    takes_files: bool

    async def estimate(self, template: Template, size: DocumentSize, *, media_type: str) -> CostEstimate:
        return await asyncio.to_thread(self._estimate, template, size, media_type)

    def _estimate(self, template: Template, size: DocumentSize, media_type: str) -> CostEstimate:
        plan = conversation_plan(template, split(template.prompt, template.stages).stages, document="", file=None)
        attached = is_attached(media_type, takes_files=self.takes_files)
        tokens = attached_tokens(size) if attached else size.tokens
        return estimated_cost(self.terms, plan, tokens, sources=template.sources)


@dataclass(frozen=True, kw_only=True)
class CostLimit:
    """The most that a conversation may cost. `answer` is the expected length of the next answer, in tokens."""

    terms: ModelTerms
    max_cost: float
    answer: int
    attached: int = 0  #: tokens of the file that is sent with the first question

    def require(self, conversation: Conversation, stage: int) -> None:
        """Raises TooExpensive when the next question would cost more than is left.

        Answers that were lost may have been charged; each counts as its question and an answer.
        """
        *_, spent = conversation.spent
        answer = self.terms.answer_within(self.answer)
        lost = sum(
            line.lost * self.terms.cost(self._tokens_in(conversation.up_to(line.stage)), answer)
            for line in conversation.lines
            if line.lost
        )
        coming = self.terms.cost(self._tokens_in(conversation.up_to(stage)), answer)
        if spent + lost + coming > self.max_cost:
            raise TooExpensive(
                f"The next question would cost about {money(coming)} after {money(spent + lost)}; the template allows "
                f"{money(self.max_cost)} for a document (max_cost)."
            )

    def _tokens_in(self, messages: Sequence[StoredMessage]) -> int:
        """What the endpoint counted for the last answer, and what came after it; else an estimate."""
        answered = [number for number, line in enumerate(messages) if line.role is Role.ASSISTANT]
        first = answered[-1] + 1 if answered else 0
        counted = messages[first - 1].tokens_in + messages[first - 1].tokens_out if answered else 0
        new = sum(estimated_tokens(line.text) for line in messages[first:])
        return counted + new + (self.attached if any(line.file for line in messages[first:]) else 0)
