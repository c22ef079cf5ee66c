"""Errors of chat endpoints in many vendors' words: with a status line, or inside of an answer."""

import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr

from aijobs.adapters.chat import ChatEndpoint, ChatSettings, opened
from aijobs.adapters.chat.problems import problem_in
from aijobs.domain.errors import AijobsError, AnswerLost, AnswerRefused, ProviderFailed, ProviderUnavailable
from aijobs.domain.llm import ChatMessage, Role
from tests.providers.scripted_vendor import ScriptedVendor
from tests.providers.test_chat_answers import delta, sse

KEY: Final = "sk-a_key_that_must_stay_secret"
QUESTION: Final = [ChatMessage(role=Role.USER, text="Read.")]
TOO_LONG: Final = "This model's maximum context length is 32768 tokens, you asked 40000"

OpenAt = Callable[..., Awaitable[tuple[ChatEndpoint, ScriptedVendor]]]


@pytest.fixture
def open_at(vendor_that: Any, stack: AsyncExitStack) -> OpenAt:
    async def open_it(
        *behaviours: Any, memory: Path | None = None, **chosen: Any
    ) -> tuple[ChatEndpoint, ScriptedVendor]:
        vendor: ScriptedVendor = await vendor_that(*behaviours)
        configured = ChatSettings(base_url=vendor.url, token=SecretStr(KEY), **chosen)
        return await stack.enter_async_context(opened(configured, memory=memory)), vendor

    return open_it


def stream(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + body


async def error_of(chat: ChatEndpoint, **asked: Any) -> AijobsError:
    with pytest.raises(AijobsError) as raised:
        await chat.complete(QUESTION, **asked)
    assert KEY not in str(raised.value)
    return raised.value


NO_CREDIT: Final = (
    (429, {"error": {"code": "1113", "message": "您的账户已欠费，请充值后重试。"}}),
    (429, {"error": {"type": "exceeded_current_quota_error", "message": "Your account is not active"}}),
    (429, {"error": {"message": "You exceeded your current quota, please check your plan and billing details."}}),
    (403, {"code": 30001, "message": "Sorry, your account balance is insufficient"}),
    (400, {"code": "Arrearage", "message": "Access denied, please make sure your account is in good standing."}),
    (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "Your credit balance is too low"}}),
    (402, {"error": {"message": "Insufficient Balance", "type": "unknown_error"}}),
    (403, {"error": {"message": "用户额度不足, 剩余额度: ＄0.00", "code": "insufficient_user_quota"}}),
    (200, {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}),
    (200, {"error_code": 17, "error_msg": "账户余额不足"}),
    (500, {"detail": "upstream: no credits, please top up"}),
)


@pytest.mark.parametrize(("status", "document"), NO_CREDIT)
async def test_no_credit_fails_at_once_in_any_vendors_words(
    open_at: OpenAt, server: Any, status: int, document: dict[str, Any]
) -> None:
    chat, vendor = await open_at(server.answers(status, document))

    error = await error_of(chat)

    assert (type(error), str(error)) == (ProviderFailed, "The chat endpoint's account has no credit.")
    assert vendor.connections == 1


#: What is told inside of a stream, and what follows: the error, a part of its words, and when to try again.
IN_STREAM: Final[dict[str, tuple[bytes, type[AijobsError], str, float | None]]] = {
    "too long": (sse({"error": {"message": TOO_LONG, "code": 400}}, "[DONE]"), ProviderFailed, TOO_LONG, None),
    "too long, without a code": (sse({"error": TOO_LONG}), ProviderFailed, TOO_LONG, None),
    "too long, plain": (TOO_LONG.encode(), ProviderFailed, TOO_LONG, None),
    "too long, in Chinese": (sse({"code": "x", "message": "输入长度超过限制"}), ProviderFailed, "输入长度", None),
    "later": (
        sse({"error": {"message": "Rate limited, retry after 7 seconds", "code": 429}}, "[DONE]"),
        ProviderUnavailable,
        "Rate limited",
        7,
    ),
    "later, in Google's words": (
        json.dumps(
            [
                {
                    "error": {
                        "code": 429,
                        "status": "RESOURCE_EXHAUSTED",
                        "message": "You exceeded your current quota, please check your plan. Please retry in 12.5s.",
                        "details": [{"retryDelay": "12.5s"}],
                    }
                }
            ]
        ).encode(),
        ProviderUnavailable,
        "current quota",
        12.5,
    ),
    "later, in Chinese": (
        sse({"error": {"code": "1302", "message": "您的账户已达到速率限制，请 3 秒后重试"}}),
        ProviderUnavailable,
        "速率",
        3,
    ),
    "later, plain": (b"data: too many requests, try again in 1m30s\n\n", ProviderUnavailable, "too many", 90),
    "a server's error": (
        sse({"error": {"message": "Internal error", "code": 500}}),
        AnswerLost,
        "Internal error",
        None,
    ),
    "of no known kind": (sse({"error": {"message": "flamingo"}}), AnswerLost, "flamingo", None),
    "by the event's name": (
        b'event: error\ndata: {"reason": "model x does not exist"}\n\n',
        ProviderFailed,
        "not exist",
        None,
    ),
    "vLLM's": (
        sse({"object": "error", "message": "The model `x` does not exist.", "code": 404}),
        ProviderFailed,
        "x",
        None,
    ),
    "FastAPI's": (b'{"detail": [{"loc": ["body", "n"], "msg": "bad request"}]}', ProviderFailed, "body.n: bad", None),
    "DashScope's": (
        sse({"code": "InvalidParameter", "message": "m is wrong", "request_id": "r"}),
        ProviderFailed,
        "wrong",
        None,
    ),
    "a filter's": (sse({"error": {"code": "data_inspection_failed", "message": "x"}}), AnswerRefused, "filter", None),
    "a wrong key": (
        sse({"error": {"message": f"Incorrect API key provided: {KEY}"}}),
        ProviderFailed,
        "accept the key",
        None,
    ),
    "after half an answer, later": (
        sse(delta("half"), {"error": {"message": "Rate limit, retry in 5s", "code": 429}}),
        AnswerLost,
        "Rate limit",
        5,
    ),
    "after half an answer, for good": (
        sse(delta("half"), {"error": {"message": TOO_LONG, "code": 400}}),
        ProviderFailed,
        TOO_LONG,
        None,
    ),
    "with a chunk": (
        sse(delta("half"), {**delta("", "error"), "error": {"message": "Provider hiccup", "code": "hic"}}),
        AnswerLost,
        "hiccup",
        None,
    ),
    "of the provider behind it": (
        sse(
            {
                "error": {
                    "message": "Provider returned error",
                    "code": 400,
                    "metadata": {"raw": f'{{"error": "{TOO_LONG}"}}'},
                }
            }
        ),
        ProviderFailed,
        TOO_LONG,
        None,
    ),
    "larger than a limit of a minute": (
        sse({"error": {"message": "Request too large: TPM", "code": "rate_limit_exceeded"}}),
        ProviderFailed,
        "large",
        None,
    ),
    "in a choice": (sse({"choices": [{"delta": {}, "error": {"message": "hiccup"}}]}), AnswerLost, "hiccup", None),
    "a document's words are no error's": (
        sse(delta("账户已欠费"), {"choices": [{"delta": {"content": "欠费"}, "finish_reason": "error"}]}),
        AnswerLost,
        "error",
        None,
    ),
}


@pytest.mark.parametrize("name", IN_STREAM)
async def test_an_error_inside_of_an_answer_keeps_its_words(open_at: OpenAt, server: Any, name: str) -> None:
    body, expected, words, wait = IN_STREAM[name]
    chat, vendor = await open_at(server.says(stream(body)))

    error = await error_of(chat)

    assert type(error) is expected
    assert words in str(error)
    assert getattr(error, "retry_after", None) == (None if wait is None else timedelta(seconds=wait))
    assert vendor.connections == 1


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Please try again in 20ms.", 0.02),
        ("Please try again in 6m0s", 360),
        ("Retry after 2 hours", 7200),
        ('{"retry_after": 4}', 4),
        ("请在 2 分钟后重试", 120),
        ("wait", None),
        ("Limit 5000 s, used 7", None),
    ],
)
def test_when_to_try_again_is_read_from_the_words(words: str, seconds: float | None) -> None:
    wait = problem_in(words).retry_after

    assert wait == (None if seconds is None else timedelta(seconds=seconds))
