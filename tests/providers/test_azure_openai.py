"""Azure's dialect: addresses of both kinds, the key's header, the content filter, and what its settings refuse."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Final

import pytest
from pydantic import SecretStr, ValidationError

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.submissions import Accepted, Rejected
from aijobs.domain.ports.providers import PreparingProvider, Provider
from aijobs.domain.provider_io import Task
from aijobs.providers.azure_openai import PACKAGE, AzureOpenAISettings
from tests.providers.conftest import SHORT

At = Callable[..., Awaitable[Any]]
KEY: Final = "an_azure_key_that_must_stay_secret"
MADE: Final = {"id": "resp_1", "status": "queued"}
FILTERED: Final = {
    "error": {
        "code": "content_filter",
        "message": "The response was filtered.",
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {"hate": {"filtered": False}, "violence": {"filtered": True, "severity": "high"}},
        },
    }
}


@pytest.fixture
def azure_at(stack: AsyncExitStack) -> Callable[..., Awaitable[Provider]]:
    async def open_it(url: str, **settings: str) -> Provider:
        section = AzureOpenAISettings(token=SecretStr(KEY), base_url=url, **settings)
        return await stack.enter_async_context(PACKAGE.opened(section, timeouts=SHORT))

    return open_it


def task(catalogue: Catalogue, model: str) -> Task:
    return Task(
        job_code="job_1",
        model=catalogue.model(model),
        params={"prompt": "a lighthouse"},
        output_count=1,
        token="sub_1",
        webhook_url=None,
    )


@pytest.mark.parametrize(
    ("end", "version", "path"),
    [
        ("", "v1", "/openai/v1/responses"),
        ("/openai/v1/", "v1", "/openai/v1/responses"),
        ("/openai", "2025-04-01-preview", "/openai/responses?api-version=2025-04-01-preview"),
    ],
)
async def test_a_request_goes_to_the_address_of_the_version(
    azure_at: At, vendor_that: At, server: Any, catalogue: Catalogue, end: str, version: str, path: str
) -> None:
    vendor = await vendor_that(server.answers(200, MADE))
    azure = await azure_at(f"{vendor.url}{end}", api_version=version)

    outcome = await azure.submit(azure.build_request(task(catalogue, "azure_openai_answer_v1")))

    received = vendor.received[0]
    assert outcome == Accepted({"id": "resp_1"})
    assert (received.path, received.headers["api-key"]) == (path, KEY)
    assert "authorization" not in received.headers
    assert not isinstance(azure, PreparingProvider)


async def test_a_picture_names_the_deployment_that_draws_it(azure_at: At, catalogue: Catalogue) -> None:
    azure = await azure_at("https://acme.openai.azure.com", image_deployment="our-painter")

    drawn = azure.build_request(task(catalogue, "azure_openai_picture_v1"))
    written = azure.build_request(task(catalogue, "azure_openai_answer_v1"))

    assert drawn.headers == {"x-ms-oai-image-generation-deployment": "our-painter"}
    assert written.headers == {}


async def test_what_the_content_filter_has_found_is_said(
    azure_at: At, vendor_that: At, server: Any, catalogue: Catalogue
) -> None:
    vendor = await vendor_that(server.answers(400, FILTERED))
    azure = await azure_at(vendor.url)

    outcome = await azure.submit(azure.build_request(task(catalogue, "azure_openai_answer_v1")))

    assert outcome == Rejected("provider_rejected", "The response was filtered. (filtered: violence)")


async def test_a_deployment_that_is_not_known_yet_may_be_asked_once_more(
    azure_at: At, vendor_that: At, server: Any, catalogue: Catalogue
) -> None:
    missing = {"error": {"code": "DeploymentNotFound", "message": "Please wait a moment and try again."}}
    vendor = await vendor_that(server.answers(404, missing))
    azure = await azure_at(vendor.url)

    outcome = await azure.submit(azure.build_request(task(catalogue, "azure_openai_answer_v1")))

    assert isinstance(outcome, Rejected)
    assert outcome.once_more


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [({}, "needs base_url"), ({"base_url": "https://x.openai.azure.com", "api_version": "latest"}, "api_version")],
)
def test_settings_that_lead_nowhere_are_refused(wrong: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        AzureOpenAISettings.model_validate({"token": KEY, **wrong})
