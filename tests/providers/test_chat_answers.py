"""What chat endpoints send: the same answer in every framing, and no answer where there is none."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from aijobs.adapters.chat import ChatEndpoint, ChatSettings, opened
from aijobs.adapters.chat.response import PartialCompletion, read_answer
from aijobs.domain.errors import AnswerLost, ProviderFailed
from aijobs.domain.llm import ChatMessage, FinishReason, Role

TEXT: Final = '{"rows": [{"Order": "A1"}, {"Order": "乙"}]}'
QUESTION: Final = [ChatMessage(role=Role.USER, text="Read.")]
SSE: Final = "text/event-stream"

Send = Callable[[bytes, str | None], Awaitable[ChatEndpoint]]


def delta(text: str | None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text, **more}, "finish_reason": finish}]}


def message(content: Any, finish: str | None = "stop", **more: Any) -> dict[str, Any]:
    return {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content, **more}, "finish_reason": finish}]
    }


def sse(*documents: Any, end: str = "\n\n") -> bytes:
    lines = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in documents]
    return "".join(f"data: {line}{end}" for line in lines).encode()


def jsons(*documents: Any, **options: Any) -> bytes:
    return "\n".join(json.dumps(document, ensure_ascii=False, **options) for document in documents).encode()


HALVES: Final = (delta(TEXT[:10]), delta(TEXT[10:]))
STREAM: Final = (*HALVES, delta(None, "stop"), "[DONE]")
PARTS: Final = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
    {"type": "text", "text": TEXT[:10]},
    {"type": "output_text", "text": TEXT[10:]},
]
THINKING: Final = delta("", reasoning_content="hm", reasoning="hm")
OLLAMA: Final = (
    {"model": "m", "message": {"role": "assistant", "content": TEXT[:10]}, "done": False},
    {"model": "m", "message": {"role": "assistant", "content": TEXT[10:]}, "done": False},
    {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"},
)

SAME_ANSWER: Final[dict[str, bytes]] = {
    "a stream": sse(*STREAM),
    "parts in a message": jsons(message(PARTS)),
    "parts in a delta": sse({"choices": [{"delta": {"content": PARTS}, "finish_reason": None}]}, delta("", "stop")),
    "thoughts in fields of their own": sse(THINKING, THINKING, *STREAM),
    "no reason but DONE": sse(*HALVES, "[DONE]"),
    "no DONE but a reason": sse(*HALVES, delta(None, "stop")),
    "a byte order mark": b"\xef\xbb\xbf" + sse(*STREAM),
    "CR": sse(*STREAM, end="\r\r"),
    "CRLF": sse(*STREAM, end="\r\n\r\n"),
    "no empty lines": sse(*STREAM, end="\n"),
    "no space behind the colon": sse(*STREAM).replace(b"data: ", b"data:"),
    "comments, ids and names of events": sse(*STREAM).replace(
        b"data:", b": OK\n\nevent: message\nid: 7\nretry: 5\ndata:"
    ),
    "an event over several data lines": b"".join(
        b"".join(b"data: " + line + b"\n" for line in jsons(one, indent=1).split(b"\n")) + b"\n" for one in STREAM[:3]
    ),
    "a document on each line": jsons(*STREAM[:3]),
    "a document on each line, CRLF": jsons(*STREAM[:3]).replace(b"\n", b"\r\n"),
    "Ollama's own protocol": jsons(*OLLAMA),
    "one document": jsons(message(TEXT)),
    "one document over several lines": jsons(message(TEXT), indent=2),
    "one document without a reason": jsons(message(TEXT, None)),
    "one document as an event": sse(message(TEXT, None)),
    "a list of chunks": json.dumps(STREAM[:3]).encode(),
    "the words null and None for no reason": sse(*(delta(text, "null") for text in TEXT), delta("", "stop")),
    "a last chunk that repeats all": sse(*HALVES, delta(TEXT), delta("", "stop")),
    "a last chunk with a reason that repeats all": sse(*HALVES, delta(TEXT, "stop")),
    "a last message that repeats all": sse(*HALVES, message(TEXT)),
    "a last chunk with both": sse(
        *HALVES, {"choices": [{"delta": {}, "message": {"content": TEXT}, "finish_reason": "stop"}]}
    ),
    "each chunk repeats what came before": sse(delta(TEXT[:20]), delta(TEXT[:30]), delta(TEXT), delta("", "stop")),
    "messages in pieces": sse(message(TEXT[:10], None), message(TEXT[10:], None), "[DONE]"),
    "text of the older protocol": sse({"choices": [{"text": TEXT, "finish_reason": "stop"}]}),
    "chunks without choices": sse({"choices": [], "prompt_filter_results": []}, {"type": "ping"}, {}, *STREAM),
    "code and message of a success": jsons({**message(TEXT), "code": 0, "message": "success", "error": None}),
    "a success in MiniMax's words": sse({**HALVES[0], "base_resp": {"status_code": 0, "status_msg": ""}}, *STREAM[1:]),
}


@pytest.fixture
def sent(vendor_that: Any, server: Any, stack: AsyncExitStack) -> Send:
    async def send(body: bytes, content_type: str | None) -> ChatEndpoint:
        header = b"" if content_type is None else f"Content-Type: {content_type}\r\n".encode()
        vendor = await vendor_that(server.says(b"HTTP/1.1 200 OK\r\n" + header + b"Connection: close\r\n\r\n" + body))
        return await stack.enter_async_context(opened(ChatSettings(base_url=vendor.url, token=SecretStr("sk-x"))))

    return send


@pytest.mark.parametrize("content_type", [SSE, "application/json", "text/plain; charset=utf-8", None])
@pytest.mark.parametrize("framing", SAME_ANSWER)
async def test_the_bytes_decide_what_an_answer_is(sent: Send, framing: str, content_type: str | None) -> None:
    chat = await sent(SAME_ANSWER[framing], content_type)

    assert (await chat.complete(QUESTION)).require_whole() == TEXT


async def completed(body: bytes, *sizes: int) -> PartialCompletion:
    async def chunks() -> AsyncIterator[bytes]:
        rest = body
        for size in sizes:
            yield rest[:size]
            rest = rest[size:]
        yield rest

    return await read_answer(chunks(), None)


@given(st.sampled_from(sorted(SAME_ANSWER)), st.lists(st.integers(0, 40), max_size=30))
@settings(deadline=None)
async def test_an_answer_may_be_cut_anywhere_on_its_way(framing: str, sizes: list[int]) -> None:
    assert (await completed(SAME_ANSWER[framing], *sizes)).text == TEXT


@given(st.lists(st.text(st.sampled_from("ab\n"), min_size=1, max_size=8), min_size=1, max_size=6))
async def test_pieces_are_joined_as_they_came(pieces: list[str]) -> None:
    """What is repeated by chance is short."""
    answer = await completed(sse(*map(delta, ["x", *pieces, "y"]), "[DONE]"))

    assert answer.text == f"x{''.join(pieces)}y"


NO_ANSWER: Final = {
    "DONE alone": sse("[DONE]"),
    "nothing": b"",
    "empty lines": b"\n\n\n",
    "thoughts alone": sse(THINKING, delta("", "stop"), "[DONE]"),
    "an empty text": sse(delta("", "stop"), "[DONE]"),
    "a blank text": sse(delta(" \n", "stop"), "[DONE]"),
    "a null message": jsons(message(None)),
    "thoughts in parts": jsons(message(PARTS[:1])),
    "a call of a tool": jsons(message(None, "tool_calls", tool_calls=[{"id": "x"}])),
    "an unknown word alone": sse(delta(None, "flamingo")),
    "no end": sse(*HALVES),
    "no end in Ollama's protocol": jsons(*OLLAMA[:2]),
    "half a document": jsons(message(TEXT))[:60],
    "pieces of messages without an end": sse(message(TEXT[:10], None), message(TEXT[10:], None)),
}


@pytest.mark.parametrize("body", NO_ANSWER.values(), ids=NO_ANSWER)
async def test_no_text_is_no_answer(sent: Send, body: bytes) -> None:
    chat = await sent(body, SSE)

    with pytest.raises(AnswerLost):
        await chat.complete(QUESTION)


WORDS: Final = {
    FinishReason.STOP: ("stop", "STOP", "eos", "end_turn", "stop_sequence", "COMPLETE", "flamingo", "tool_calls"),
    FinishReason.LENGTH: ("length", "MAX_TOKENS", "model_length", "max_tokens", "max-output-tokens"),
    FinishReason.FILTERED: ("content_filter", "sensitive", "SAFETY", "content-filter", "guardrail_intervened"),
    FinishReason.REFUSED: ("refusal",),
}


@pytest.mark.parametrize(("finish", "word"), [(finish, word) for finish, words in WORDS.items() for word in words])
async def test_vendors_have_words_of_their_own_for_an_end(sent: Send, finish: FinishReason, word: str) -> None:
    chat = await sent(sse(*HALVES, delta(None, word), "[DONE]"), SSE)

    completion = await chat.complete(QUESTION)

    assert (completion.finish, completion.text) == (finish, TEXT)


@pytest.mark.parametrize("word", ["error", "ERROR", "network_error", "insufficient_system_resource", "aborted"])
async def test_half_an_answer_that_failed_is_lost(sent: Send, word: str) -> None:
    chat = await sent(sse(HALVES[0], delta("", word), "[DONE]"), SSE)

    with pytest.raises(AnswerLost, match=word):
        await chat.complete(QUESTION)


@pytest.mark.parametrize("content_type", ["text/html", None])
async def test_a_web_page_says_that_the_address_is_wrong(sent: Send, content_type: str | None) -> None:
    chat = await sent(b"<!DOCTYPE html>\n<html><title>Welcome</title>\n</html>", content_type)

    with pytest.raises(ProviderFailed, match=r"web page.*BASE_URL.*/v1"):
        await chat.complete(QUESTION)


async def test_a_refusal_may_come_as_a_part(sent: Send) -> None:
    chat = await sent(jsons(message([{"type": "refusal", "refusal": "No."}])), SSE)

    assert (await chat.complete(QUESTION)).finish is FinishReason.REFUSED
