"""Bedrock's asynchronous invocations as a `Provider`: the requests to its API, and the meaning of the responses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode

from aijobs.adapters.network.aws_signature import AwsSignature
from aijobs.adapters.network.http_client import HttpClient, Timeouts, opened_http
from aijobs.domain.catalogue import Model
from aijobs.domain.errors import BadInput, ProviderUnavailable
from aijobs.domain.jobs.outputs import OutputSource
from aijobs.domain.jobs.submissions import CancelOutcome, Found, ProviderRequest, Ref, Search, Submission, SubmitOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Capabilities, IncomingWebhook, InputFile, Snapshot, Task, WebhookHint
from aijobs.providers.bedrock.answers import (
    DIALECT,
    document_in,
    invocations_in,
    ref_in,
    results_uri_in,
    snapshot_of,
    with_code,
)
from aijobs.providers.bedrock.parameters import PARAMETERS_OF, AnyModelInput
from aijobs.providers.bedrock.results import LINK_LIFETIME, StoredResults
from aijobs.providers.bedrock.settings import BedrockSettings
from aijobs.providers.inline_files import data_link

NOT_FOUND: Final = 404
WINDOW: Final = timedelta(hours=24)
ABSENT_AFTER: Final = timedelta(minutes=4)  #: longer than a request may be on its way, and a list may lag
CLOCK_SKEW: Final = timedelta(minutes=5)
PAGE: Final = 100
MAX_PAGES: Final = 100
MAX_PICTURE: Final = 10 * 1024 * 1024  #: bytes
PICTURES: Final = ("image/png", "image/jpeg")

CAPABILITIES: Final = Capabilities(
    cancel=False,
    webhook=False,
    reconcile_window=WINDOW,
    unit_progress=False,
    link_lifetime=LINK_LIFETIME,
    docs_url="https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_StartAsyncInvoke.html",
    # AWS does not say how long a token is remembered. Each request that is sent again follows a list of all
    # invocations, running ones too, that does not have the token.
    resend_window=timedelta(hours=1),
    reads_links=False,
)


@asynccontextmanager
async def opened(settings: BedrockSettings, *, timeouts: Timeouts | None = None) -> AsyncIterator[Provider]:
    """Raises ValueError without keys."""
    bedrock = AwsSignature(settings.keys, service="bedrock", region=settings.region)
    s3 = AwsSignature(settings.keys, service="s3", region=settings.region)
    async with (
        opened_http("Bedrock", timeouts=timeouts, auth=bedrock, secrets=settings.secrets) as http,
        opened_http("S3", timeouts=timeouts, auth=s3, secrets=settings.secrets) as store,
    ):
        yield Bedrock(settings, http, StoredResults(settings, store))


class Bedrock:
    """Bedrock's HTTP API. boto3 is not used: it sends a request again by itself."""

    capabilities = CAPABILITIES

    def __init__(self, settings: BedrockSettings, http: HttpClient, results: StoredResults) -> None:
        self._settings = settings
        self._invocations = f"{settings.base_url.rstrip('/')}/async-invoke"
        self._http = http
        self._results = results
        self.download_hosts = settings.download_hosts

    def parameters(self, model: Model) -> type[AnyModelInput]:
        return PARAMETERS_OF.get(model.model, AnyModelInput)

    async def attach(self, file: InputFile, *, token: str) -> str:
        """The picture itself: it becomes a part of the request."""
        return await data_link(file, label="Bedrock", at_most=MAX_PICTURE, media_types=PICTURES)

    def build_request(self, task: Task) -> ProviderRequest:
        body = {
            "clientRequestToken": task.token,
            "modelId": task.model.model,
            "modelInput": self.parameters(task.model).as_input(task.params),
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": self._settings.destination(task.token)}},
        }
        return ProviderRequest("POST", self._invocations, body)

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        reply = await self._http.send_once(request.method, request.url, headers=request.headers, body=request.body)
        return DIALECT.outcome_of(with_code(reply))

    async def query(self, ref: Ref) -> Snapshot:
        reply = await self._http.call("GET", f"{self._invocations}/{quote(ref['id'], safe='')}", headers={})
        if reply.status == NOT_FOUND:
            return Snapshot(status=JobStatus.SUBMITTED, raw_status="not found", final=False, definite=False)
        return snapshot_of(document_in(reply))

    async def outputs(self, ref: Ref, snapshot: Snapshot) -> list[OutputSource]:
        uri = results_uri_in(snapshot.raw)
        if uri is None:
            raise ProviderUnavailable("Bedrock does not say where the results are.")
        return await self._results.below(uri)

    async def cancel(self, ref: Ref) -> CancelOutcome:
        """There is no such operation: what runs is finished, and billed."""
        return CancelOutcome.NOT_SUPPORTED

    async def reconcile(self, submission: Submission, *, known_ids: frozenset[str]) -> Found | Search:
        """By its token, which the list has of every invocation, whether it runs or has ended."""
        age = datetime.now(UTC) - submission.intent_at
        if age > WINDOW:
            return Search.IMPOSSIBLE
        query = {"submitTimeAfter": f"{submission.intent_at - CLOCK_SKEW:%Y-%m-%dT%H:%M:%SZ}", "maxResults": str(PAGE)}
        for _ in range(MAX_PAGES):
            url = f"{self._invocations}?{urlencode(query, quote_via=quote)}"
            page = document_in(await self._http.call("GET", url, headers={}))
            for one in invocations_in(page):
                ref = ref_in(one)
                if one.get("clientRequestToken") == submission.token and ref and ref["id"] not in known_ids:
                    return Found(ref)
            if not page.get("nextToken"):
                return Search.ABSENT if age > ABSENT_AFTER else Search.NOT_YET
            query["nextToken"] = str(page["nextToken"])
        return Search.NOT_YET

    def parse_webhook(self, delivery: IncomingWebhook) -> WebhookHint:
        raise BadInput("Bedrock sends no webhooks.")
