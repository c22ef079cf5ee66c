"""OpenAI's Responses API as a `Provider`: the requests to it, and the meaning of the responses."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict
from standardwebhooks import Webhook, WebhookVerificationError

from aijobs.adapters.network.http_client import HttpClient, HttpReply, Timeouts, opened_http
from aijobs.domain.catalogue import Model
from aijobs.domain.errors import BadInput, NotAuthenticated, ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.outputs import OutputSource
from aijobs.domain.jobs.parameters import Parameters
from aijobs.domain.jobs.submissions import CancelOutcome, Found, ProviderRequest, Ref, Search, Submission, SubmitOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Capabilities, IncomingWebhook, InputFile, Snapshot, Task, WebhookHint
from aijobs.domain.values.secret_forms import Token, WebhookSecret
from aijobs.providers.openai.answers import DIALECT, items_in, message_in, snapshot_of, sources_in
from aijobs.providers.openai.parameters import body_of, parameters_of

NOT_FOUND: Final = 404
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


class OpenAI:
    """OpenAI's HTTP API. Its client is not used: it sends a request again after a timeout."""

    capabilities = CAPABILITIES

    def __init__(self, settings: OpenAISettings, http: HttpClient) -> None:
        if not settings.token:
            raise ValueError("OpenAI needs a token.")
        self._authorization = {"Authorization": f"Bearer {settings.token.get_secret_value()}"}
        secret = settings.webhook_secret
        self._webhook_verifier = Webhook(secret.get_secret_value()) if secret else None
        self._at = settings.base_url.rstrip("/")
        self._http = http
        self.download_hosts = settings.download_hosts

    def parameters(self, model: Model) -> type[Parameters]:
        return parameters_of(model)

    async def attach(self, file: InputFile, *, token: str) -> NoReturn:
        raise ProviderFailed(
            f"OpenAI reads {file.name} ({token[:8]}…) by a link: set AIJOBS_PUBLIC_URL, or give a link instead."
        )

    async def prepare(self, task: Task) -> Mapping[str, str]:
        """A conversation that the response will be written into. It costs nothing, and shows a lost one's results."""
        metadata = {"job": task.job_code, SUBMISSION: task.token}
        reply = await self._call("POST", f"{self._at}/conversations", body={"metadata": metadata})
        conversation = (reply.document() or {}).get("id")
        if not reply.ok:
            raise ProviderFailed(DIALECT.message_of(reply))
        if not isinstance(conversation, str):
            raise ProviderUnavailable("OpenAI made a conversation, and does not say which.")
        return {CONVERSATION: conversation}

    def build_request(self, task: Task) -> ProviderRequest:
        body = body_of(task.model, task.params)
        body |= {"background": True, "store": True, "metadata": {"job": task.job_code, SUBMISSION: task.token}}
        if conversation := task.prepared.get(CONVERSATION):
            body[CONVERSATION] = conversation
        return ProviderRequest("POST", f"{self._at}/responses", body)

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        headers = self._authorization | request.headers
        reply = await self._http.send_once(request.method, request.url, headers=headers, body=request.body)
        return DIALECT.outcome_of(reply)

    async def query(self, ref: Ref) -> Snapshot:
        if CONVERSATION in ref:
            return await self._snapshot_of_conversation(ref[CONVERSATION])
        reply = await self._call("GET", self._response(ref))
        if reply.status == NOT_FOUND:
            return Snapshot(status=JobStatus.SUBMITTED, raw_status="not found", final=False, definite=False)
        return snapshot_of(_response_in(reply))

    async def _snapshot_of_conversation(self, conversation: str) -> Snapshot:
        """Of a response that was lost: it is written there when it has completed."""
        items = await self._items(conversation)
        if not any(_is_made(item) for item in items_in(items)):
            return Snapshot(status=JobStatus.PROCESSING, raw_status="lost", final=False)
        return Snapshot(status=JobStatus.GENERATED, raw_status="completed", final=True, raw={"id": conversation})

    async def outputs(self, ref: Ref, snapshot: Snapshot) -> list[OutputSource]:
        if snapshot.status is not JobStatus.GENERATED:
            raise ProviderFailed("OpenAI has no results of this response.")
        if CONVERSATION in ref:
            return sources_in(await self._items(ref[CONVERSATION]), as_json=False)
        response = _response_in(await self._call("GET", self._response(ref)))
        text = response.get("text")
        asked = text.get("format") if isinstance(text, dict) else None
        return sources_in(response, as_json=isinstance(asked, dict) and asked.get("type") == "json_schema")

    async def cancel(self, ref: Ref) -> CancelOutcome:
        """Raises ProviderUnavailable for not found: right after the submit it may only mean not visible yet."""
        if CONVERSATION in ref:
            return CancelOutcome.NOT_SUPPORTED
        reply = await self._call("POST", f"{self._response(ref)}/cancel")
        match snapshot_of(_response_in(reply)):
            case Snapshot(status=JobStatus.CANCELED):
                return CancelOutcome.CANCELED
            case Snapshot(final=True):
                return CancelOutcome.TOO_LATE
            case _:
                return CancelOutcome.REQUESTED

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
        return WebhookHint(delivery.headers.get("webhook-id"), kind or None, ref={"id": response_id})

    async def _items(self, conversation: str) -> dict[str, Any]:
        url = f"{self._at}/conversations/{quote(conversation, safe='')}/items?limit={ITEMS}&order=asc"
        return _document_in(await self._call("GET", url))

    def _response(self, ref: Ref) -> str:
        return f"{self._at}/responses/{quote(ref['id'], safe='')}"

    async def _call(self, method: str, url: str, *, body: dict[str, Any] | None = None) -> HttpReply:
        return await self._http.call(method, url, headers=self._authorization, body=body)


def _is_made(item: Mapping[str, Any]) -> bool:
    is_whole = item.get("status") in ("completed", None)
    return item.get("type") in MADE_BY_MODEL and item.get("role", "assistant") == "assistant" and is_whole


def _document_in(reply: HttpReply) -> dict[str, Any]:
    """Raises ProviderUnavailable for anything but a success with an object: nothing is known then."""
    document = reply.document()
    if not reply.ok or document is None:
        raise ProviderUnavailable(f"OpenAI answered {reply.status}: {message_in(document or {}) or 'nothing readable'}")
    return document


def _response_in(reply: HttpReply) -> dict[str, Any]:
    """Raises ProviderUnavailable for an object that is no response, too."""
    document = _document_in(reply)
    if not isinstance(document.get("id"), str) or not isinstance(document.get("status"), str):
        raise ProviderUnavailable("OpenAI gives an answer that is no response.")
    return document
