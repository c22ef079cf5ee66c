"""Fields that chat endpoints refuse: asked again without them, which is free, and remembered."""

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr

from aijobs.adapters.chat import ChatEndpoint, ChatSettings, opened
from aijobs.adapters.chat.supported_fields import Dialect
from aijobs.domain.llm import AnswerSchema
from tests.providers.scripted_vendor import ScriptedVendor
from tests.providers.test_chat_answers import delta, sse
from tests.providers.test_chat_errors import KEY, QUESTION, OpenAt, error_of, stream

SHAPE: Final = AnswerSchema(name="table", schema={"type": "object"})


@pytest.fixture
def open_at(vendor_that: Any, stack: AsyncExitStack) -> OpenAt:
    async def open_it(
        *behaviours: Any, memory: Path | None = None, **chosen: Any
    ) -> tuple[ChatEndpoint, ScriptedVendor]:
        vendor: ScriptedVendor = await vendor_that(*behaviours)
        configured = ChatSettings(base_url=vendor.url, token=SecretStr(KEY), **chosen)
        return await stack.enter_async_context(opened(configured, memory=memory)), vendor

    return open_it


ANSWER: Final = stream(sse(delta("{}", "stop"), "[DONE]"))
STREAM_OPTIONS: Final = {
    "message": {
        "detail": [
            {
                "type": "extra_forbidden",
                "loc": ["body", "stream_options", "include_usage"],
                "msg": "Extra inputs are not permitted",
            }
        ]
    }
}
OTHER_NAME: Final = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
)


@pytest.mark.parametrize(
    ("status", "refusal", "learned"),
    [
        (422, STREAM_OPTIONS, {"usage": False}),
        (400, {"error": {"message": OTHER_NAME, "param": "max_tokens"}}, {"limit_field": "max_completion_tokens"}),
        (400, {"error": {"message": "This response_format type is unavailable now"}}, {"structured": "json_object"}),
        (400, {"error": {"message": "'temperature' does not support 0 with this model"}}, {"temperature": False}),
        (400, {"error": {"message": "streaming is not supported"}}, {"stream": False}),
        (200, {"error": {"message": "json_schema is not supported", "code": 400}}, {"structured": "json_object"}),
    ],
)
async def test_a_field_that_is_refused_is_left_out_and_remembered(
    open_at: OpenAt, server: Any, tmp_path: Path, status: int, refusal: dict[str, Any], learned: dict[str, Any]
) -> None:
    memory = tmp_path / "chat_endpoint.json"
    chat, vendor = await open_at(
        server.answers(status, refusal), server.says(ANSWER), memory=memory, temperature=0.0, max_output_tokens=9
    )

    for _ in range(2):
        assert (await chat.complete(QUESTION, shape=SHAPE)).text == "{}"

    asked = [request.document for request in vendor.received]
    assert len(asked) == 3
    assert asked[0] != asked[1] == asked[2]
    (kept,) = json.loads(memory.read_text()).values()
    assert kept == {**Dialect().__dict__, **learned}


async def test_what_another_process_learned_is_known(
    open_at: OpenAt, server: Any, tmp_path: Path, stack: AsyncExitStack
) -> None:
    memory = tmp_path / "chat_endpoint.json"
    chat, vendor = await open_at(server.answers(422, STREAM_OPTIONS), server.says(ANSWER), memory=memory)
    await chat.complete(QUESTION)
    configured = ChatSettings(base_url=vendor.url, token=SecretStr(KEY))

    another = await stack.enter_async_context(opened(configured, memory=memory))
    await another.complete(QUESTION)

    assert ["stream_options" in request.document for request in vendor.received] == [True, False, False]


async def test_the_structure_is_stepped_down_until_it_is_taken(open_at: OpenAt, server: Any) -> None:
    refusal = server.answers(400, {"error": {"message": "response_format: unknown"}})
    chat, vendor = await open_at(refusal, refusal, server.says(ANSWER))

    await chat.complete(QUESTION, shape=SHAPE)

    formats = [(request.document.get("response_format") or {}).get("type") for request in vendor.received]
    assert formats == ["json_schema", "json_object", None]


async def test_an_endpoint_that_refuses_everything_is_asked_a_few_times(open_at: OpenAt, server: Any) -> None:
    refusal = server.answers(400, {"error": {"message": "max_tokens, max_completion_tokens, temperature: no"}})
    chat, vendor = await open_at(refusal, temperature=0.5, max_output_tokens=9)

    error = await error_of(chat)

    assert "AIJOBS_CHAT__MAX_OUTPUT_TOKENS decides it" in str(error)
    assert vendor.connections <= 4


async def test_a_value_that_is_out_of_range_names_its_setting(open_at: OpenAt, server: Any) -> None:
    refusal = {"error": {"message": "max_tokens is too large: 99999. This model supports at most 8192."}}
    chat, vendor = await open_at(server.answers(400, refusal), max_output_tokens=99_999)

    assert "AIJOBS_CHAT__MAX_OUTPUT_TOKENS" in str(await error_of(chat))
    assert vendor.connections == 1


@pytest.mark.parametrize(("status", "body"), [(404, {"detail": "Not Found"}), (404, b"<html>nginx</html>"), (301, b"")])
async def test_a_wrong_address_names_its_setting(open_at: OpenAt, server: Any, status: int, body: Any) -> None:
    chat, _ = await open_at(server.answers(status, body))

    assert "AIJOBS_CHAT__BASE_URL" in str(await error_of(chat))
