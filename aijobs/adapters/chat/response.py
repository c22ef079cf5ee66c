"""What the documents of an answer add up to: its text, its end, and what it cost."""

import itertools
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aijobs.adapters.chat.frames import Frame, frames
from aijobs.adapters.chat.problems import is_problem
from aijobs.adapters.network.http_client import StreamBroken
from aijobs.domain.errors import AnswerLost, ProviderFailed
from aijobs.domain.llm import FinishReason, OnText

MAX_ANSWER: Final = 1024 * 1024  #: characters; models' limits of output tokens are far below
LEAST_REPEATED: Final = 16  #: characters of a text that no piece of it repeats by chance

_WORDS: Final[Mapping[FinishReason, str]] = {
    FinishReason.STOP: """
        stop eos eos_token end_turn stop_sequence stop_token complete completed finish finished end done end_of_text
        finish_reason_stop normal""",
    FinishReason.LENGTH: """
        length max_tokens model_length max_output_tokens max_length max_completion_tokens token_limit incomplete
        context_length_exceeded model_context_window_exceeded truncated finish_reason_max_tokens""",
    FinishReason.FILTERED: """
        content_filter content_filtered sensitive safety recitation prohibited_content blocklist spii
        guardrail_intervened moderation blocked filtered risk error_toxic image_safety content_policy_violation
        finish_reason_safety""",
    FinishReason.REFUSED: "refusal refused",
}

#: Why an answer ends, in the words of many vendors; in lower case, with `_` for `-` and spaces.
FINISH_OF: Final = {word: reason for reason, words in _WORDS.items() for word in words.split()}

#: Words that are no reason: the answer goes on.
UNFINISHED: Final = frozenset({"", "null", "none", "undefined", "continue", "in_progress", "finish_reason_unspecified"})

#: Words for an answer that failed on the way.
FAILED: Final = frozenset(
    {"error", "failed", "network_error", "insufficient_system_resource", "abort", "aborted", "cancelled", "canceled"}
    | {"timeout", "server_error", "internal_error", "engine_error", "finish_reason_error", "malformed_function_call"}
)


class EndpointProblem(Exception):
    """An error inside of an answer whose status was fine. `after_text`: a part of the answer came before it."""

    def __init__(self, frame: Frame, *, after_text: bool) -> None:
        super().__init__("The chat endpoint breaks the answer off with an error.")
        self.frame = frame
        self.after_text = after_text


@dataclass
class PartialCompletion:
    """An answer as far as it was received. Token counts are 0 where the endpoint does not report them."""

    text: str = ""
    refusal: str = ""
    model: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    finish_word: str = ""
    _pieces: list[str] = field(default_factory=list)
    _messages: list[str] = field(default_factory=list)  #: whole ones, with or without pieces before them
    _length: int = 0

    @property
    def finish(self) -> FinishReason:
        """A word that is not known, behind a text, is an end like another."""
        return FinishReason.REFUSED if self.refusal else FINISH_OF.get(self.finish_word, FinishReason.STOP)

    @property
    def has_ended(self) -> bool:
        return bool(self.finish_word) or len(self._messages) == 1

    def take(self, frame: Frame) -> str:
        """Add a chunk (with `delta`) or a whole answer (with `message`). Returns the text in it."""
        document = frame.document
        if document is None or frame.is_error or is_problem(document):
            raise EndpointProblem(frame, after_text=self._length > 0)
        self.model = _string(document.get("model")) or self.model
        self._count(document.get("usage"))
        choice = _first(document.get("choices")) or document
        self._take_finish(choice, frame)
        piece = self._take_piece(choice)
        self._length += len(piece)
        if self._length + len(self.refusal) > MAX_ANSWER:
            raise ProviderFailed(f"The model's answer is longer than {MAX_ANSWER:,} characters.")
        return piece

    def _take_finish(self, choice: Mapping[str, Any], frame: Frame) -> None:
        word = _string(choice.get("finish_reason")) or (
            _string(choice.get("done_reason")) if choice.get("done") else ""
        )
        word = word.strip().lower().replace("-", "_").replace(" ", "_")
        if word in FAILED:
            raise EndpointProblem(frame, after_text=self._length > 0)
        if word not in UNFINISHED or choice.get("done") is True:
            self.finish_word = "stop" if word in UNFINISHED else word

    def _take_piece(self, choice: Mapping[str, Any]) -> str:
        delta, message = choice.get("delta"), choice.get("message")
        if isinstance(delta, dict) and (delta or not isinstance(message, dict)):
            self.refusal += _refusal(delta)
            piece = _content(delta.get("content"))
            self._pieces.append(piece)
            return piece
        if not isinstance(message, dict):
            piece = _string(choice.get("text"))
            self._pieces.append(piece)
            return piece
        self.refusal = _refusal(message) or self.refusal
        piece = _content(message.get("content"))
        if "done" in choice:  # Ollama's own protocol: its messages are pieces
            self._pieces.append(piece)
            return piece
        self._messages.append(piece)
        return "" if any(self._pieces) else piece

    def _count(self, usage: object) -> None:
        if isinstance(usage, dict):
            self.tokens_in = _count_of(usage.get("prompt_tokens")) or self.tokens_in
            self.tokens_out = _count_of(usage.get("completion_tokens")) or self.tokens_out

    def complete(self, *, done: bool) -> "PartialCompletion":
        """Raises AnswerLost when the answer has not ended, or says nothing.

        It ends with a reason, with `[DONE]` (`done`), or by coming as a whole message.
        """
        if not self.has_ended and not done:
            raise AnswerLost("The model's answer broke off.")
        self.text = _joined(self._pieces, _joined(self._messages))
        if self.finish is FinishReason.STOP and not self.text.strip():
            raise AnswerLost("The model gave no answer.")
        return self


async def read_answer(chunks: AsyncIterator[bytes], on_text: OnText | None) -> PartialCompletion:
    """Read to the end of the answer. Raises EndpointProblem, AnswerLost and StreamBroken."""
    completion, done = PartialCompletion(), False
    try:
        async for frame in frames(chunks):
            if frame.is_done:
                done = True
                break
            piece = completion.take(frame)
            if piece and on_text is not None:
                await on_text(piece)
    except StreamBroken:
        if not completion.finish_word:
            raise
    return completion.complete(done=done)


def _joined(pieces: list[str], message: str = "") -> str:
    """The text of the pieces; once, where the last one or a whole message repeats all of it, or each the one before."""
    said = [piece for piece in pieces if piece]
    *before, last = said or [""]
    if len(before) >= 2 and len(last) >= LEAST_REPEATED:
        grow = all(other.startswith(one) and other != one for one, other in itertools.pairwise(said))
        if grow or last == "".join(before):
            said = [last]
    text = "".join(said)
    return message if message.startswith(text) else text


def _refusal(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    said = [_string(part.get("refusal")) for part in parts if isinstance(part, dict)]
    return _string(message.get("refusal")) + "".join(said)


def _content(content: object) -> str:
    """A text, or the text parts of a list; a model's thoughts among them are left out."""
    match content:
        case str():
            return content
        case list():
            return "".join(map(_content, content))
        case dict() if content.get("type", "text") in ("text", "output_text"):
            text = content.get("text")
            return _string(text.get("value")) if isinstance(text, dict) else _string(text)
    return ""


def _first(choices: object) -> Mapping[str, Any] | None:
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else None


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count_of(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
