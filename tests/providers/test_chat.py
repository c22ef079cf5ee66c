"""A chat completions endpoint: requests, answers, and the error for each kind of failure."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from aijobs.adapters.chat import ChatEndpoint, ChatSettings, opened
from aijobs.domain.errors import AnswerLost, AnswerRefused, ProviderFailed, ProviderUnavailable
from aijobs.domain.llm import AnswerSchema, Attachment, ChatMessage, Completion, FinishReason, Role
from sandbox.config import Pace, SandboxConfig
from sandbox.server import RunningSandbox, running
from tests.providers.scripted_vendor import ScriptedVendor

KEY = "sk-a_key_that_must_stay_secret"
HELLO = [ChatMessage(role=Role.USER, text="合同编号：HT-1\nSay what you found.")]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "rows": {"type": "array", "items": {"type": "object", "properties": {"合同编号": {"type": "string"}}}}
    },
}
SHAPE = AnswerSchema(name="table", schema=SCHEMA)

OpenChat = Callable[..., Awaitable[ChatEndpoint]]


@pytest.fixture
def chat_at(stack: AsyncExitStack) -> OpenChat:
    async def open_it(base_url: str, **settings: Any) -> ChatEndpoint:
        chosen = {"token": SecretStr(KEY), **settings}
        return await stack.enter_async_context(opened(ChatSettings(base_url=base_url, **chosen)))

    return open_it


@pytest.fixture(scope="module")
async def model() -> AsyncIterator[RunningSandbox]:
    async with running(SandboxConfig(port=0, pace=Pace(queue_seconds=0, work_seconds=0))) as sandbox:
        yield sandbox


@pytest.fixture
async def chat(chat_at: OpenChat, model: RunningSandbox) -> ChatEndpoint:
    await model.reset()
    return await chat_at(f"{model.url}/openai/v1", price_in=1.0, price_out=10.0)


def events(*documents: Any) -> bytes:
    lines = [d if isinstance(d, str) else json.dumps(d) for d in documents]
    body = "".join(f"data: {line}\n\n" for line in lines).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + body


def piece(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


async def test_an_answer_comes_in_pieces_and_says_what_it_cost(chat: ChatEndpoint, model: RunningSandbox) -> None:
    pieces: list[str] = []

    async def receive(text: str) -> None:
        pieces.append(text)

    completion = await chat.complete(HELLO, on_text=receive, reference="job_1/1")

    assert completion.require_whole() == "".join(pieces) == "I found 1 facts.\n- 合同编号: HT-1"
    assert len(pieces) > 5
    assert completion.tokens_in > 0
    assert completion.cost == round((completion.tokens_in + 10 * completion.tokens_out) / 1e6, 8)
    (row,) = model.ledger("job_1/1")
    assert (row.vendor, row.outcome) == ("chat", "stop")


async def test_what_is_not_set_is_not_sent(chat_at: OpenChat, vendor_that: Any, server: Any) -> None:
    vendor: ScriptedVendor = await vendor_that(server.says(events(piece("hi", "stop"), "[DONE]")))
    chat = await chat_at(vendor.url, model="qwen-max")

    await chat.complete(HELLO)

    (received,) = vendor.received
    assert received.path == "/chat/completions"
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert received.document == {
        "model": "qwen-max",
        "messages": [{"role": "user", "content": HELLO[0].text}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(
    ("structured", "sent"),
    [
        (
            "json_schema",
            {"type": "json_schema", "json_schema": {"name": "table", "schema": SCHEMA, "strict": True}},
        ),
        ("json_object", {"type": "json_object"}),
        ("off", None),
    ],
)
async def test_the_shape_is_asked_for_as_the_endpoint_knows_it(
    chat_at: OpenChat, vendor_that: Any, server: Any, structured: str, sent: Any
) -> None:
    vendor: ScriptedVendor = await vendor_that(server.says(events(piece("{}", "stop"))))
    chat = await chat_at(vendor.url, structured=structured, max_output_tokens=9, temperature=0.0)

    await chat.complete(HELLO, shape=SHAPE)

    (received,) = vendor.received
    assert received.document.get("response_format") == sent
    assert (received.document["max_tokens"], received.document["temperature"]) == (9, 0.0)


async def test_pictures_and_files_go_along_as_data(chat_at: OpenChat, vendor_that: Any, server: Any) -> None:
    vendor: ScriptedVendor = await vendor_that(server.says(events(piece("ok", "stop"))))
    chat = await chat_at(vendor.url)
    picture = Attachment(name="a.png", media_type="image/png", content=b"\x89PNG")
    paper = Attachment(name="a.pdf", media_type="application/pdf", content=b"%PDF-")

    await chat.complete([ChatMessage(role=Role.USER, text="look", attachments=(picture, paper))])

    assert vendor.received[0].document["messages"][0]["content"] == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
    ]


async def test_an_endpoint_that_does_not_stream_is_understood(chat_at: OpenChat, vendor_that: Any, server: Any) -> None:
    answer = {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3}}
    chat = await chat_at((await vendor_that(server.answers(200, answer))).url)

    completion = await chat.complete(HELLO)

    assert (completion.text, completion.tokens_in, completion.tokens_out) == ("hi", 3, 0)


@pytest.mark.parametrize(
    ("fault", "finish"),
    [
        ("answer_refused", FinishReason.REFUSED),
        ("answer_filtered", FinishReason.FILTERED),
        ("answer_cut", FinishReason.LENGTH),
    ],
)
async def test_an_answer_that_is_none_is_paid_for_and_refused(
    chat: ChatEndpoint, model: RunningSandbox, fault: str, finish: FinishReason
) -> None:
    model.misbehave(fault)

    completion = await chat.complete(HELLO)

    assert completion.finish is finish
    assert completion.tokens_in > 0
    with pytest.raises(AnswerRefused):
        completion.require_whole()


@pytest.mark.parametrize("fault", ["answer_stalls", "answer_breaks", "accept_then_drop", "hang"])
async def test_an_answer_that_does_not_arrive_whole_is_lost(
    chat_at: OpenChat, model: RunningSandbox, fault: str
) -> None:
    await model.reset()
    chat = await chat_at(f"{model.url}/openai/v1", silence=timedelta(seconds=1))
    model.misbehave(fault, on="chat")

    with pytest.raises(AnswerLost):
        await chat.complete(HELLO)

    assert len(model.ledger()) == 1


@pytest.mark.parametrize(
    "raw",
    [
        events(piece("ha")),
        events("{broken"),
        events("[]", "[DONE]"),
        events({"error": {"message": "overloaded"}}),
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: " + b"x" * 1_100_000,
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
    ],
    ids=["no end", "no JSON", "no object", "an error", "endless line", "no answer"],
)
async def test_what_cannot_be_read_is_lost(chat_at: OpenChat, vendor_that: Any, server: Any, raw: bytes) -> None:
    chat = await chat_at((await vendor_that(server.says(raw))).url)

    with pytest.raises(AnswerLost):
        await chat.complete(HELLO)


async def test_an_answer_that_has_ended_needs_no_goodbye(chat_at: OpenChat, vendor_that: Any, server: Any) -> None:
    raw = events(piece("all", "stop")).replace(b"Connection: close", b"Content-Length: 9999\r\nConnection: close")
    chat = await chat_at((await vendor_that(server.says(raw))).url)

    assert (await chat.complete(HELLO)).require_whole() == "all"


async def test_comments_and_strange_line_ends_are_no_matter(chat_at: OpenChat, vendor_that: Any, server: Any) -> None:
    raw = events(piece("a"), piece("b", "stop"), "[DONE]").replace(b"data:", b": PROCESSING\r\n\r\nevent: x\r\ndata:")
    chat = await chat_at((await vendor_that(server.says(raw))).url)

    assert (await chat.complete(HELLO)).require_whole() == "ab"


@pytest.mark.parametrize(
    ("fault", "arg", "wait"),
    [("throttled", "7", timedelta(seconds=7)), ("throttled_silently", None, None), ("server_error", "503", None)],
)
async def test_trouble_that_passes_is_worth_another_try(
    chat: ChatEndpoint, model: RunningSandbox, fault: str, arg: str | None, wait: timedelta | None
) -> None:
    model.misbehave(fault, arg=arg, on="chat")

    with pytest.raises(ProviderUnavailable) as unavailable:
        await chat.complete(HELLO)

    assert not isinstance(unavailable.value, AnswerLost)
    assert unavailable.value.retry_after == wait
    assert model.ledger() == []


@pytest.mark.parametrize("fault", ["reject_401", "reject_402", "reject_404", "reject_422", "no_quota"])
async def test_trouble_that_stays_is_final(chat: ChatEndpoint, model: RunningSandbox, fault: str) -> None:
    model.misbehave(fault, on="chat")

    with pytest.raises(ProviderFailed):
        await chat.complete(HELLO)

    assert model.ledger() == []


async def test_nobody_there_is_worth_another_try(chat_at: OpenChat, refused_url: str) -> None:
    chat = await chat_at(refused_url)

    with pytest.raises(ProviderUnavailable) as unavailable:
        await chat.complete(HELLO)

    assert not isinstance(unavailable.value, AnswerLost)


async def test_the_key_is_never_told(chat_at: OpenChat, vendor_that: Any, server: Any) -> None:
    answers = [
        server.answers(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}),
        server.answers(400, {"error": {"message": f"Bad key {KEY} for this"}}),
    ]
    chat = await chat_at((await vendor_that(*answers)).url)

    for _ in answers:
        with pytest.raises(ProviderFailed) as failed:
            await chat.complete(HELLO)
        assert KEY not in str(failed.value)


async def test_a_filter_that_refuses_the_question_is_a_refusal(
    chat_at: OpenChat, vendor_that: Any, server: Any
) -> None:
    refusal = {"error": {"message": "Output data may contain inappropriate content.", "code": "data_inspection_failed"}}
    chat = await chat_at((await vendor_that(server.answers(400, refusal))).url)

    with pytest.raises(AnswerRefused):
        await chat.complete(HELLO)


async def test_an_answer_that_drips_for_ever_ends_with_the_patience(
    chat_at: OpenChat, vendor_that: Any, server: Any
) -> None:
    chat = await chat_at((await vendor_that(server.trickles)).url, whole=timedelta(seconds=0.5))

    with pytest.raises(AnswerLost):
        await asyncio.wait_for(chat.complete(HELLO), 5)


async def test_a_question_is_sent_once(chat_at: OpenChat, vendor_that: Any, server: Any) -> None:
    vendor: ScriptedVendor = await vendor_that(server.drops_after_hearing)
    chat = await chat_at(vendor.url)

    with pytest.raises(AnswerLost):
        await chat.complete(HELLO)

    assert vendor.connections == 1


def test_an_answer_tells_why_it_is_no_use() -> None:
    cut = Completion(text="", finish=FinishReason.LENGTH, model="m", tokens_in=1, tokens_out=1, cost=0, seconds=0)

    with pytest.raises(AnswerRefused, match="cut off"):
        cut.require_whole()
