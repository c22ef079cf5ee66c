"""Asking a model the questions of a job: each answer is kept once, and what may be paid for in vain is bounded."""

from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from aijobs.domain.errors import AnswerLost, AnswerUnusable, ProviderFailed, ProviderUnavailable
from aijobs.domain.llm import (
    AnswerSchema,
    Attachment,
    ChatMessage,
    Completion,
    Conversation,
    FinishReason,
    OnText,
    Prompt,
    StoredMessage,
    require_stop,
)
from aijobs.domain.ports.chat_model import ChatModel
from aijobs.domain.ports.conversations import Conversations
from aijobs.domain.provider_io import Task, UploadedFile

MAX_LOST: Final = 3
"""So often one question may leave without an answer that we keep: each of them may have been paid for."""

NOT_AGAIN: Final = f"It is not asked again: {MAX_LOST} answers were lost."

Attach = Callable[[UploadedFile], Awaitable[Attachment]]
"""An upload as the model is shown it."""


class ConversationRunner:
    """Asks one model on behalf of jobs whose conversations have begun."""

    def __init__(self, chat: ChatModel, conversations: Conversations, attach: Attach) -> None:
        self._chat = chat
        self._conversations = conversations
        self._attach = attach

    @property
    def model(self) -> str:
        return self._chat.model

    async def conversation(self, task: Task) -> Conversation:
        conversation = await self._conversations.conversation(task.job_code)
        assert conversation is not None, "a generation begins with its script"
        return conversation

    async def answer(
        self, task: Task, stage: int, *, shape: AnswerSchema | None = None, on_text: OnText | None = None
    ) -> str:
        """The text of a whole answer, which is asked for unless it is there.

        Raises AnswerRefused when it is not whole, ProviderFailed when MAX_LOST are lost, and what the
        chat model raises.
        """
        conversation = await self.conversation(task)
        if (known := conversation.answer_to(stage)) is not None:
            assert known.finish is not None, "an answer has ended"
            return await self._whole(task, known.text, known.finish)
        completion = await self._ask(task, conversation, stage, shape, on_text)
        return await self._whole(task, completion.text, completion.finish)

    async def answer_again(self, task: Task, stage: int, question: Prompt, *, shape: AnswerSchema) -> str:
        """As `answer`, to a question that the script does not have."""
        await self._conversations.ask(task.job_code, stage, question)
        return await self.answer(task, stage, shape=shape)

    async def give_up(self, task: Task, text: str, why: str) -> NoReturn:
        """Keep an answer that is no use, for people to look at. Raises AnswerUnusable."""
        await self._conversations.note_unusable(task.job_code, text)
        raise AnswerUnusable(why)

    async def _whole(self, task: Task, text: str, finish: FinishReason) -> str:
        if finish is not FinishReason.STOP:
            await self._conversations.note_unusable(task.job_code, text)
        require_stop(finish)
        return text

    async def _ask(
        self, task: Task, conversation: Conversation, stage: int, shape: AnswerSchema | None, on_text: OnText | None
    ) -> Completion:
        """One call. It counts as lost before it leaves, so that a process that dies in it has counted it."""
        messages = [await self._message(task, line) for line in conversation.up_to(stage)]
        reference = f"{task.job_code}/{stage}"
        count = await self._conversations.count_lost(task.job_code, stage, most=MAX_LOST)
        if count > MAX_LOST:
            raise ProviderFailed(f"The model was asked, and no answer could be kept. {NOT_AGAIN}")
        try:
            completion = await self._chat.complete(messages, shape=shape, on_text=on_text, reference=reference)
        except AnswerLost as lost:
            if count == MAX_LOST:
                raise ProviderFailed(f"{lost} {NOT_AGAIN}") from lost
            raise
        except ProviderUnavailable:
            await self._conversations.not_lost(task.job_code, stage)
            raise
        await self._conversations.answered(task.job_code, stage, completion)
        return completion

    async def _message(self, task: Task, line: StoredMessage) -> ChatMessage:
        attachments = (await self._attach(task.files[line.file]),) if line.file else ()
        return ChatMessage(role=line.role, text=line.text, attachments=attachments)
