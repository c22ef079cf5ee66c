"""Midjourney through TTAPI as a `Provider`: the requests to its API, and the meaning of the responses."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict

from aijobs.adapters.network.http_client import HttpClient, Timeouts, opened_http
from aijobs.domain.catalogue import Deadlines, Model
from aijobs.domain.errors import ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.outputs import OutputSource
from aijobs.domain.jobs.submissions import CancelOutcome, Found, ProviderRequest, Ref, Search, Submission, SubmitOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Capabilities, IncomingWebhook, InputFile, Snapshot, Task, WebhookHint
from aijobs.domain.values.secret_forms import Token
from aijobs.providers.ttapi.job import actions_in, details_in, job_id_in, snapshot_of, sources_in
from aijobs.providers.ttapi.parameters import Action, Imagine
from aijobs.providers.ttapi.prompt import prompt_of
from aijobs.providers.ttapi.reconcile import (
    MAX_PAGES,
    PAGE,
    STATUSES,
    WINDOW,
    Fingerprint,
    ListedJob,
    listed_in,
    page_in,
)
from aijobs.providers.ttapi.submit import DIALECT
from aijobs.providers.ttapi.webhook import hint_of

NOT_FOUND: Final = 404
WITHOUT_ACTION: Final = frozenset({None, "imagine"})
LONGEST: Final = timedelta(seconds=1200)
SHORTEST: Final = {"relax": timedelta(seconds=600)}  #: by mode; 300 s for the others
SHORT: Final = timedelta(seconds=300)

CAPABILITIES: Final = Capabilities(
    cancel=False,
    webhook=True,
    reconcile_window=WINDOW,
    unit_progress=True,
    link_lifetime=timedelta(days=30),
    docs_url="https://docs.ttapi.io",
)


class TtapiSettings(BaseModel):
    """The settings of TTAPI. Midjourney is enabled when a token (TTAPI's key) is set."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: Token | None = None
    base_url: str = "https://api.ttapi.io"
    download_hosts: tuple[str, ...] = ("ttapi.io", "*.ttapi.io", "cdn.discordapp.com", "media.discordapp.net")


@asynccontextmanager
async def opened(settings: TtapiSettings, *, timeouts: Timeouts | None = None) -> AsyncIterator[Provider]:
    """Raises ValueError without a token."""
    async with opened_http("TTAPI", timeouts=timeouts) as http:
        yield Ttapi(settings, http)


class Ttapi:
    """TTAPI's HTTP API. Implements Provider and its follow-up actions."""

    capabilities = CAPABILITIES

    def __init__(self, settings: TtapiSettings, http: HttpClient) -> None:
        if not settings.token:
            raise ValueError("TTAPI needs a token.")
        self._key = {"TT-API-KEY": settings.token.get_secret_value()}
        self._base_url = f"{settings.base_url.rstrip('/')}/midjourney/v1"
        self._http = http
        self.download_hosts = settings.download_hosts

    def parameters(self, model: Model) -> type[Imagine]:
        return Imagine

    def follow_up(self, model: Model, action: str | None) -> type[Action] | None:
        return None if action in WITHOUT_ACTION else Action

    def offered(self, answer: Mapping[str, Any]) -> tuple[str, ...]:
        return actions_in(answer)

    async def attach(self, file: InputFile, *, token: str) -> NoReturn:
        raise ProviderFailed(
            f"TTAPI takes no uploads: {file.name} needs a link that it can read. Set AIJOBS_PUBLIC_URL, or send a link."
        )

    def build_request(self, task: Task) -> ProviderRequest:
        body: dict[str, Any] = {"getUImages": True}
        if task.webhook_url:
            body["hookUrl"] = task.webhook_url
        if task.origin is not None:
            body |= {"jobId": task.origin["id"], "action": task.action, "timeout": timeout(task.model.deadlines)}
            return ProviderRequest("POST", f"{self._base_url}/action", body)
        mode = task.params.get("mode", "fast")
        body |= {
            "prompt": prompt_of(task.params, task.model, token=task.token),
            "mode": mode,
            "translation": task.params.get("translation", False),
            "timeout": timeout(task.model.deadlines, mode=mode),
        }
        return ProviderRequest("POST", f"{self._base_url}/imagine", body)

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        headers = self._key | request.headers
        reply = await self._http.send_once(request.method, request.url, headers=headers, body=request.body)
        return DIALECT.outcome_of(reply)

    async def query(self, ref: Ref) -> Snapshot:
        envelope = await self._get("fetch", jobId=ref["id"])
        if envelope is None:
            return Snapshot(status=JobStatus.SUBMITTED, raw_status="not found", final=False, definite=False)
        return snapshot_of(envelope, job_id=ref["id"])

    async def outputs(self, ref: Ref, snapshot: Snapshot) -> list[OutputSource]:
        if job_id_in(snapshot.raw) != ref["id"]:
            raise ProviderUnavailable("TTAPI does not know the job now.")
        return sources_in(snapshot.raw)

    async def cancel(self, ref: Ref) -> CancelOutcome:
        """TTAPI has no cancel: a submitted job is completed and billed."""
        return CancelOutcome.NOT_SUPPORTED

    async def reconcile(self, submission: Submission, *, known_ids: frozenset[str]) -> Found | Search:
        fingerprint = Fingerprint.of(submission)
        if not fingerprint.is_usable:
            return Search.IMPOSSIBLE
        unknown_jobs = [job for job in await self._recent() if job.id not in known_ids]
        found = fingerprint.match(unknown_jobs) or await self._find_by_hook(fingerprint, unknown_jobs)
        if found:
            return Found({"id": found})
        return Search.IMPOSSIBLE if datetime.now(UTC) > submission.intent_at + WINDOW else Search.NOT_YET

    def parse_webhook(self, delivery: IncomingWebhook) -> WebhookHint:
        return hint_of(delivery)

    async def _recent(self) -> list[ListedJob]:
        """The newest jobs of every status, without duplicates."""
        jobs: dict[str, ListedJob] = {}
        for status in STATUSES:
            for number in range(1, MAX_PAGES + 1):
                page = await self._page(status, number)
                jobs |= {job.id: job for job in listed_in(page)}
                if len(page) < PAGE:
                    break
        return list(jobs.values())

    async def _page(self, status: str, number: int) -> list[Any]:
        envelope = await self._get("fetch-list", page=number, limit=PAGE, status=status, order="desc")
        page = page_in(envelope or {})
        if page is None:
            raise ProviderUnavailable("TTAPI gives a list that cannot be read.")
        return page

    async def _find_by_hook(self, fingerprint: Fingerprint, unknown_jobs: list[ListedJob]) -> str | None:
        for job in fingerprint.candidates(unknown_jobs):
            envelope = await self._get("fetch", jobId=job.id) or {}
            if details_in(envelope).get("hookUrl") == fingerprint.hook_url:
                return job.id
        return None

    async def _get(self, endpoint: str, **query: str | int) -> dict[str, Any] | None:
        """The envelope; None for 404. Raises ProviderUnavailable for any other response: the state is unknown then."""
        reply = await self._http.call("GET", f"{self._base_url}/{endpoint}?{urlencode(query)}", headers=self._key)
        if reply.status == NOT_FOUND:
            return None
        if not reply.ok:
            raise ProviderUnavailable(f"TTAPI answered {reply.status}: {DIALECT.message_of(reply)}")
        envelope = reply.document()
        if envelope is None:
            raise ProviderUnavailable("TTAPI gives an answer that cannot be read.")
        return envelope


def timeout(deadlines: Deadlines, *, mode: str = "fast") -> int:
    """The `timeout` parameter in seconds: our deadline, within TTAPI's limits (300 or 600 to 1200)."""
    shortest = SHORTEST.get(mode, SHORT)
    return int(min(max(deadlines.processing, shortest), LONGEST).total_seconds())
