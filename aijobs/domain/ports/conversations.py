"""Where conversations with language models are kept."""

from typing import Protocol

from aijobs.domain.documents.formats import ReadDocument
from aijobs.domain.llm import Completion, Conversation, ConversationPlan, Prompt


class Conversations(Protocol):
    """Where conversations are kept. Every method is one transaction; repeating one changes nothing, but for the count.

    What is written to a job that has ended, or whose conversation is cleared, raises JobIsFinal.
    """

    async def begin(self, job_code: str, plan: ConversationPlan, document: ReadDocument | None = None) -> None:
        """Store the questions of a job, and what its document says. Changes nothing when it has begun already."""
        ...

    async def document(self, job_code: str) -> ReadDocument | None:
        """What the job's document says, where it was stored and is not cleared."""
        ...

    async def conversation(self, job_code: str) -> Conversation | None:
        """Nothing where none has begun. Raises JobIsFinal when it is cleared."""
        ...

    async def ask(self, job_code: str, stage: int, prompt: Prompt) -> None:
        """Add a question after those of the plan."""
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
        """Store an answer and what it cost: the stage is done, and its question is never sent again."""
        ...

    async def note_unusable(self, job_code: str, text: str) -> None:
        """Keep an answer that is no use with the job's exchange, for people to look at."""
        ...

    async def keep_last_answer(self, job_code: str) -> None:
        """Keep the last answer, if any, with the job's exchange: the job stops, and it was paid for."""
        ...

    async def clear(self, job_code: str) -> None:
        """Erase the messages of a job and what its document says, if any; the costs are kept.

        No message can be added after that.
        """
        ...
