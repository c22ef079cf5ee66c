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

from aijobs.domain.documents.costs import CostEstimate, estimated_tokens, money
from aijobs.domain.documents.formats import DocumentSize
from aijobs.domain.documents.prompt_stages import split
from aijobs.domain.documents.templates import Template
from aijobs.domain.errors import ProviderFailed, TooExpensive
from aijobs.domain.llm import Conversation, ConversationPlan, ModelTerms, Role, StoredMessage
from aijobs.generators.parts.splitting import count_of
from aijobs.generators.prompts import conversation_plan
from aijobs.generators.threads import Threads

ANSWER_TOKENS: Final = 500
SAID_TOKENS: Final = 2_000  #: of such an answer, at most, for which room is left
ANSWER_SHARE: Final = 0.125  #: of the window, that is left for the table where `max_output_tokens` says nothing
PART_FILLED: Final = 0.85  #: of the room, by a part of a document on the average, with what is repeated
MARGIN: Final = 0.2  #: of the room, that is left since tokens are estimated
MIN_ROOM: Final = 300  #: tokens
MAX_PARTS: Final = 100
TABLE_SHARE: Final = 0.5
TABLE_TOKENS: Final = 200
PICTURE_TOKENS: Final = 1_100  #: of a page that is sent as a file, besides its text

PDF: Final = "application/pdf"


def is_attached(media_type: str, *, takes_files: bool) -> bool:
    """Whether a document goes to the model as it is, and not as its text."""
    return takes_files and (media_type == PDF or media_type.startswith("image/"))


def attached_tokens(size: DocumentSize) -> int:
    return size.tokens + size.pages * PICTURE_TOKENS


def table_tokens(document_tokens: int, *, sources: bool) -> int:
    """With quotations beside the values a table is twice as long."""
    return (int(document_tokens * TABLE_SHARE) + TABLE_TOKENS) * (2 if sources else 1)


def estimated_cost(terms: ModelTerms, plan: ConversationPlan, parts: Sequence[int], *, sources: bool) -> CostEstimate:
    """`plan` is that of one part, without the document; `parts` are the tokens of each part."""
    instruction = estimated_tokens(plan.instruction)
    prompts = [estimated_tokens(prompt.text) for prompt in plan.prompts]
    answer, questions, tokens_in, tokens_out = terms.answer_within(ANSWER_TOKENS), 0, 0, 0
    for part in parts:
        sent = instruction + part
        for prompt in prompts[:-1]:
            sent += prompt
            questions, tokens_in, tokens_out = questions + 1, tokens_in + sent, tokens_out + answer
            sent += answer
        table = table_tokens(part, sources=sources)
        first = terms.answer_within(table)
        portions = math.ceil(table / first)
        sent += prompts[-1]
        questions, tokens_in, tokens_out = questions + portions, tokens_in + sent, tokens_out + table
        tokens_in += (portions - 1) * (sent + first)
    return CostEstimate(
        parts=len(parts),
        questions=questions,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost=terms.cost(tokens_in, tokens_out) if terms.has_prices else None,
    )


def room_for_document(terms: ModelTerms, template: Template, plan: ConversationPlan) -> int:
    """The most tokens of a document, or of a part of one, that one conversation has room for, by our estimate.

    Raises ProviderFailed when the prompts leave none.
    """
    prompts = estimated_tokens(plan.instruction) + sum(estimated_tokens(prompt.text) for prompt in plan.prompts)
    answers = min(terms.max_output_tokens or int(terms.window * ANSWER_SHARE), terms.window // 2)
    said = (len(plan.prompts) - 1) * min(answers, SAID_TOKENS)
    room = int((terms.window - prompts - answers - said) * (1 - MARGIN))
    if room < MIN_ROOM:
        raise ProviderFailed(
            f"The template's prompts leave no room for a document in the model's window of {terms.window:,} tokens "
            "(AIJOBS_CHAT__WINDOW)."
        )
    return room if template.part_tokens is None else min(room, template.part_tokens)


@dataclass(frozen=True, kw_only=True)
class DocumentCosts:
    """Implements CostEstimator for one chat endpoint."""

    terms: ModelTerms
    takes_files: bool

    async def estimate(self, template: Template, size: DocumentSize, *, media_type: str) -> CostEstimate:
        return await asyncio.to_thread(self._estimate, template, size, media_type)

    def _estimate(self, template: Template, size: DocumentSize, media_type: str) -> CostEstimate:
        stages = split(template.prompt, template.stages).stages
        plan = conversation_plan(template, stages, documents=[""])
        room = room_for_document(self.terms, template, plan)
        if is_attached(media_type, takes_files=self.takes_files) and attached_tokens(size) <= room:
            parts = [attached_tokens(size)]
        else:
            count = count_of(size.tokens, room)
            parts = [size.tokens] if count == 1 else [int(room * PART_FILLED)] * count
        return estimated_cost(self.terms, plan, parts, sources=template.sources)


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
        threads = Threads.of(conversation)
        answer = self.terms.answer_within(self.answer)
        lost = sum(
            line.lost * self.terms.cost(self._tokens_in(threads.messages(conversation, line.stage)), answer)
            for line in conversation.lines
            if line.lost
        )
        coming = self.terms.cost(self._tokens_in(threads.messages(conversation, stage)), answer)
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
