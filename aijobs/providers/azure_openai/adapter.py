"""Azure's dialect of the Responses API: its addresses, its key's header, its versions, and its content filter."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, NoReturn, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from aijobs.adapters.network.http_client import HttpClient, Timeouts, opened_http
from aijobs.domain.errors import NotAuthenticated
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.jobs.submissions import Found, ProviderRequest, Search, Submission
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Capabilities, IncomingWebhook, Task
from aijobs.domain.values.secret_forms import Token
from aijobs.providers.openai.answers import DIALECT, ERRORS, message_in
from aijobs.providers.openai.responses_api import ResponsesApi, ResponsesEndpoint
from aijobs.providers.submit_outcomes import ErrorTable, SubmitDialect, SubmitVerdict

LABEL: Final = "Azure OpenAI"
CURRENT: Final = "v1"
_END: Final = re.compile(r"(/openai(/v1)?)?/*$")

CAPABILITIES: Final = Capabilities(
    cancel=True,
    webhook=False,
    reconcile_window=None,
    unit_progress=False,
    link_lifetime=None,
    docs_url="https://learn.microsoft.com/azure/ai-foundry/openai/how-to/responses",
)


def filtered_in(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """The categories that the content filter has found in a prompt, by its answer."""
    error = answer.get("error")
    inner = error.get("innererror") if isinstance(error, dict) else None
    found = inner.get("content_filter_result") if isinstance(inner, dict) else None
    judged = found.items() if isinstance(found, dict) else ()
    return tuple(name for name, one in judged if isinstance(one, dict) and one.get("filtered") is True)


def azure_message_in(answer: Mapping[str, Any]) -> str | None:
    """With what the content filter has found, which its text does not say."""
    message, filtered = message_in(answer), filtered_in(answer)
    return f"{message or 'The prompt was filtered.'} (filtered: {', '.join(filtered)})" if filtered else message


#: A deployment that was made a moment ago is not known everywhere: "please wait a moment and try again".
AZURE_DIALECT: Final[SubmitDialect] = replace(
    DIALECT,
    label=LABEL,
    message_in=azure_message_in,
    errors=ErrorTable(
        statuses=ERRORS.statuses, codes={**ERRORS.codes, (404, "DeploymentNotFound"): SubmitVerdict.ONCE_MORE}
    ),
)


class AzureOpenAISettings(BaseModel):
    """The settings of Azure OpenAI. It is enabled when a token is set.

    `base_url` is the resource's address. `api_version` is `v1`, or a date for the API of dated versions.
    `image_deployment` is the deployment that draws, which the image generation tool of another is told.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: Token | None = None
    base_url: str = ""
    api_version: str = Field(default=CURRENT, pattern=r"^(v1|\d{4}-\d{2}-\d{2}(-preview)?)$")
    image_deployment: str = Field(default="gpt-image-1", pattern=r"^[\w.-]+$")
    download_hosts: tuple[str, ...] = ()

    @field_validator("base_url")
    @classmethod
    def _without_end(cls, written: str) -> str:
        return _END.sub("", written.strip())

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if self.token and not self.base_url:
            raise ValueError("needs base_url, the address of your resource: https://….openai.azure.com")
        return self

    def endpoint(self, token: str) -> ResponsesEndpoint:
        key = {"api-key": token}
        if self.api_version == CURRENT:
            return ResponsesEndpoint(at=f"{self.base_url}/openai/v1", key=key, dialect=AZURE_DIALECT)
        query = f"?api-version={self.api_version}"
        return ResponsesEndpoint(at=f"{self.base_url}/openai", key=key, dialect=AZURE_DIALECT, query=query)


@asynccontextmanager
async def opened(settings: AzureOpenAISettings, *, timeouts: Timeouts | None = None) -> AsyncIterator[Provider]:
    """Raises ValueError without a token."""
    async with opened_http(LABEL, timeouts=timeouts) as http:
        yield AzureOpenAI(settings, http)


class AzureOpenAI(ResponsesApi):
    """Azure's HTTP API."""

    capabilities = CAPABILITIES

    def __init__(self, settings: AzureOpenAISettings, http: HttpClient) -> None:
        if not settings.token:
            raise ValueError(f"{LABEL} needs a token.")
        endpoint = settings.endpoint(settings.token.get_secret_value())
        super().__init__(endpoint, http, download_hosts=settings.download_hosts)
        self._drawing = {"x-ms-oai-image-generation-deployment": settings.image_deployment}

    def build_request(self, task: Task) -> ProviderRequest:
        request = super().build_request(task)
        return replace(request, headers=self._drawing) if task.model.output_kind is OutputKind.IMAGE else request

    async def reconcile(self, submission: Submission, *, known_ids: frozenset[str]) -> Found | Search:
        """There is no list, and no conversation."""
        return Search.IMPOSSIBLE

    def parse_webhook(self, delivery: IncomingWebhook) -> NoReturn:
        raise NotAuthenticated(f"{LABEL} sends no webhooks.")
