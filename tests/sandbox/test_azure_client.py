"""The official `openai` client's AzureOpenAI works against the sandbox, unchanged."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI, BadRequestError, NotFoundError

from sandbox.server import RunningSandbox
from tests.patience import http_client

VERSION = "2025-04-01-preview"


@pytest.fixture
async def azure(sandbox: RunningSandbox) -> AsyncIterator[AsyncAzureOpenAI]:
    endpoint = f"{sandbox.url}/azure"
    async with AsyncAzureOpenAI(api_key="any", azure_endpoint=endpoint, api_version=VERSION, max_retries=0) as client:
        yield client


async def test_a_response_in_the_background_is_polled(azure: AsyncAzureOpenAI) -> None:
    response = await azure.responses.create(model="my-deployment", background=True, input="a dish")
    while response.status in ("queued", "in_progress"):
        await asyncio.sleep(0.02)
        response = await azure.responses.retrieve(response.id)

    assert response.output_text == "You asked in 2 words: a dish"


async def test_a_response_is_canceled(azure: AsyncAzureOpenAI, sandbox: RunningSandbox) -> None:
    sandbox.misbehave("never_starts", on="create")
    response = await azure.responses.create(model="my-deployment", background=True, input="a dish")

    assert (await azure.responses.cancel(response.id)).status == "cancelled"


async def test_a_deployment_completes_a_chat(azure: AsyncAzureOpenAI) -> None:
    answer = await azure.chat.completions.create(
        model="my-deployment", messages=[{"role": "user", "content": "Name a colour."}]
    )

    assert answer.choices[0].message.content


async def test_the_plain_client_speaks_to_the_current_version(sandbox: RunningSandbox) -> None:
    async with AsyncOpenAI(api_key="any", base_url=f"{sandbox.url}/azure/openai/v1", max_retries=0) as client:
        response = await client.responses.create(model="my-deployment", background=True, input="a dish")
        assert (await client.responses.retrieve(response.id)).id == response.id


async def test_what_the_content_filter_stops_names_the_category(
    azure: AsyncAzureOpenAI, sandbox: RunningSandbox
) -> None:
    sandbox.misbehave("reject_422", on="create")

    with pytest.raises(BadRequestError) as stopped:
        await azure.responses.create(model="my-deployment", background=True, input="a fight")

    assert stopped.value.code == "content_filter"
    assert stopped.value.body["innererror"]["content_filter_result"]["violence"]["filtered"]  # type: ignore[index]


async def test_a_version_and_a_key_are_needed(sandbox: RunningSandbox) -> None:
    endpoint = f"{sandbox.url}/azure"
    async with AsyncAzureOpenAI(api_key="any", azure_endpoint=endpoint, api_version="soon", max_retries=0) as client:
        with pytest.raises(NotFoundError):
            await client.responses.create(model="my-deployment", background=True, input="a dish")
    async with http_client() as anybody:
        refused = await anybody.get(f"{endpoint}/openai/v1/models")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "401")
