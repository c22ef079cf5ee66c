"""Cog servers as a `Provider`: the requests to them, and what their webhooks have told."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final, NoReturn

from pydantic import BaseModel, ConfigDict

from aijobs.adapters.network.http_client import (
    REDACTED,
    SHORTEST_SECRET,
    HttpClient,
    HttpReply,
    Timeouts,
    opened_http,
)
from aijobs.domain.catalogue import Model
from aijobs.domain.errors import BadInput, NotAuthenticated, ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.outputs import OutputSource
from aijobs.domain.jobs.schema_parameters import parameters_from
from aijobs.domain.jobs.submissions import CancelOutcome, Found, ProviderRequest, Ref, Search, Submission, SubmitOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import (
    REPORT_LIFETIME,
    Capabilities,
    IncomingWebhook,
    InputFile,
    LastReport,
    ModelDescription,
    Snapshot,
    Task,
    VendorReport,
    WebhookHint,
)
from aijobs.domain.values.secret_forms import Token
from aijobs.providers.cog.parameters import CogInput, DescribedCogInput
from aijobs.providers.cog.prediction import (
    LOST,
    NOTHING_TOLD,
    described,
    dialect,
    has_restarted,
    prediction_in,
    snapshot_of,
)
from aijobs.providers.predictors import sources_in

NOT_FOUND: Final = 404
EVENTS: Final = ("start", "completed")  #: `start` proves early that a create without a response was accepted
ID_BYTES: Final = 16
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

CAPABILITIES: Final = Capabilities(
    cancel=True,
    webhook=True,
    reconcile_window=None,
    unit_progress=False,
    link_lifetime=REPORT_LIFETIME,
    docs_url="https://cog.run/http/",
)


class CogSettings(BaseModel):
    """The settings of cog servers. They are enabled when a token is set, which is sent to them as a bearer.

    `servers` are base URLs by the names of the models that they serve; without them, `base_url` serves every model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: Token | None = None
    base_url: str = "http://127.0.0.1:5000"
    servers: Mapping[str, str] = {}
    download_hosts: tuple[str, ...] = ()


async def nothing_told(_ref_id: str) -> None:
    """Without a database nothing is kept of webhooks."""


@asynccontextmanager
async def opened(
    settings: CogSettings, *, timeouts: Timeouts | None = None, last_report: LastReport = nothing_told
) -> AsyncIterator[Provider]:
    """Raises ValueError without a token."""
    async with opened_http("The cog server", timeouts=timeouts) as http:
        yield Cog(settings, http, last_report)


class Cog:
    """Cog's HTTP API, of one server or several. `last_report` is what was last told of a prediction, by its id.

    A prediction is sent once, like any other submission: sent again after its end it would run again, and nobody can
    know whether it has ended.
    """

    capabilities = CAPABILITIES

    def __init__(self, settings: CogSettings, http: HttpClient, last_report: LastReport) -> None:
        if not settings.token:
            raise ValueError("A cog server needs a token: any word, where it asks for no key.")
        self._key = settings.token.get_secret_value().encode()
        self._authorization = {"Authorization": f"Bearer {settings.token.get_secret_value()}"}
        self._servers = {name: url.rstrip("/") for name, url in settings.servers.items()}
        self._base_url = settings.base_url.rstrip("/")
        self._http = http
        self._last_report = last_report
        self.download_hosts = settings.download_hosts

    def parameters(self, model: Model) -> type[CogInput]:
        if model.input_schema is not None:
            return parameters_from(model.input_schema, DescribedCogInput)
        return CogInput

    async def describe(self, name: str) -> ModelDescription:
        url = self._server_of(name)
        reply = await self._call("GET", f"{url}/openapi.json")
        if not reply.ok:
            raise BadInput(f"The server of {name} has no schema: was it built by `cog build`?")
        return described(name, reply.document())

    async def attach(self, file: InputFile, *, token: str) -> NoReturn:
        raise ProviderFailed(
            f"A cog server takes no uploads: {file.name} needs a link that it can read. Set AIJOBS_PUBLIC_URL."
        )

    def build_request(self, task: Task) -> ProviderRequest:
        """Raises ProviderFailed without a webhook: nothing would ever be told of it."""
        if task.webhook_url is None:
            raise ProviderFailed(
                "A cog server tells its results by webhooks alone. Set AIJOBS_PUBLIC_URL to where it reaches this API."
            )
        body = {
            "input": self.parameters(task.model).as_input(task.params),
            "webhook": task.webhook_url,
            "webhook_events_filter": list(EVENTS),
        }
        url = f"{self._server_of(task.model.model)}/predictions/{prediction_id(task.token)}"
        return ProviderRequest("PUT", url, body, {"Prefer": "respond-async"})

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        headers = self._auth_headers(request.url) | request.headers
        reply = await self._http.send_once(request.method, request.url, headers=headers, body=request.body)
        return dialect(ref_to(request)).outcome_of(reply)

    async def query(self, ref: Ref) -> Snapshot:
        """What was last told. Without an end, the server is asked whether it has forgotten the prediction since."""
        told = await self._told(ref)
        if told.final:
            return told
        if has_restarted(await self._health(ref), ref):
            last = await self._told(ref)
            return last if last.final else LOST
        return told

    async def outputs(self, ref: Ref, snapshot: Snapshot) -> list[OutputSource]:
        report = await self._last_report(ref["id"])
        if report is None:
            raise ProviderFailed("What the cog server has told is not kept any more.")
        output = report.get("output")
        return [] if output is None else sources_in(output)

    async def cancel(self, ref: Ref) -> CancelOutcome:
        """What is not found does not run any more: what was told says how it ended."""
        reply = await self._call("POST", f"{ref['url']}/cancel")
        if reply.ok:
            return CancelOutcome.REQUESTED
        if reply.status != NOT_FOUND:
            raise ProviderUnavailable(f"The cog server answered {reply.status} to a cancel.")
        told = await self._told(ref)
        return CancelOutcome.CANCELED if told.status is JobStatus.CANCELED else CancelOutcome.TOO_LATE

    async def reconcile(self, submission: Submission, *, known_ids: frozenset[str]) -> Found | Search:
        """There is no list: a lost submission is found by its webhook alone."""
        return Search.IMPOSSIBLE

    def parse_webhook(self, delivery: IncomingWebhook) -> WebhookHint:
        """Unsigned: whoever knows the token in its path may tell of that one prediction, and of no other."""
        if delivery.sent is None:
            raise NotAuthenticated("The webhook's token is unknown.")
        ref, prediction = ref_to(delivery.sent), prediction_in(self._without_key(delivery.body))
        if not ref["id"] == prediction.get("id") == prediction_id(delivery.token):
            raise NotAuthenticated("The webhook is about another prediction.")
        snapshot = snapshot_of(prediction)
        report = VendorReport(content=prediction, final=snapshot.final)
        delivery_id = f"{ref['id']}:{snapshot.raw_status}"
        return WebhookHint(delivery_id=delivery_id, raw_status=snapshot.raw_status or None, ref=ref, report=report)

    def _without_key(self, body: bytes) -> bytes:
        return body.replace(self._key, REDACTED) if len(self._key) >= SHORTEST_SECRET else body

    async def _told(self, ref: Ref) -> Snapshot:
        report = await self._last_report(ref["id"])
        return NOTHING_TOLD if report is None else snapshot_of(report)

    async def _health(self, ref: Ref) -> HttpReply:
        reply = await self._call("GET", f"{str(ref['url']).rpartition('/predictions/')[0]}/health-check")
        if not reply.ok:
            raise ProviderUnavailable(f"The cog server answered {reply.status} to a question about its health.")
        return reply

    async def _call(self, method: str, url: str) -> HttpReply:
        return await self._http.call(method, url, headers=self._auth_headers(url))

    def _server_of(self, name: str) -> str:
        """Raises BadInput for a name that no server has."""
        if not _NAME.fullmatch(name):
            raise BadInput("A model of a cog server has a name of letters, digits, dots and dashes.")
        if not self._servers:
            return self._base_url
        if name not in self._servers:
            raise BadInput(
                f"AIJOBS_COG__SERVERS names no server of {name}, only of {', '.join(sorted(self._servers))}."
            )
        return self._servers[name]

    def _auth_headers(self, url: str) -> dict[str, str]:
        """The key goes to our servers alone."""
        own = (self._base_url, *self._servers.values())
        return dict(self._authorization) if any(url.startswith(f"{base}/") for base in own) else {}


def prediction_id(token: str) -> str:
    """The id of a submission's prediction: 26 letters and digits, from which the token cannot be found."""
    digest = hashlib.sha256(token.encode()).digest()[:ID_BYTES]
    return base64.b32encode(digest).decode().rstrip("=").lower()


def ref_to(request: ProviderRequest) -> Ref:
    """The reference to what a request has made. `since`: its server runs since then at the latest."""
    since = datetime.now(UTC).isoformat()
    return {"id": request.url.rpartition("/")[2], "url": request.url, "since": since}
