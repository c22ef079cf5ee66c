"""The official `openai` client works against the sandbox, unchanged: responses in the background."""

import asyncio
import base64
from collections.abc import AsyncIterator

import httpx
import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError
from openai.types.webhooks import ResponseCompletedWebhookEvent

from sandbox.server import RunningSandbox
from tests.sandbox.caller import SandboxCaller, format_of, size_of


@pytest.fixture
async def openai(sandbox: RunningSandbox) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key="sk-any", base_url=f"{sandbox.url}/openai/v1", max_retries=0) as client:
        yield client


async def finished(openai: AsyncOpenAI, response_id: str) -> object:
    while (response := await openai.responses.retrieve(response_id)).status in ("queued", "in_progress"):
        await asyncio.sleep(0.02)
    return response


async def test_an_answer_about_a_picture_is_asked_for_and_polled(openai: AsyncOpenAI, caller: SandboxCaller) -> None:
    response = await openai.responses.create(
        model="gpt-5.4",
        background=True,
        store=True,
        metadata={"aijobs_submission": "sub_1"},
        input=[
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "How large is it?"},
                    {"type": "input_image", "image_url": caller.photo, "detail": "auto"},
                ],
            }
        ],
    )
    assert response.status == "queued"

    ended = await finished(openai, response.id)

    assert ended.output_text == "You asked in 4 words: How large is it? The pictures measure 40x30 pixels."  # type: ignore[attr-defined]
    assert ended.metadata == {"aijobs_submission": "sub_1"}  # type: ignore[attr-defined]


async def test_a_picture_is_generated_in_the_background(openai: AsyncOpenAI) -> None:
    response = await openai.responses.create(
        model="gpt-5.4",
        background=True,
        input="a lighthouse at dusk",
        tools=[{"type": "image_generation", "size": "1536x1024", "output_format": "webp"}],
        tool_choice={"type": "image_generation"},
    )

    (call,) = (await finished(openai, response.id)).output  # type: ignore[attr-defined]

    picture = base64.b64decode(call.result)
    assert (size_of(picture), format_of(picture)) == ((1536, 1024), "WEBP")


async def test_a_response_can_be_canceled_and_a_wrong_one_is_refused(openai: AsyncOpenAI) -> None:
    response = await openai.responses.create(
        model="gpt-5.4", background=True, input="x", extra_headers={"X-Sandbox-Fault": "never_starts"}
    )

    first, second = [await openai.responses.cancel(response.id) for _ in range(2)]

    assert (first.status, second.status) == ("cancelled", "cancelled")
    with pytest.raises(NotFoundError):
        await openai.responses.retrieve("resp_nothing")
    with pytest.raises(BadRequestError, match="size"):
        await openai.responses.create(
            model="gpt-5.4",
            background=True,
            input="x",
            tools=[{"type": "image_generation", "size": "3x3"}],
        )


async def test_a_conversation_shows_what_was_said(openai: AsyncOpenAI) -> None:
    conversation = await openai.conversations.create(metadata={"job": "1"})
    response = await openai.responses.create(
        model="gpt-5.4", background=True, input="Hello there", conversation=conversation.id
    )
    await finished(openai, response.id)

    items = [item async for item in openai.conversations.items.list(conversation.id)]

    assert [item.type for item in items] == ["message", "message"]


async def test_the_projects_webhooks_can_be_verified(
    openai: AsyncOpenAI, sandbox: RunningSandbox, http: httpx.AsyncClient
) -> None:
    received: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        headers |= dict(line.split(": ", 1) for line in head[1:] if line.lower().startswith("webhook-signature"))
        await received.put((headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(receive, "127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/hook"
        await http.put("/openai/v1/project/webhook", json={"url": url})
        response = await openai.responses.create(model="gpt-5.4", background=True, input="x")
        headers, body = await asyncio.wait_for(received.get(), 20)
    named = {name.lower(): value for name, value in headers.items()}

    event = openai.webhooks.unwrap(body, named, secret=sandbox.webhook_secret)

    assert isinstance(event, ResponseCompletedWebhookEvent)
    assert event.data.id == response.id
