"""The body of a request. Field names are those of OpenAI's API reference, "Create chat completion"."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from aijobs.adapters.chat.settings import ChatSettings
from aijobs.adapters.chat.supported_fields import Dialect
from aijobs.domain.llm import AnswerSchema, Attachment, ChatMessage


def request_body(
    settings: ChatSettings, dialect: Dialect, messages: Sequence[ChatMessage], shape: AnswerSchema | None
) -> dict[str, Any]:
    """The request's body. Unset fields are left out: many endpoints refuse fields that they do not know."""
    body: dict[str, Any] = {"model": settings.model, "messages": [_message(message) for message in messages]}
    if dialect.stream:
        body["stream"] = True
        if dialect.usage:
            body["stream_options"] = {"include_usage": True}
    if shape is not None and dialect.structured != "off":
        body["response_format"] = _format(dialect.structured, shape)
    if settings.temperature is not None and dialect.temperature:
        body["temperature"] = settings.temperature
    if settings.max_output_tokens is not None:
        body[dialect.limit_field] = settings.max_output_tokens
    return body


def _message(message: ChatMessage) -> dict[str, Any]:
    if not message.attachments:
        return {"role": message.role, "content": message.text}
    parts = [{"type": "text", "text": message.text}, *(_part(attachment) for attachment in message.attachments)]
    return {"role": message.role, "content": parts}


def _part(attachment: Attachment) -> Mapping[str, Any]:
    data = f"data:{attachment.media_type};base64,{base64.b64encode(attachment.content).decode()}"
    if attachment.media_type.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": data}}
    return {"type": "file", "file": {"filename": attachment.name, "file_data": data}}


def _format(structured: str, shape: AnswerSchema) -> Mapping[str, Any]:
    if structured == "json_object":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": shape.name, "schema": shape.schema, "strict": True}}
