"""The body of a chat completions request, as far as the sandbox supports it."""

import base64
import binascii
import json
from typing import Annotated, Any, Final, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Discriminator, Field, ValidationError
from pypdfium2 import PdfDocument

from sandbox.vendors.chat.errors import invalid

MAX_BODY: Final = 64 * 1024 * 1024


class _LenientModel(BaseModel):
    """The real API takes more fields; unknown ones are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class TextPart(_LenientModel):
    type: Literal["text"]
    text: str


class ImageUrl(_LenientModel):
    url: str


class ImagePart(_LenientModel):
    type: Literal["image_url"]
    image_url: ImageUrl


class FileData(_LenientModel):
    file_data: str
    filename: str


class FilePart(_LenientModel):
    type: Literal["file"]
    file: FileData


Part = Annotated[TextPart | ImagePart | FilePart, Discriminator("type")]


class Message(_LenientModel):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part]

    @property
    def text(self) -> str:
        """All text of the message, including that of attached PDFs."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(_readable(part) for part in self.content)


class JsonSchema(_LenientModel):
    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool = False


class ResponseFormat(_LenientModel):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(_LenientModel):
    include_usage: bool = False


class ChatRequest(_LenientModel):
    model: str = Field(min_length=1)
    messages: list[Message] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    response_format: ResponseFormat = ResponseFormat(type="text")
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)

    @property
    def text(self) -> str:
        return "\n".join(message.text for message in self.messages)


async def read_chat_request(request: Request) -> ChatRequest:
    """Raises Refusal (400)."""
    try:
        return ChatRequest.model_validate_json(await request.body())
    except ValidationError as invalid_request:
        first = invalid_request.errors()[0]
        location = ".".join(map(str, first["loc"]))
        raise invalid(location, f"{location}: {first['msg']}") from None


def _readable(part: Part) -> str:
    match part:
        case TextPart(text=text):
            return text
        case FilePart(file=file):
            return _text_of(file)
        case ImagePart():
            return ""


def _text_of(file: FileData) -> str:
    head, _, encoded = file.file_data.partition(";base64,")
    try:
        content = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise invalid("messages", "Invalid base64 in file_data.") from None
    if head != "data:application/pdf":
        raise invalid("messages", "Only PDF files are taken.")
    document = PdfDocument(content)
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()


def schema_in(request: ChatRequest) -> dict[str, Any] | None:
    """The JSON Schema of the expected answer: from the response format, else the last one in the last message."""
    if request.response_format.json_schema is not None:
        return request.response_format.json_schema.schema_
    decoder, text = json.JSONDecoder(), request.messages[-1].text
    for start in reversed([at for at, character in enumerate(text) if character == "{"]):
        try:
            found, _ = decoder.raw_decode(text, start)
        except ValueError:
            continue
        if isinstance(found, dict) and {"rows", "summary"} & found.get("properties", {}).keys():
            return found
    return None
