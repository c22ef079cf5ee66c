"""fal's queue as a `Provider`: the requests to its API, and the meaning of the responses."""

import math
import mimetypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from aijobs.adapters.network.http_client import HttpClient, HttpReply, Timeouts, opened_http
from aijobs.domain.catalogue import Model
from aijobs.domain.errors import BadInput, ProviderBlocked, ProviderFailed, ProviderUnavailable
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
from aijobs.domain.values.secret_forms import Token
from aijobs.providers.fal.answers import (
    dialect,
    is_of_a_locked_account,
    message_in,
    result_snapshot,
    sources_in,
    waiting_snapshot,
)
from aijobs.providers.fal.models import checked_endpoint, described
from aijobs.providers.fal.parameters import PARAMETERS_OF, AnyFalInput, DescribedFalInput
from aijobs.providers.fal.reconcile import CLOCK_SKEW, MAX_PAGES, WINDOW, FinishedScan
from aijobs.providers.fal.urls import FalUrls
from aijobs.providers.fal.webhook import TIME_HEADER, WebhookKeys, event_in

NOT_FOUND: Final = 404
UNKNOWN_ENDPOINT: Final = frozenset({400, 404, 422})
MAX_FILE: Final = 100 * 1024 * 1024  #: bytes; larger files need an upload in parts

CAPABILITIES: Final = Capabilities(
    cancel=True,
    webhook=True,
    reconcile_window=WINDOW,
    unit_progress=False,
    link_lifetime=None,
    docs_url="https://fal.ai/docs",
)


class FalSettings(BaseModel):
    """The settings of fal. It is enabled when a token is set: `id:secret`, as fal shows it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: Token | None = None
    base_url: str = "https://queue.fal.run"
    rest_url: str = "https://rest.fal.ai"
    platform_url: str = "https://api.fal.ai/v1"
    schema_url: str = "https://fal.ai/api/openapi/queue/openapi.json"
    download_hosts: tuple[str, ...] = ("fal.media", "*.fal.media")


@asynccontextmanager
async def opened(settings: FalSettings, *, timeouts: Timeouts | None = None) -> AsyncIterator[Provider]:
    """Raises ValueError without a token."""
    async with opened_http("fal", timeouts=timeouts) as http:
        yield Fal(settings, http)


class Fal:
    """fal's HTTP API. Its clients are not used: they send a submit again up to ten times."""

    capabilities = CAPABILITIES

    def __init__(self, settings: FalSettings, http: HttpClient) -> None:
        if not settings.token:
            raise ValueError("fal needs a token.")
        self._authorization = {"Authorization": f"Key {settings.token.get_secret_value()}"}
        self._urls = FalUrls(
            queue=settings.base_url,
            rest=settings.rest_url,
            platform=settings.platform_url,
            schema=settings.schema_url,
        )
        self._http = http
        self._webhook_keys = WebhookKeys()
        self.download_hosts = settings.download_hosts

    def parameters(self, model: Model) -> type[AnyFalInput]:
        if model.input_schema is not None:
            return parameters_from(model.input_schema, DescribedFalInput)
        return PARAMETERS_OF.get(model.model, AnyFalInput)

    async def describe(self, name: str) -> ModelDescription:
        endpoint = checked_endpoint(name)
        reply = await self._http.call("GET", self._urls.schema(endpoint), headers={})
        if reply.status in UNKNOWN_ENDPOINT:
            raise BadInput(f"fal has no model {endpoint}.")
        return described(endpoint, _document_in(reply))

    async def attach(self, file: InputFile, *, token: str) -> str:
        if file.size > MAX_FILE:
            raise ProviderFailed(f"fal takes files up to {MAX_FILE} bytes.")
        extension = PurePosixPath(file.name).suffix or mimetypes.guess_extension(file.media_type) or ""
        place = {"file_name": f"{token}{extension}", "content_type": file.media_type}
        created = await self._call("POST", self._urls.new_upload, body=place)
        if not created.ok:
            refusal = ProviderBlocked if is_of_a_locked_account(created) else ProviderFailed
            raise refusal(message_in(created.document() or {}) or f"fal answered {created.status}.")
        links = created.document() or {}
        target, link = links.get("upload_url"), links.get("file_url")
        if not isinstance(target, str) or not isinstance(link, str):
            raise ProviderUnavailable("fal gives no place for the file.")
        headers = {"Content-Type": file.media_type, "Content-Length": str(file.size)}
        stored = await self._http.call("PUT", target, headers=headers, content=file.chunks())
        if not stored.ok:
            raise ProviderUnavailable(f"fal's store answered {stored.status}.")
        return link

    def build_request(self, task: Task) -> ProviderRequest:
        body = self.parameters(task.model).as_input(task.params)
        url = self._urls.submit(checked_endpoint(task.model.model), webhook=task.webhook_url)
        start_within = math.ceil(task.model.deadlines.queue.total_seconds())
        return ProviderRequest("POST", url, body, {"X-Fal-Request-Timeout": str(start_within)})

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        endpoint = self._urls.endpoint_in(request.url)

        def ref_in(answer: Any) -> Ref | None:
            request_id = answer.get("request_id")
            return self._urls.ref(request_id, endpoint, answer) if isinstance(request_id, str) and request_id else None

        headers = self._authorization | request.headers
        reply = await self._http.send_once(request.method, request.url, headers=headers, body=request.body)
        return dialect(ref_in).outcome_of(reply)

    async def query(self, ref: Ref) -> Snapshot:
        reply = await self._call("GET", f"{ref['status_url']}?logs=1")
        if reply.status == NOT_FOUND:
            return Snapshot(status=JobStatus.SUBMITTED, raw_status="not found", final=False, definite=False)
        document = _document_in(reply)
        if not isinstance(document.get("status"), str):
            raise ProviderUnavailable("fal gives an answer without a status.")
        return waiting_snapshot(document, ref) or await self._result(ref)

    async def _result(self, ref: Ref) -> Snapshot:
        """Of a request that has finished. A 5xx here may pass: the GET costs nothing."""
        return result_snapshot(await self._call("GET", ref["response_url"]))

    async def outputs(self, ref: Ref, snapshot: Snapshot) -> list[OutputSource]:
        if snapshot.status is not JobStatus.GENERATED:
            raise ProviderFailed("fal has no results of this request.")
        return sources_in(snapshot.raw)

    async def cancel(self, ref: Ref) -> CancelOutcome:
        """Raises ProviderUnavailable for not found: right after the submit it may only mean not visible yet."""
        reply = await self._call("PUT", ref["cancel_url"])
        match (reply.document() or {}).get("status"):
            case "OK":
                return CancelOutcome.CANCELED
            case "CANCELLATION_REQUESTED":
                return CancelOutcome.REQUESTED
            case "ALREADY_COMPLETED":
                ended = await self.query(ref)
                return CancelOutcome.CANCELED if ended.status is JobStatus.CANCELED else CancelOutcome.TOO_LATE
            case _:
                raise ProviderUnavailable(f"fal answered {reply.status} to a cancel.")

    async def reconcile(self, submission: Submission, *, known_ids: frozenset[str]) -> Found | Search:
        endpoint = self._urls.endpoint_in(submission.request.url)
        if endpoint is None:
            return Search.IMPOSSIBLE
        scan, cursor, complete = FinishedScan(submission, known_ids=known_ids), None, False
        since, until = submission.intent_at - CLOCK_SKEW, datetime.now(UTC) + CLOCK_SKEW
        for _ in range(MAX_PAGES):
            page = _document_in(await self._call("GET", self._urls.finished(endpoint, since, until, cursor=cursor)))
            if not isinstance(page.get("items"), list):
                raise ProviderUnavailable("fal gives a list that cannot be read.")
            scan.add_page(page["items"])
            cursor = page.get("next_cursor")
            complete = not cursor
            if complete or scan.marked:
                break
        found = scan.result(complete=complete, now=datetime.now(UTC))
        if isinstance(found, Search):
            return found
        ref = self._urls.ref(found, endpoint, {})
        return Found(ref) if ref else Search.IMPOSSIBLE

    async def load_webhook_keys(self) -> None:
        if self._webhook_keys.are_stale:
            self._webhook_keys.read(_document_in(await self._http.call("GET", self._urls.webhook_keys, headers={})))

    def parse_webhook(self, delivery: IncomingWebhook) -> WebhookHint:
        self._webhook_keys.verify(delivery)
        request_id, status = event_in(delivery)
        endpoint = self._urls.endpoint_in(delivery.sent.url) if delivery.sent else None
        ref = self._urls.ref(request_id, endpoint, {})
        return WebhookHint(
            delivery_id=f"{request_id}:{status}",
            raw_status=status or None,
            ref=ref,
            sent_at=delivery.time_in(TIME_HEADER),
        )

    async def _call(self, method: str, url: str, *, body: dict[str, Any] | None = None) -> HttpReply:
        return await self._http.call(method, url, headers=self._authorization, body=body)


def _document_in(reply: HttpReply) -> dict[str, Any]:
    """Raises ProviderUnavailable for anything but a success with an object: nothing is known then."""
    document = reply.document()
    if not reply.ok or document is None:
        raise ProviderUnavailable(f"fal answered {reply.status}: {message_in(document or {}) or 'nothing readable'}")
    return document
