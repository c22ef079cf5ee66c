"""A conversation with a language model: what is said, what it costs, and who keeps and answers it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from aijobs.domain.errors import ProviderFailed, ProviderUnavailable

OnText = Callable[[str], Awaitable[None]]
"""Hears each piece of an answer as it comes."""


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


class AnswerRefused(ProviderFailed):
    """The model has answered, and not what it was asked."""

    code = "answer_refused"


class AnswerUnusable(ProviderFailed):
    """What the model has answered is not the table that was asked for, even when it was asked again."""

    code = "answer_unusable"


class AnswerLost(ProviderUnavailable):
    """The question has left, and no whole answer came back. It may be paid for; asking again is paid again."""

    code = "answer_lost"


def require_stop(finish: FinishReason) -> None:
    """Raises AnswerRefused when an answer was refused, filtered or cut off."""
    if finish is not FinishReason.STOP:
        raise AnswerRefused(_WHY_UNUSABLE[finish])


class ChatModel(Protocol):
    """A language model that is asked over HTTP, and remembers nothing: each call carries all that was said before."""

    @property
    def model(self) -> str:
        """The name under which it is asked."""
        ...

    @property
    def takes_files(self) -> bool:
        """Whether documents may be attached; pictures always may."""
        ...

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        shape: AnswerSchema | None = None,
        on_text: OnText | None = None,
        reference: str | None = None,
    ) -> Completion:
        """Ask once, without any retry. `reference` is for the provider's log: ASCII, at most 512 characters.

        Raises AnswerLost when the question has left and no whole answer came, ProviderUnavailable when it was surely
        not answered (with Retry-After where given), ProviderFailed when it never will be.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What is asked in one stage. `file` is the job's parameter whose upload goes with it."""

    text: str
    file: str | None = None


@dataclass(frozen=True, kw_only=True)
class ConversationPlan:
    """All that will be asked: the stages in order, under one instruction. A job keeps the template it began with."""

    instruction: str
    prompts: tuple[Prompt, ...]
    template_id: str
    template_version: int


@dataclass(frozen=True, kw_only=True)
class StoredMessage:
    """One kept message. Stage 0 is the instruction; an answer has a `finish`."""

    stage: int
    role: Role
    text: str
    file: str | None = None
    finish: FinishReason | None = None


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """What was said so far, in order. `stages` counts those of the template; one more is asking again."""

    job_code: str
    stages: int
    template_id: str
    template_version: int
    lines: tuple[StoredMessage, ...]

    def answer_to(self, stage: int) -> StoredMessage | None:
        return next((line for line in self.lines if line.stage == stage and line.role is Role.ASSISTANT), None)

    def up_to(self, stage: int) -> tuple[StoredMessage, ...]:
        """What the model is told when it is asked this stage's question."""
        return tuple(
            line
            for line in self.lines
            if line.stage < stage or (line.stage == stage and line.role is not Role.ASSISTANT)
        )


class Conversations(Protocol):
    """Where conversations are kept. Every method is one transaction; repeating one changes nothing, but for the count.

    What is written to a job that has ended, or whose conversation is cleared, raises JobIsFinal.
    """

    async def begin(self, job_code: str, script: ConversationPlan) -> None:
        """Keep what will be asked, unless the conversation has begun already."""
        ...

    async def conversation(self, job_code: str) -> Conversation | None:
        """Nothing where none has begun. Raises JobIsFinal when it is cleared."""
        ...

    async def ask(self, job_code: str, stage: int, prompt: Prompt) -> None:
        """Add a question behind the script's own."""
        ...

    async def count_lost(self, job_code: str, stage: int, *, most: int) -> int:
        """Count the answer to a question that is about to leave as lost, until it is kept; the how-manieth it is.

        Beyond `most` nothing is counted, and the question must not leave. Raises JobIsFinal and CancelRequested:
        then it must not leave either.
        """
        ...

    async def not_lost(self, job_code: str, stage: int) -> None:
        """Take that back: surely nobody has answered."""
        ...

    async def answered(self, job_code: str, stage: int, completion: Completion) -> None:
        """Keep an answer, which is not lost then, and what it cost: the stage is done, and never asked again."""
        ...

    async def note_unusable(self, job_code: str, text: str) -> None:
        """Keep an answer that is no use with the job's exchange, for people to look at."""
        ...
