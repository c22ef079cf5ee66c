"""OpenAI's Responses API as a `Provider`: the requests to it, and the meaning of the responses."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict
from standardwebhooks import Webhook, WebhookVerificationError

from aijobs.adapters.network.http_client import HttpClient, Timeouts, opened_http
from aijobs.domain.errors import BadInput, NotAuthenticated, ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.outputs import OutputSource
from aijobs.domain.jobs.submissions import CancelOutcome, Found, ProviderRequest, Ref, Search, Submission
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Capabilities, IncomingWebhook, Snapshot, Task, WebhookHint
from aijobs.domain.values.secret_forms import Token, WebhookSecret
from aijobs.providers.openai.answers import DIALECT, items_in, sources_in
from aijobs.providers.openai.responses_api import ResponsesApi, ResponsesEndpoint

WINDOW: Final = timedelta(hours=24)
CONVERSATION: Final = "conversation"
SUBMISSION: Final = "aijobs_submission"  #: the name of our token in the metadata
MADE_BY_MODEL: Final = frozenset({"message", "image_generation_call"})
ITEMS: Final = 100

CAPABILITIES: Final = Capabilities(
    cancel=True,
    webhook=False,
    account_webhook=True,
    reconcile_window=WINDOW,
    unit_progress=False,
    link_lifetime=timedelta(days=30),
    docs_url="https://platform.openai.com/docs/guides/background",
)


class OpenAISettings(BaseModel):
    """The settings of OpenAI's Responses. It is enabled when a token is set."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: Token | None = None
    base_url: str = "https://api.openai.com/v1"
    webhook_secret: WebhookSecret | None = None
    download_hosts: tuple[str, ...] = ()


@asynccontextmanager
async def opened(settings: OpenAISettings, *, timeouts: Timeouts | None = None) -> AsyncIterator[Provider]:
    """Raises ValueError without a token, or with an invalid webhook secret."""
    async with opened_http("OpenAI", timeouts=timeouts) as http:
        yield OpenAI(settings, http)


class OpenAI(ResponsesApi):
    """OpenAI's HTTP API. A lost response is found by its conversation."""

    capabilities = CAPABILITIES

    def __init__(self, settings: OpenAISettings, http: HttpClient) -> None:
        if not settings.token:
            raise ValueError("OpenAI needs a token.")
        key = {"Authorization": f"Bearer {settings.token.get_secret_value()}"}
        endpoint = ResponsesEndpoint(at=settings.base_url.rstrip("/"), key=key, dialect=DIALECT)
        super().__init__(endpoint, http, download_hosts=settings.download_hosts)
        secret = settings.webhook_secret
        self._webhook_verifier = Webhook(secret.get_secret_value()) if secret else None

    async def prepare(self, task: Task) -> Mapping[str, str]:
        """A conversation that the response will be written into. It costs nothing, and shows a lost one's results."""
        metadata = {"job": task.job_code, SUBMISSION: task.token}
        reply = await self.call("POST", "conversations", body={"metadata": metadata})
        conversation = (reply.document() or {}).get("id")
        if not reply.ok:
            raise ProviderFailed(DIALECT.message_of(reply))
        if not isinstance(conversation, str):
            raise ProviderUnavailable("OpenAI made a conversation, and does not say which.")
        return {CONVERSATION: conversation}

    def build_request(self, task: Task) -> ProviderRequest:
        request = super().build_request(task)
        body = {**request.body, "metadata": {"job": task.job_code, SUBMISSION: task.token}}
        if conversation := task.prepared.get(CONVERSATION):
            body[CONVERSATION] = conversation
        return replace(request, body=body)

    async def query(self, ref: Ref) -> Snapshot:
        if CONVERSATION in ref:
            return await self._snapshot_of_conversation(ref[CONVERSATION])
        return await super().query(ref)

    async def _snapshot_of_conversation(self, conversation: str) -> Snapshot:
        """Of a response that was lost: it is written there when it has completed."""
        items = await self._items(conversation)
        if not any(_is_made(item) for item in items_in(items)):
            return Snapshot(status=JobStatus.PROCESSING, raw_status="lost", final=False)
        return Snapshot(status=JobStatus.GENERATED, raw_status="completed", final=True, raw={"id": conversation})

    async def outputs(self, ref: Ref, snapshot: Snapshot) -> list[OutputSource]:
        if CONVERSATION in ref and snapshot.status is JobStatus.GENERATED:
            return sources_in(await self._items(ref[CONVERSATION]), as_json=False)
        return await super().outputs(ref, snapshot)

    async def cancel(self, ref: Ref) -> CancelOutcome:
        """Raises ProviderUnavailable for not found: right after the submit it may only mean not visible yet."""
        return CancelOutcome.NOT_SUPPORTED if CONVERSATION in ref else await super().cancel(ref)

    async def reconcile(self, submission: Submission, *, known_ids: frozenset[str]) -> Found | Search:
        """By its conversation, which holds what a completed response has made, and nothing of one that failed."""
        conversation = submission.request.body.get(CONVERSATION)
        if not isinstance(conversation, str) or conversation in known_ids:
            return Search.IMPOSSIBLE
        snapshot = await self._snapshot_of_conversation(conversation)
        if snapshot.final:
            return Found({"id": conversation, CONVERSATION: conversation})
        is_over = datetime.now(UTC) > submission.intent_at + WINDOW
        return Search.IMPOSSIBLE if is_over else Search.NOT_YET

    def parse_webhook(self, delivery: IncomingWebhook) -> WebhookHint:
        if self._webhook_verifier is None:
            raise NotAuthenticated("No webhook secret is configured for OpenAI.")
        try:
            self._webhook_verifier.verify(delivery.body, dict(delivery.headers), json_parse=False)
            event = json.loads(delivery.body)
        except WebhookVerificationError as refused:
            raise NotAuthenticated("The webhook's signature is missing, wrong or too old.") from refused
        except (ValueError, RecursionError) as unreadable:
            raise BadInput("The webhook's body is not JSON, or its headers are malformed.") from unreadable
        data = event.get("data") if isinstance(event, dict) else None
        response_id = data.get("id") if isinstance(data, dict) else None
        if not isinstance(response_id, str):
            raise BadInput("The webhook's body names no response.")
        kind = str(event.get("type") or "")
        sent_at = delivery.time_in("webhook-timestamp")
        return WebhookHint(delivery.headers.get("webhook-id"), kind or None, ref={"id": response_id}, sent_at=sent_at)

    async def _items(self, conversation: str) -> dict[str, Any]:
        path = f"conversations/{quote(conversation, safe='')}/items?limit={ITEMS}&order=asc"
        return self.document_in(await self.call("GET", path))


def _is_made(item: Mapping[str, Any]) -> bool:
    is_whole = item.get("status") in ("completed", None)
    return item.get("type") in MADE_BY_MODEL and item.get("role", "assistant") == "assistant" and is_whole
