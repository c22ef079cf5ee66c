"""Runs the conversation of a job with a model: each answer is stored once, the number of lost answers is bounded."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
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
from aijobs.generators.answers.thoughts import without_thoughts
from aijobs.generators.threads import Threads

MAX_LOST: Final = 3
"""The most answers of one stage that may be lost: each may have been charged."""

NO_RETRY: Final = f"It is not asked again: {MAX_LOST} answers were lost."

Limit = Callable[[Conversation, int], None]
"""Raises TooExpensive when the question of a stage would cost more than its conversation may."""

Attach = Callable[[UploadedFile], Awaitable[Attachment]]
"""Makes the attachment for an upload."""


@dataclass(frozen=True)
class PartialAnswer:
    """An answer; `is_cut` by the model's limit of output tokens."""

    text: str
    is_cut: bool


class ConversationRunner:
    """Runs the conversations of jobs with one model. A conversation must have begun."""

    def __init__(self, chat: ChatModel, conversations: Conversations, attach: Attach) -> None:
        self._chat = chat
        self._conversations = conversations
        self._attach = attach

    @property
    def model(self) -> str:
        return self._chat.model

    async def conversation(self, task: Task) -> Conversation:
        conversation = await self._conversations.conversation(task.job_code)
        assert conversation is not None, "a conversation begins before its first stage"
        return conversation

    async def answer(
        self,
        task: Task,
        stage: int,
        *,
        shape: AnswerSchema | None = None,
        on_text: OnText | None = None,
        limit: Limit | None = None,
    ) -> str:
        """The text of the complete answer to a stage. Requests it unless it is stored already.

        Raises AnswerRefused when it is incomplete, ProviderFailed when MAX_LOST answers were lost, and what `limit`
        and the chat model raise.
        """
        text, finish = await self._answer(task, stage, shape, on_text, limit)
        return await self._require_complete(task, text, finish)

    async def answer_as_far(
        self,
        task: Task,
        stage: int,
        *,
        shape: AnswerSchema | None = None,
        on_text: OnText | None = None,
        limit: Limit | None = None,
    ) -> PartialAnswer:
        """Like `answer`, also when the model's limit of output tokens cut it off."""
        text, finish = await self._answer(task, stage, shape, on_text, limit)
        if finish is FinishReason.LENGTH:
            return PartialAnswer(text, is_cut=True)
        return PartialAnswer(await self._require_complete(task, text, finish), is_cut=False)

    async def continue_answer(
        self, task: Task, stage: int, question: Prompt, *, shape: AnswerSchema, limit: Limit | None = None
    ) -> PartialAnswer:
        """Like `answer_as_far`, for a prompt that is not part of the plan."""
        await self._conversations.ask(task.job_code, stage, question)
        return await self.answer_as_far(task, stage, shape=shape, limit=limit)

    async def answer_follow_up(
        self, task: Task, stage: int, question: Prompt, *, shape: AnswerSchema, limit: Limit | None = None
    ) -> str:
        """Like `answer`, for a prompt that is not part of the plan."""
        await self._conversations.ask(task.job_code, stage, question)
        return await self.answer(task, stage, shape=shape, limit=limit)

    async def reject(self, task: Task, text: str, reason: str) -> NoReturn:
        """Store an unusable answer for inspection. Raises AnswerUnusable."""
        await self._conversations.note_unusable(task.job_code, text)
        raise AnswerUnusable(reason)

    async def _answer(
        self, task: Task, stage: int, shape: AnswerSchema | None, on_text: OnText | None, limit: Limit | None
    ) -> tuple[str, FinishReason]:
        conversation = await self.conversation(task)
        if (stored := conversation.answer_to(stage)) is not None:
            assert stored.finish is not None, "an answer has ended"
            return stored.text, stored.finish
        if limit is not None:
            await asyncio.to_thread(limit, conversation, stage)
        completion = await self._complete(task, conversation, stage, shape, on_text)
        return completion.text, completion.finish

    async def _require_complete(self, task: Task, text: str, finish: FinishReason) -> str:
        if finish is not FinishReason.STOP:
            await self._conversations.note_unusable(task.job_code, text)
        require_stop(finish)
        return text

    async def _complete(
        self, task: Task, conversation: Conversation, stage: int, shape: AnswerSchema | None, on_text: OnText | None
    ) -> Completion:
        """One call. It is counted as lost before it is sent, so that it stays counted when this process ends."""
        said = Threads.of(conversation).messages(conversation, stage)
        messages = [await self._message(task, message) for message in said]
        reference = f"{task.job_code}/{stage}"
        count = await self._conversations.count_lost(task.job_code, stage, most=MAX_LOST)
        if count > MAX_LOST:
            raise ProviderFailed(f"The model was asked, and no answer could be kept. {NO_RETRY}")
        try:
            completion = _heard(await self._chat.complete(messages, shape=shape, on_text=on_text, reference=reference))
        except AnswerLost as lost:
            if count == MAX_LOST:
                raise ProviderFailed(f"{lost} {NO_RETRY}") from lost
            raise
        except ProviderUnavailable:
            await self._conversations.not_lost(task.job_code, stage)
            raise
        await self._conversations.answered(task.job_code, stage, completion)
        return completion

    async def _message(self, task: Task, message: StoredMessage) -> ChatMessage:
        attachments = (await self._attach(task.files[message.file]),) if message.file else ()
        return ChatMessage(role=message.role, text=message.text, attachments=attachments)


def _heard(completion: Completion) -> Completion:
    """The answer without thoughts, which are not sent back to the model. Raises AnswerLost when nothing is left."""
    text = without_thoughts(completion.text)
    if completion.finish is FinishReason.STOP and not text.strip():
        raise AnswerLost("The model gave no answer.")
    return replace(completion, text=text)
