"""Veo on Google's Gemini API as a `Provider`: the requests to it, and the meaning of the responses."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from aijobs.adapters.network.http_client import HttpClient, HttpReply, Timeouts, opened_http
from aijobs.domain.catalogue import Model
from aijobs.domain.errors import BadInput
from aijobs.domain.jobs.outputs import OutputKind, OutputSource
from aijobs.domain.jobs.parameters import Parameters
from aijobs.domain.jobs.submissions import CancelOutcome, Found, ProviderRequest, Ref, Search, Submission, SubmitOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Capabilities, IncomingWebhook, InputFile, Snapshot, Task, WebhookHint
from aijobs.domain.values.secret_forms import Token
from aijobs.providers.gemini.answers import DIALECT, document_in, snapshot_of, videos_in
from aijobs.providers.gemini.parameters import VeoInput, body_of
from aijobs.providers.inline_files import data_link

KEY_HEADER: Final = "x-goog-api-key"
NOT_FOUND: Final = 404
MAX_PICTURE: Final = 10 * 1024 * 1024  #: bytes; a request has at most 20 MB, and base64 takes a third more
BARE_FILE: Final = re.compile(r"/v1beta/files/[\w-]+", re.ASCII)

CAPABILITIES: Final = Capabilities(
    cancel=False,
    webhook=False,
    reconcile_window=None,
    unit_progress=False,
    link_lifetime=timedelta(days=2),
    docs_url="https://ai.google.dev/gemini-api/docs/video",
    reads_links=False,
)


class GeminiSettings(BaseModel):
    """The settings of the Gemini API. It is enabled when a token is set."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: Token | None = None
    base_url: str = "https://generativelanguage.googleapis.com"
    download_hosts: tuple[str, ...] = ("*.googleapis.com", "*.googleusercontent.com")


@asynccontextmanager
async def opened(settings: GeminiSettings, *, timeouts: Timeouts | None = None) -> AsyncIterator[Provider]:
    """Raises ValueError without a token."""
    async with opened_http("Google", timeouts=timeouts) as http:
        yield Gemini(settings, http)


class Gemini:
    """The Gemini API over HTTP. Of its client, the newer versions make no videos with a key of this API."""

    capabilities = CAPABILITIES

    def __init__(self, settings: GeminiSettings, http: HttpClient) -> None:
        if not settings.token:
            raise ValueError("The Gemini API needs a token.")
        self._key = {KEY_HEADER: settings.token.get_secret_value()}
        self._origin = settings.base_url.rstrip("/")
        self._at = f"{self._origin}/v1beta"
        self._http = http
        self.download_hosts = settings.download_hosts

    def parameters(self, model: Model) -> type[Parameters]:
        return VeoInput

    async def attach(self, file: InputFile, *, token: str) -> str:
        """The picture itself: it becomes a part of the request."""
        return await data_link(file, label="Veo", at_most=MAX_PICTURE)

    def build_request(self, task: Task) -> ProviderRequest:
        return ProviderRequest("POST", f"{self._at}/models/{task.model.model}:predictLongRunning", body_of(task.params))

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        headers = self._key | request.headers
        reply = await self._http.send_once(request.method, request.url, headers=headers, body=request.body)
        return DIALECT.outcome_of(reply)

    async def query(self, ref: Ref) -> Snapshot:
        reply: HttpReply = await self._http.call("GET", f"{self._at}/{ref['id']}", headers=self._key)
        if reply.status == NOT_FOUND:
            return Snapshot(status=JobStatus.SUBMITTED, raw_status="not found", final=False, definite=False)
        return snapshot_of(document_in(reply))

    async def outputs(self, ref: Ref, snapshot: Snapshot) -> list[OutputSource]:
        """The links last from the end of the operation on, whose time is not told."""
        return [self._source(uri) for uri in videos_in(snapshot.raw)]

    def _source(self, uri: str) -> OutputSource:
        """The key goes to the API's own origin alone; where that redirects to another, it is left behind."""
        try:
            place = urlsplit(uri)
        except ValueError:  # the download says so
            return OutputSource(kind=OutputKind.VIDEO, url=uri)
        is_ours = f"{place.scheme}://{place.netloc}" == self._origin
        if is_ours and BARE_FILE.fullmatch(place.path):
            uri = f"{self._origin}{place.path}:download?alt=media"
        return OutputSource(kind=OutputKind.VIDEO, url=uri, headers=dict(self._key) if is_ours else {})

    async def cancel(self, ref: Ref) -> CancelOutcome:
        """There is no such request: what runs is finished, and billed."""
        return CancelOutcome.NOT_SUPPORTED

    async def reconcile(self, submission: Submission, *, known_ids: frozenset[str]) -> Found | Search:
        """Operations are not listed, and nothing of ours is in them."""
        return Search.IMPOSSIBLE

    def parse_webhook(self, delivery: IncomingWebhook) -> WebhookHint:
        raise BadInput("No webhooks are asked of the Gemini API.")
