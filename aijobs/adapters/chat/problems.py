"""What an endpoint's error says, in any vendor's shape: with a status line, or inside of an answer without one.

The vendors' shapes: OpenAI `{"error": {message, type, code}}`, vLLM `{"object": "error", message}`, FastAPI
`{"detail": […]}`, DashScope `{code, message, request_id}`, MiniMax `{"base_resp": {status_code, status_msg}}`, Zhipu
`{"error": {"code": "1113", message}}`, Baidu `{error_code, error_msg}`, Google `[{"error": {code, status, details}}]`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

MAX_DEPTH: Final = 8
MAX_TEXT: Final = 20_000  #: characters of an error that are looked at
FINE_CODES: Final = (None, "", 0, "0", 200, "200", "ok", "OK", "success", "Success")

_STATUS: Final = re.compile(
    r"\b(?:status(?: code)?|error(?: code)?|http)\W{0,3}([45]\d\d)\b|^\s*([45]\d\d)\b", re.IGNORECASE
)
_CODE_KEYS: Final = ("code", "status", "status_code", "error_code", "http_status", "http_code", "errno", "type", "Code")
_PROBLEM_KEYS: Final = ("message", "msg", "detail", "error_msg", "error_message", "errorMessage", "status_msg")
_MESSAGE_KEYS: Final = (*_PROBLEM_KEYS, "error_description", "Message", "reason", "title", "finish_reason")
#: What is said in answers, about anything.
_OF_ANSWERS: Final = frozenset({"content", "delta", "reasoning", "reasoning_content", "id", "usage"})
_CONTAINERS: Final = ("error", "Error", "base_resp", "header", "Response", "ResponseMetadata", "data", "message")


@dataclass(frozen=True)
class ChatProblem:
    """An error as it was told. `status` is that of the response, or one that its text names."""

    status: int | None
    codes: frozenset[str]
    message: str
    text: str  #: all of it, to look for words in

    @property
    def retry_after(self) -> timedelta | None:
        """When to try again, as its words say."""
        found = _RETRY.search(self.text)
        if found is None:
            return None
        amounts = _AMOUNT.findall(found["times"] or found["bare"] or found["chinese"])
        return timedelta(seconds=sum(float(amount) * _SECONDS[unit[:2].lower()] for amount, unit in amounts))


_SECONDS: Final[Mapping[str, float]] = {
    **dict.fromkeys(("h", "ho"), 3600),
    **dict.fromkeys(("m", "mi", "分", "分钟"), 60),
    **dict.fromkeys(("s", "se", "秒", "秒钟", ""), 1),
    "ms": 0.001,
}
_UNIT: Final = r"ms|milliseconds?|h(?:ours?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?"
_AMOUNT: Final = re.compile(rf"(\d+(?:\.\d+)?)\s*({_UNIT}|秒钟?|分钟?|)", re.IGNORECASE)
_RETRY: Final = re.compile(
    r"(?:retry|try again|wait|retryDelay|reset)[^.\d\n]{0,40}?"
    rf"(?P<times>(?:\d+(?:\.\d+)?\s*(?:{_UNIT})(?![a-z])\s*)+)"
    r"|retry[_-]?after\w*\W{1,3}(?P<bare>\d+(?:\.\d+)?)(?![\d.])"
    r"|(?P<chinese>\d+(?:\.\d+)?\s*(?:秒钟?|分钟?))(?:之?后|内)",
    re.IGNORECASE,
)


def is_problem(document: Mapping[str, Any]) -> bool:
    """Whether a document is an error, or holds one."""
    if document.get("error") or document.get("object") == "error" or document.get("type") == "error":
        return True
    base = document.get("base_resp")
    if isinstance(base, dict) and base.get("status_code") not in FINE_CODES:
        return True
    choices = document.get("choices")
    if isinstance(choices, list) and choices:
        return isinstance(choices[0], dict) and bool(choices[0].get("error"))
    if choices is not None or (isinstance(document.get("message"), dict) and "done" in document):
        return False
    if document.get("success") is False or document.get("errors"):
        return True
    has_message = any(document.get(key) for key in _PROBLEM_KEYS)
    has_code = any(document.get(key) not in FINE_CODES for key in ("code", "error_code", "status_code", "errno"))
    nested = any(isinstance(document.get(key), dict) and is_problem(document[key]) for key in ("header", "Response"))
    return has_message or has_code or nested


def problem_in(content: Mapping[str, Any] | str, *, status: int | None = None) -> ChatProblem:
    """What an error says. `status` is that of the response, where it is one of an error."""
    document: Any = content
    if isinstance(content, str):
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            document = None
    if not isinstance(document, dict | list):
        text = str(content)[:MAX_TEXT]
        return ChatProblem(status or _status_in_words(text), frozenset(), "" if is_page(text) else text.strip(), text)
    fields = list(_fields(document))
    codes = [str(value).lower() for key, value in fields if key in _CODE_KEYS and isinstance(value, str | int)]
    text = "\n".join(f"{key}: {value}" for key, value in fields)[:MAX_TEXT]
    numbers = [int(code) for code in codes if code.isdigit() and 400 <= int(code) < 600]
    return ChatProblem(status or next(iter(numbers), None), frozenset(codes), _message_in(document), text)


def _fields(value: Any, *, depth: int = 0, key: str = "") -> Iterator[tuple[str, Any]]:
    """All keys and values, at any depth; a text that is JSON itself is looked into."""
    match _opened(value):
        case dict(inner) if depth < MAX_DEPTH:
            for name in [name for name in inner if name not in _OF_ANSWERS]:
                yield from _fields(inner[name], depth=depth + 1, key=str(name))
        case list(items) if depth < MAX_DEPTH:
            for item in items:
                yield from _fields(item, depth=depth + 1, key=key)
        case str() | int() | float():
            yield key, value


def _opened(value: Any) -> Any:
    if not (isinstance(value, str) and value.lstrip().startswith("{")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _message_in(document: Any) -> str:
    """The words for people."""
    match document:
        case str():
            return document.strip()
        case list():
            return "; ".join(filter(None, map(_message_in, document[:5])))
        case dict():
            location = document.get("loc")
            where = f"{'.'.join(map(str, location))}: " if isinstance(location, list) else ""
            for key in (*_MESSAGE_KEYS, *_CONTAINERS, "errors", "choices"):
                if document.get(key) and (message := _message_in(document[key])):
                    return where + message + _upstream_words(document)
    return ""


def _status_in_words(text: str) -> int | None:
    found = re.search(
        r"\b(?:status(?: code)?|error(?: code)?|http)\W{0,3}([45]\d\d)\b|^\s*([45]\d\d)\b", text, re.IGNORECASE
    )
    return int(found[1] or found[2]) if found else None


def is_page(text: str) -> bool:
    """Whether a text is HTML or XML."""
    return text.lstrip().startswith("<")


def _upstream_words(document: Mapping[str, Any]) -> str:
    """What OpenRouter was told by the provider behind it: `{"message": …, "metadata": {"raw": …}}`."""
    metadata = document.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    words = _message_in(_opened(raw)) if raw else ""
    return f": {words}" if words else ""
