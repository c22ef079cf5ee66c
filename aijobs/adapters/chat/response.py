"""Reading an answer: server-sent events with a chunk each, or one JSON document."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aijobs.adapters.network.http_client import StreamBroken
from aijobs.domain.errors import AnswerLost, ProviderFailed
from aijobs.domain.llm import FinishReason, OnText

MAX_LINE: Final = 1024 * 1024  #: bytes of one event
MAX_ANSWER: Final = 1024 * 1024  #: characters; models' limits of output tokens are far below
DONE: Final = "[DONE]"

FINISH_OF: Final[Mapping[str, FinishReason]] = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content_filter": FinishReason.FILTERED,
}


@dataclass
class PartialCompletion:
    """An answer as far as it was received. Token counts are 0 where the endpoint does not report them."""

    text: str = ""
    refusal: str = ""
    model: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    finish_reason: str | None = None
    _pieces: list[str] = field(default_factory=list)
    _length: int = 0

    @property
    def finish(self) -> FinishReason:
        if self.refusal:
            return FinishReason.REFUSED
        return FINISH_OF.get(self.finish_reason or "", FinishReason.OTHER)

    def take(self, document: Mapping[str, Any]) -> str:
        """Add a chunk (with `delta`) or a whole answer (with `message`). Returns the text in it."""
        if isinstance(document.get("error"), dict):
            raise AnswerLost("The chat endpoint breaks the answer off with an error.")
        self.model = _text(document.get("model")) or self.model
        self._count(document.get("usage"))
        choice = _first(document.get("choices"))
        message = choice.get("delta") or choice.get("message") or {}
        self.finish_reason = _text(choice.get("finish_reason")) or self.finish_reason
        self.refusal += _text(message.get("refusal")) if isinstance(message, dict) else ""
        piece = _text(message.get("content")) if isinstance(message, dict) else ""
        self._length += len(piece)
        if self._length + len(self.refusal) > MAX_ANSWER:
            raise ProviderFailed(f"The model's answer is longer than {MAX_ANSWER:,} characters.")
        self._pieces.append(piece)
        return piece

    def _count(self, usage: object) -> None:
        if isinstance(usage, dict):
            self.tokens_in = _count_of(usage.get("prompt_tokens")) or self.tokens_in
            self.tokens_out = _count_of(usage.get("completion_tokens")) or self.tokens_out

    def complete(self, *, done: bool) -> "PartialCompletion":
        """Raises AnswerLost when the answer has not ended: there is no finish reason, and `done` is false."""
        if self.finish_reason is None and not done:
            raise AnswerLost("The model's answer broke off.")
        self.finish_reason = self.finish_reason or "stop"
        self.text = "".join(self._pieces)
        return self


async def read_stream(chunks: AsyncIterator[bytes], on_text: OnText | None) -> PartialCompletion:
    """Read server-sent events (WHATWG HTML 9.2) to the end of the answer. Raises AnswerLost and StreamBroken."""
    completion, done = PartialCompletion(), False
    try:
        async for data in _events(chunks):
            if data == DONE:
                done = True
                break
            piece = completion.take(_document(data))
            if piece and on_text is not None:
                await on_text(piece)
    except StreamBroken:
        if completion.finish_reason is None:
            raise
    return completion.complete(done=done)


async def read_document(body: bytes, on_text: OnText | None) -> PartialCompletion:
    """An endpoint that does not stream. Raises AnswerLost."""
    completion = PartialCompletion()
    piece = completion.take(_document(body.decode("utf-8", "replace")))
    if piece and on_text is not None:
        await on_text(piece)
    return completion.complete(done=False)


async def _events(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """The data of each event. Known endpoints write it on one line; comments and other fields are ignored."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        if len(rest) > MAX_LINE:
            raise AnswerLost("The chat endpoint sends an event that is too long.")
        for line in lines:
            if line.startswith(b"data:"):
                yield line.removeprefix(b"data:").strip().decode("utf-8", "replace")
    if rest.startswith(b"data:"):
        yield rest.removeprefix(b"data:").strip().decode("utf-8", "replace")


def _document(data: str) -> Mapping[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise AnswerLost("The chat endpoint's answer cannot be read.")
    return document


def _first(choices: object) -> Mapping[str, Any]:
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count_of(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
