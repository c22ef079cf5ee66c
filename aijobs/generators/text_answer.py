"""Answers to prompts, in words or as JSON, by the language model that is configured: any OpenAI-compatible endpoint."""

import json
from collections.abc import Awaitable, Callable
from typing import Final

from pydantic import Field, JsonValue

from aijobs.domain.catalogue import Model
from aijobs.domain.jobs.outputs import OutputKind, OutputSource
from aijobs.domain.jobs.parameters import Parameters, upload_code
from aijobs.domain.llm import AnswerSchema, Attachment, ConversationPlan, Prompt
from aijobs.domain.ports.chat_model import ChatModel
from aijobs.domain.ports.conversations import Conversations
from aijobs.domain.ports.photos import PhotoMeasurer, PhotoSource
from aijobs.domain.provider_io import Capabilities, Task, UploadedFile
from aijobs.generators.conversation import ConversationRunner
from aijobs.generators.json_answers import NotJson, read_answer

STAGES: Final = 1
RETRY_STAGE: Final = STAGES + 1
MAX_PROMPT: Final = 200_000
MAX_INSTRUCTIONS: Final = 50_000

INSTRUCTION: Final = "Answer what you are asked."

AS_JSON: Final = """\
{prompt}

Answer with a single JSON value that fits this JSON Schema, and with nothing else.
{schema}"""

RETRY: Final = """\
Your last answer cannot be used:
{problems}
Give the whole answer again, as the JSON that was asked for."""

CAPABILITIES: Final = Capabilities(
    cancel=True,
    webhook=False,
    reconcile_window=None,
    unit_progress=False,
    link_lifetime=None,
    docs_url="https://platform.openai.com/docs/api-reference/chat",
)


class TextQuestion(Parameters):
    """What a model without vision is asked."""

    prompt: str = Field(
        min_length=1, max_length=MAX_PROMPT, description="The question.", examples=["Name three ships."]
    )
    instructions: str | None = Field(
        default=None, min_length=1, max_length=MAX_INSTRUCTIONS, description="How to answer: the system message."
    )
    answer_schema: dict[str, JsonValue] | None = Field(
        default=None, description="A JSON Schema: the answer is then JSON of this form."
    )


class PictureQuestion(TextQuestion):
    """What a model with vision is asked."""

    image: upload_code("image") | None = Field(  # type: ignore[valid-type]
        default=None, description="The code of an uploaded picture that the prompt is about."
    )


class TextAnswerer:
    """Implements Generator."""

    capabilities = CAPABILITIES

    def __init__(
        self,
        chat: ChatModel,
        conversations: Conversations,
        photos: PhotoSource,
        measurer: PhotoMeasurer,
        *,
        has_vision: bool,
    ) -> None:
        self._runner = ConversationRunner(chat, conversations, self._attachment)
        self._conversations = conversations
        self._photos = photos
        self._measurer = measurer
        self._parameters = PictureQuestion if has_vision else TextQuestion

    def parameters(self, _model: Model) -> type[Parameters]:
        return self._parameters

    async def begin(self, task: Task) -> int:
        prompt, shape = str(task.params["prompt"]), _shape(task)
        if shape is not None:
            prompt = AS_JSON.format(prompt=prompt, schema=json.dumps(shape.schema))
        plan = ConversationPlan(
            instruction=str(task.params.get("instructions") or INSTRUCTION),
            prompts=(Prompt(text=prompt, file="image" if task.files else None),),
            template_id=task.model.model_code,
            template_version=1,
        )
        await self._conversations.begin(task.job_code, plan)
        return STAGES

    async def work(self, task: Task, stage: int, _report: Callable[[float], Awaitable[None]]) -> None:
        await self._runner.answer(task, stage, shape=_shape(task))

    async def finish(self, task: Task) -> list[OutputSource]:
        shape = _shape(task)
        text = await self._runner.answer(task, STAGES, shape=shape)
        if shape is None:
            return [OutputSource(kind=OutputKind.TEXT, content=text.encode())]
        return [OutputSource(kind=OutputKind.JSON, content=await self._json(task, text, shape))]

    async def _json(self, task: Task, text: str, shape: AnswerSchema) -> bytes:
        """An answer that is none is requested once more. Raises AnswerUnusable."""
        try:
            answer = await read_answer(text)
        except NotJson as invalid:
            prompt = Prompt(text=RETRY.format(problems=invalid))
            text = await self._runner.answer_follow_up(task, RETRY_STAGE, prompt, shape=shape)
            try:
                answer = await read_answer(text)
            except NotJson as still_invalid:
                await self._runner.reject(task, text, f"The model's answer is not JSON. {still_invalid}")
        return json.dumps(answer.data, ensure_ascii=False, indent=1).encode()

    async def _attachment(self, file: UploadedFile) -> Attachment:
        """A small copy, without metadata."""
        content = await self._measurer.copy_to_show(self._photos.chunks(file))
        return Attachment(name="picture.jpg", media_type="image/jpeg", content=content)


def _shape(task: Task) -> AnswerSchema | None:
    schema = task.params.get("answer_schema")
    return AnswerSchema(name="answer", schema=schema) if isinstance(schema, dict) else None
