"""A conversation with a language model: its messages, and what it costs."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from aijobs.domain.errors import AnswerRefused

OnText = Callable[[str], Awaitable[None]]
"""Called with each piece of an answer as it arrives."""


@dataclass(frozen=True, kw_only=True)
class ModelTerms:
    """What a model takes, and what it costs.

    `window` is the most tokens of a question and its answer together. Prices are those of a million tokens, in any
    currency; None where they are not known, and 0 for a free model.
    """

    window: int
    max_output_tokens: int | None = None
    price_in: float | None = None
    price_out: float | None = None

    @property
    def has_prices(self) -> bool:
        return self.price_in is not None and self.price_out is not None

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """Nothing for tokens whose price is not known."""
        return round((tokens_in * (self.price_in or 0) + tokens_out * (self.price_out or 0)) / 1_000_000, 8)

    def answer_within(self, tokens: int) -> int:
        """That many tokens of an answer, or as many as one may have."""
        return tokens if self.max_output_tokens is None else min(tokens, self.max_output_tokens)


class Role(StrEnum):
    """Who says a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A file that is shown to the model: a picture, or a document where the model takes files."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, kw_only=True)
class ChatMessage:
    """One message of those that are sent to a model."""

    role: Role
    text: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AnswerSchema:
    """What an answer must look like: a JSON Schema, under a name of letters, digits, `_` and `-`."""

    name: str
    schema: Mapping[str, Any]


class FinishReason(StrEnum):
    """Why an answer ends."""

    STOP = "stop"
    LENGTH = "length"  #: the model's limit of output tokens
    REFUSED = "refused"  #: the model would not
    FILTERED = "filtered"  #: the provider's content filter
    OTHER = "other"


_WHY_UNUSABLE: Final = {
    FinishReason.LENGTH: "The model's answer was cut off: it is longer than the limit of output tokens.",
    FinishReason.REFUSED: "The model refuses to answer.",
    FinishReason.FILTERED: "The provider's content filter holds the answer back.",
    FinishReason.OTHER: "The model ended its answer in a way that is not known here.",
}


@dataclass(frozen=True, kw_only=True)
class Completion:
    """One answer of a model, whole or not: it is paid for in both cases. `cost` is in the currency of the prices."""

    text: str
    finish: FinishReason
    model: str
    tokens_in: int
    tokens_out: int
    cost: float
    seconds: float

    def require_whole(self) -> str:
        """The text. Raises AnswerRefused when it was refused, filtered or cut off."""
        require_stop(self.finish)
        return self.text


def require_stop(finish: FinishReason) -> None:
    """Raises AnswerRefused when an answer was refused, filtered or cut off."""
    if finish is not FinishReason.STOP:
        raise AnswerRefused(_WHY_UNUSABLE[finish])


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """The question of one stage. `file` names the job's parameter whose upload is sent with it."""

    text: str
    file: str | None = None


@dataclass(frozen=True, kw_only=True)
class ConversationPlan:
    """All questions: the stages in order, under one instruction. A job keeps the template that it began with."""

    instruction: str
    prompts: tuple[Prompt, ...]
    template_id: str
    template_version: int


@dataclass(frozen=True, kw_only=True)
class StoredMessage:
    """One kept message. Stage 0 is the instruction; an answer has a `finish`, and what it was charged.

    `lost` counts the times that a question left without an answer that is kept.
    """

    stage: int
    role: Role
    text: str
    file: str | None = None
    finish: FinishReason | None = None
    lost: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """The stored messages, in order. `stages` counts those of the template; a stage above it asks again."""

    job_code: str
    stages: int
    template_id: str
    template_version: int
    lines: tuple[StoredMessage, ...]

    @property
    def spent(self) -> tuple[int, int, float]:
        """Tokens in, tokens out, and cost of all answers that are kept."""
        return (
            sum(line.tokens_in for line in self.lines),
            sum(line.tokens_out for line in self.lines),
            round(sum(line.cost for line in self.lines), 8),
        )

    def answer_to(self, stage: int) -> StoredMessage | None:
        return next((line for line in self.lines if line.stage == stage and line.role is Role.ASSISTANT), None)

    def up_to(self, stage: int) -> tuple[StoredMessage, ...]:
        """The messages that are sent to the model for this stage."""
        return tuple(
            line
            for line in self.lines
            if line.stage < stage or (line.stage == stage and line.role is not Role.ASSISTANT)
        )
