"""Replicate as a `Provider`: the requests to its API, and the meaning of the responses."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr
from standardwebhooks import Webhook

from aijobs.adapters.network.http_client import HttpClient, HttpReply, Timeouts, opened_http
from aijobs.domain.catalogue import Deadlines, Model
from aijobs.domain.errors import BadInput, ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.outputs import OutputSource
from aijobs.domain.jobs.schema_parameters import parameters_from
from aijobs.domain.jobs.submissions import CancelOutcome, Found, ProviderRequest, Ref, Search, Submission, SubmitOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import (
    Capabilities,
    IncomingWebhook,
    InputFile,
    ModelDescription,
    Snapshot,
    Task,
    WebhookHint,
)
from aijobs.domain.values.secret_forms import WebhookSecret, checked_token
from aijobs.providers.predictors import sources_in
from aijobs.providers.replicate.models import described, parsed_name
from aijobs.providers.replicate.parameters import PARAMETERS_OF, AnyInput, DescribedInput
from aijobs.providers.replicate.prediction import Prediction, prediction_in, snapshot_of
from aijobs.providers.replicate.reconcile import CLOCK_SKEW, CREATED_WITHIN, WINDOW, ReconcileScan
from aijobs.providers.replicate.submit import dialect
from aijobs.providers.replicate.upload import MAX_FILE, form_of
from aijobs.providers.replicate.urls import ReplicateUrls
from aijobs.providers.replicate.webhook import prediction_of, verify

MAX_PAGES: Final = 100  #: of a hundred predictions each: more than the rate limit allows within the searched period
NOT_FOUND: Final = 404
FORBIDDEN: Final = 403
LINK_LIFETIME: Final = timedelta(hours=1)  #: after that Replicate erases input, output and logs
KEYS_OF_OTHERS: Final = ("sk-", "hf_", "AKIA", "ghp_")  #: how the keys of other services begin
MIN_CANCEL_AFTER: Final = timedelta(seconds=5)
EVENTS: Final = ("start", "completed")  #: `start` proves early that a create without a response was accepted

#: The outcome of a cancel, by the prediction's status after it. With any other status it stops later.
CANCEL_OUTCOMES: Final = {
    "canceled": CancelOutcome.CANCELED,
    "succeeded": CancelOutcome.TOO_LATE,
    "failed": CancelOutcome.TOO_LATE,
    "aborted": CancelOutcome.TOO_LATE,
}

CAPABILITIES: Final = Capabilities(
    cancel=True,
    webhook=True,
    reconcile_window=WINDOW,
    unit_progress=True,
    link_lifetime=LINK_LIFETIME,
    rate_limit_per_minute=600,
    docs_url="https://replicate.com/docs/reference/http",
)


def _foreign_key_error(written: str) -> str | None:
    if written.startswith(KEYS_OF_OTHERS):
        return "is somebody else's key: Replicate's begin with r8_"
    return None


ReplicateToken = Annotated[SecretStr, AfterValidator(checked_token(_foreign_key_error))]


class ReplicateSettings(BaseModel):
    """The settings of Replicate. It is enabled when a token is set."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: ReplicateToken | None = None
    base_url: str = "https://api.replicate.com"
    webhook_secret: WebhookSecret | None = None
    download_hosts: tuple[str, ...] = ("replicate.delivery", "*.replicate.delivery", "api.replicate.com")


@asynccontextmanager
async def opened(settings: ReplicateSettings, *, timeouts: Timeouts | None = None) -> AsyncIterator[Provider]:
    """Raises ValueError without a token, or with an invalid webhook secret."""
    async with opened_http("Replicate", timeouts=timeouts) as http:
        yield Replicate(settings, http)


class Replicate:
    """Replicate's HTTP API. Its SDK is not used: a version of it sends creates again after a timeout."""

    capabilities = CAPABILITIES

    def __init__(self, settings: ReplicateSettings, http: HttpClient) -> None:
        if not settings.token:
            raise ValueError("Replicate needs a token.")
        self._authorization = {"Authorization": f"Bearer {settings.token.get_secret_value()}"}
        secret = settings.webhook_secret
        self._webhook_verifier = Webhook(secret.get_secret_value()) if secret else None
        self._urls = ReplicateUrls(settings.base_url)
        self._dialect = dialect(self._urls.ref)
        self._http = http
        self.download_hosts = settings.download_hosts

    def parameters(self, model: Model) -> type[AnyInput]:
        if model.input_schema is not None:
            return parameters_from(model.input_schema, DescribedInput)
        return PARAMETERS_OF.get(model.model, AnyInput)

    async def describe(self, name: str) -> ModelDescription:
        full_name, version = parsed_name(name)
        model = await self._document(self._urls.model(full_name), missing=f"Replicate has no model {full_name}.")
        if version is None:
            latest = model.get("latest_version")
            return described(model, latest if isinstance(latest, dict) else {}, is_pinned=not model.get("is_official"))
        missing = f"Replicate has no version {version[:12]}… of {full_name}, or does not show it."
        pinned = await self._document(self._urls.version(full_name, version), missing)
        return described(model, pinned, is_pinned=True)

    async def _document(self, url: str, missing: str) -> dict[str, Any]:
        reply = await self._call("GET", url)
        if reply.status in (NOT_FOUND, FORBIDDEN):
            raise BadInput(missing)
        document = reply.document()
        if not reply.ok or document is None:
            raise ProviderUnavailable(f"Replicate answered {reply.status}: {self._dialect.message_of(reply)}")
        return document

    async def attach(self, file: InputFile, *, token: str) -> str:
        if file.size > MAX_FILE:
            raise ProviderFailed(f"Replicate takes files up to {MAX_FILE} bytes.")
        form = form_of(file, token=token)
        headers = self._authorization | form.headers
        reply = await self._http.call("POST", self._urls.files, headers=headers, content=form.content)
        if not reply.ok:
            raise ProviderFailed(self._dialect.message_of(reply))
        urls = (reply.document() or {}).get("urls")
        link = urls.get("get") if isinstance(urls, dict) else None
        if not isinstance(link, str):
            raise ProviderUnavailable("Replicate took the file, but gives no link to it.")
        return link

    def build_request(self, task: Task) -> ProviderRequest:
        body: dict[str, Any] = {"input": self.parameters(task.model).as_input(task.params)}
        if task.webhook_url:
            body |= {"webhook": task.webhook_url, "webhook_events_filter": list(EVENTS)}
        headers = {"Cancel-After": cancel_after(task.model.deadlines)}
        name, version = parsed_name(task.model.model)
        if version is not None:
            return ProviderRequest("POST", self._urls.predictions, {"version": version, **body}, headers)
        return ProviderRequest("POST", self._urls.predictions_of(name), body, headers)

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        headers = self._auth_headers(request.url) | request.headers
        reply = await self._http.send_once(request.method, request.url, headers=headers, body=request.body)
        return self._dialect.outcome_of(reply)

    async def query(self, ref: Ref) -> Snapshot:
        reply = await self._call("GET", self._urls.get(ref))
        if reply.status == NOT_FOUND:
            return Snapshot(status=JobStatus.SUBMITTED, raw_status="not found", final=False, definite=False)
        return snapshot_of(*self._prediction_in(reply))

    async def outputs(self, ref: Ref, snapshot: Snapshot) -> list[OutputSource]:
        prediction = prediction_in(snapshot.raw)
        if prediction is None or prediction.output is None:
            prediction, _ = self._prediction_in(await self._call("GET", self._urls.get(ref)))
        if prediction.data_removed:
            raise ProviderFailed("Replicate has erased the results: it keeps them for one hour.")
        if prediction.output is None:
            raise ProviderFailed("Replicate has no results: there were none, or they are erased.")
        completed_at = prediction.completed_at
        expires_at = completed_at + LINK_LIFETIME if completed_at else None
        sources = sources_in(prediction.output, expires_at=expires_at)
        return [replace(source, headers=self._auth_headers(source.url or "")) for source in sources]

    async def cancel(self, ref: Ref) -> CancelOutcome:
        """Raises ProviderUnavailable for not found: right after the create it may only mean not visible yet."""
        reply = await self._call("POST", self._urls.cancel(ref))
        prediction, _ = self._prediction_in(reply)
        return CANCEL_OUTCOMES.get(prediction.status or "", CancelOutcome.REQUESTED)

    async def reconcile(self, submission: Submission, *, known_ids: frozenset[str]) -> Found | Search:
        scan = ReconcileScan(submission, known_ids=known_ids, ref_of=self._urls.ref)
        intent_at = submission.intent_at
        url: str | None = self._urls.created_between(intent_at - CLOCK_SKEW, intent_at + CREATED_WITHIN)
        complete = False
        for _ in range(MAX_PAGES):
            if url is None or scan.is_certain:
                break
            page = (await self._call("GET", url)).document() or {}
            if not isinstance(page.get("results"), list):
                raise ProviderUnavailable("Replicate gives a list that cannot be read.")
            scan.add_page(page["results"])
            url, complete = self._urls.next_page(page), not page.get("next")
        return scan.result(complete=complete, now=datetime.now(UTC))

    def parse_webhook(self, delivery: IncomingWebhook) -> WebhookHint:
        verify(delivery, self._webhook_verifier)
        prediction = prediction_of(delivery)
        ref = self._urls.ref(prediction.id, prediction.urls)
        return WebhookHint(
            delivery_id=delivery.headers.get("webhook-id"),
            raw_status=prediction.status,
            ref=ref,
            sent_at=delivery.time_in("webhook-timestamp"),
        )

    async def _call(self, method: str, url: str) -> HttpReply:
        return await self._http.call(method, url, headers=self._auth_headers(url))

    def _prediction_in(self, reply: HttpReply) -> tuple[Prediction, dict[str, Any]]:
        """Parsed and raw. Raises ProviderUnavailable for any other response: the state is unknown then."""
        if not reply.ok:
            raise ProviderUnavailable(f"Replicate answered {reply.status}: {self._dialect.message_of(reply)}")
        raw = reply.document() or {}
        prediction = prediction_in(raw)
        if prediction is None:
            raise ProviderUnavailable("Replicate gives an answer that cannot be read.")
        return prediction, raw

    def _auth_headers(self, url: str) -> dict[str, str]:
        return dict(self._authorization) if self._urls.may_receive_key(url) else {}


def cancel_after(deadlines: Deadlines) -> str:
    """The Cancel-After header: the longest time for waiting and running, from the create, written like `1h30m`."""
    seconds = math.ceil(max(deadlines.queue + deadlines.processing, MIN_CANCEL_AFTER).total_seconds())
    parts = (("h", seconds // 3600), ("m", seconds // 60 % 60), ("s", seconds % 60))
    return "".join(f"{count}{unit}" for unit, count in parts if count)
