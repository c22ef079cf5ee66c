"""The ways in which chat endpoints send an answer, and errors within it, by name."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

SSE: Final = "text/event-stream"
JSON: Final = "application/json"


@dataclass(frozen=True)
class Framed:
    """The body of a response, in the pieces in which it is sent, and its Content-Type."""

    pieces: Sequence[bytes]
    media_type: str = SSE


Chunk = dict[str, Any]
Framing = Callable[[Sequence[Chunk], Chunk], Framed]  #: of the chunks of a stream, and the same answer as one document


def _encoded(document: Any, **options: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, **options).encode()


def _events(documents: Sequence[Any], *, end: bytes = b"\n\n", done: bool = True) -> list[bytes]:
    return [b"data: " + _encoded(one) + end for one in documents] + ([b"data: [DONE]" + end] if done else [])


def _over_several_lines(documents: Sequence[Any]) -> list[bytes]:
    lines = [_encoded(one, indent=1).replace(b"\n", b"\ndata: ") for one in documents]
    return [b"data: " + line + b"\n\n" for line in lines]


def _parts(document: Chunk) -> Chunk:
    (choice,) = document["choices"]
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    content = [thought, {"type": "text", "text": choice["message"]["content"]}]
    return {**document, "choices": [{**choice, "message": {**choice["message"], "content": content}}]}


def _unfinished(chunks: Sequence[Chunk]) -> list[Chunk]:
    """The chunks before the reason."""
    return [chunk for chunk in chunks if chunk["choices"] and chunk["choices"][0]["finish_reason"] is None]


def _with_reason(chunk: Chunk, reason: str) -> Chunk:
    return {**chunk, "choices": [{**choice, "finish_reason": reason} for choice in chunk["choices"]]}


def _thoughts_only(chunks: Sequence[Chunk]) -> list[Chunk]:
    empty = {**chunks[0], "choices": [{"index": 0, "delta": {"reasoning_content": "hm"}, "finish_reason": None}]}
    end = {**chunks[0], "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}]}
    return [empty, empty, end]


def _without_reason(document: Chunk) -> Chunk:
    return {**document, "choices": [{**choice, "finish_reason": None} for choice in document["choices"]]}


FRAMINGS: Final[Mapping[str, Framing]] = {
    "parts": lambda _, whole: Framed([_encoded(_parts(whole))], JSON),
    "done_only": lambda *_: Framed([b"data: [DONE]\n\n"]),
    "thoughts_only": lambda chunks, _: Framed(_events(_thoughts_only(chunks))),
    "stream_under_json_header": lambda chunks, _: Framed(_events(chunks), JSON),
    "document_under_stream_header": lambda _, whole: Framed([_encoded(whole)]),
    "document_without_reason": lambda _, whole: Framed([_encoded(_without_reason(whole), indent=1)], JSON),
    "document_as_event": lambda _, whole: Framed(_events([_without_reason(whole)])),
    "byte_order_mark": lambda chunks, _: Framed([b"\xef\xbb\xbf", *_events(chunks)]),
    "cr": lambda chunks, _: Framed(_events(chunks, end=b"\r\r")),
    "several_lines": lambda chunks, _: Framed(_over_several_lines(chunks)),
    "newline_delimited": lambda chunks, _: Framed([_encoded(one) + b"\n" for one in chunks], "application/x-ndjson"),
    "repeated_message": lambda chunks, whole: Framed(_events([*chunks, whole])),
    "finish_error": lambda chunks, _: Framed(_events([_with_reason(one, "error") for one in _unfinished(chunks)[:3]])),
}

TOO_LONG: Final = "This model's maximum context length is 32768 tokens, you asked 40000"

#: Errors inside of an answer with status 200.
ERRORS: Final[Mapping[str, bytes]] = {
    "too_long": b"".join(_events([{"error": {"message": TOO_LONG, "code": 400}}])),
    "rate_limit": b"".join(_events([{"error": {"message": "Slow down, retry after 1 seconds", "code": 429}}])),
    "no_credit": b"".join(_events([{"error": {"code": "1113", "message": "您的账户已欠费，请充值后重试。"}}])),
    "minimax_balance": _encoded({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}),
    "plain_text": b"upstream connect error or disconnect/reset before headers",
    "web_page": b"<!doctype html>\n<html><title>Welcome</title></html>\n",
}

#: Fields that an endpoint may refuse, and in what words.
REFUSALS: Final[Mapping[str, str]] = {
    "stream_options": "Extra inputs are not permitted: body.stream_options.include_usage",
    "response_format": "This response_format type is unavailable now",
    "json_schema": "response_format of type json_schema is not supported",
    "temperature": "Unsupported value: 'temperature' does not support this with this model",
    "max_tokens": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
    "max_completion_tokens": "Unrecognized request argument supplied: max_completion_tokens",
}


def is_refused(field: str, body: Mapping[str, Any]) -> bool:
    """Whether a request holds the field."""
    if field == "json_schema":
        return (body.get("response_format") or {}).get("type") == field
    return field in body
