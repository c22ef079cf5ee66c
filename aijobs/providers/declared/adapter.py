"""A declared provider as a `Provider`: the requests that its file describes, and the meaning of the answers."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from pydantic import SecretStr

from aijobs.adapters.network.http_client import HttpClient, HttpReply, Timeouts, opened_http
from aijobs.domain.catalogue import Model
from aijobs.domain.errors import ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.outputs import OutputSource
from aijobs.domain.jobs.parameters import Parameters
from aijobs.domain.jobs.submissions import CancelOutcome, Found, ProviderRequest, Ref, Search, Submission, SubmitOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import IncomingWebhook, InputFile, Snapshot, Task, WebhookHint
from aijobs.providers.declared.declaration import HEADER_TEXT, CancelSection, Declaration, ReconcileSection
from aijobs.providers.declared.parameters import parameters_of
from aijobs.providers.declared.settings import DeclaredSettings, SigningDeclaredSettings
from aijobs.providers.declared.snapshots import NOT_FOUND, snapshot_of
from aijobs.providers.declared.templates import filled, filled_path
from aijobs.providers.declared.webhooks import WebhookReader, reference, secret_of_submission
from aijobs.providers.inline_files import data_link, parts_of
from aijobs.providers.predictors import inline_content
from aijobs.providers.submit_outcomes import SubmitDialect, SubmitVerdict

MAX_PAGES: Final = 50
GONE: Final = (404, 410)
SUCCESS: Final = 200


@asynccontextmanager
async def opened_declared(
    declaration: Declaration, settings: DeclaredSettings, *, timeouts: Timeouts | None = None
) -> AsyncIterator[Provider]:
    """Raises ValueError without a token."""
    async with opened_http(declaration.label, timeouts=timeouts) as http:
        yield DeclaredProvider(declaration, settings, http)


class DeclaredProvider:
    """Implements Provider by a declaration."""

    def __init__(self, declaration: Declaration, settings: DeclaredSettings, http: HttpClient) -> None:
        if not settings.token:
            raise ValueError(f"{declaration.label} needs a token.")
        self._declared = declaration
        self._token: SecretStr = settings.token
        self._key = {declaration.auth.header: f"{declaration.auth.scheme} {self._token.get_secret_value()}".strip()}
        self._base_url = settings.base_url.rstrip("/")
        self._http = http
        self._parameters = parameters_of(declaration.parameters)
        signing = settings.webhook_secret if isinstance(settings, SigningDeclaredSettings) else None
        self._webhooks = WebhookReader(declaration.webhook, label=declaration.label, key=self._token, signing=signing)
        self._dialect = SubmitDialect(
            label=declaration.label,
            ref_in=lambda answer: reference(declaration.submit.ref, answer),
            errors=declaration.errors.table(),
            code_in=lambda answer: declaration.errors.code.text(answer) if declaration.errors.code else None,
            message_in=self._message_in,
        )
        self.capabilities = declaration.capabilities
        self.download_hosts = settings.download_hosts

    def parameters(self, model: Model) -> type[Parameters]:
        return self._parameters

    async def attach(self, file: InputFile, *, token: str) -> str:
        uploads = self._declared.uploads
        if uploads is None:
            raise ProviderFailed(
                f"{self._declared.label} takes no uploads: {file.name} needs a link that it can read. "
                "Set AIJOBS_PUBLIC_URL, or send a link."
            )
        link = await data_link(file, label=self._declared.label, at_most=uploads.at_most)
        return parts_of(link)[1] if uploads.inline == "base64" else link

    def build_request(self, task: Task) -> ProviderRequest:
        submit = self._declared.submit
        values = {
            "model": task.model.model,
            "token": task.token,
            "webhook_url": task.webhook_url,
            "webhook_secret": secret_of_submission(self._token, task.token) if task.webhook_url else None,
            "output_count": task.output_count,
            **{f"params.{name}": value for name, value in task.params.items()},
        }
        path = filled_path(submit.path, values)
        if path is None:
            raise ProviderFailed(f"The path {submit.path} needs a parameter that the job does not have.")
        body: dict[str, Any] = filled(submit.body, values)
        sent = {name: value for name, value in task.params.items() if value is not None}
        if submit.params_at == ".":
            body = {**sent, **body}
        elif submit.params_at:
            body = {**body, submit.params_at: {**sent, **body.get(submit.params_at, {})}}
        headers = {name: str(value) for name, value in filled(submit.headers, values).items()}
        if unfit := next((name for name, text in headers.items() if not HEADER_TEXT.fullmatch(text)), None):
            raise ProviderFailed(f"A parameter cannot stand in the header {unfit}: only printable ASCII can.")
        return ProviderRequest(submit.method, f"{self._base_url}{path}", body, headers)

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        headers = self._key | request.headers
        reply = await self._http.send_once(request.method, request.url, headers=headers, body=request.body)
        return self._dialect.outcome_of(reply)

    async def query(self, ref: Ref) -> Snapshot:
        reply = await self._http.call("GET", self._query_url(ref), headers=self._headers())
        if reply.status in GONE:
            return NOT_FOUND
        return snapshot_of(self._declared, self._document(reply), job_id=str(ref["id"]))

    async def outputs(self, ref: Ref, snapshot: Snapshot) -> list[OutputSource]:
        section = self._declared.outputs
        answer: Mapping[str, Any] = snapshot.raw
        if section.path is not None:
            reply = await self._http.call(
                "GET", self._url_of_results(section.path, ref, snapshot), headers=self._headers()
            )
            if reply.status in GONE:
                raise ProviderFailed(f"{self._declared.label} has no results any more.")
            answer = self._document(reply)
        links = section.links.texts(answer) if section.links else []
        encoded = section.base64.texts(answer) if section.base64 else []
        texts = section.texts.texts(answer) if section.texts else []
        if section.path is not None and not (links or encoded or texts):
            self._require_no_error(answer)
        return [
            *map(self._linked, links),
            *(OutputSource(kind=section.kind, content=self._decoded(one)) for one in encoded),
            *(OutputSource(kind=section.kind, content=one.encode()) for one in texts),
        ]

    async def cancel(self, ref: Ref) -> CancelOutcome:
        section = self._declared.cancel
        if section is None:
            return CancelOutcome.NOT_SUPPORTED
        if section.ask_first:
            known = await self.query(ref)
            if known.final:
                return _outcome_of_end(known.status)
            if not known.definite:
                raise ProviderUnavailable(f"{self._declared.label} does not know the job now.")
        reply = await self._http.call(section.method, self._at(section.path, ref), headers=self._headers())
        return self._cancel_outcome(section, reply)

    async def reconcile(self, submission: Submission, *, known_ids: frozenset[str]) -> Found | Search:
        section = self._declared.reconcile
        now = datetime.now(UTC)
        if section is None or now > submission.intent_at + section.window:
            return Search.IMPOSSIBLE
        path = filled_path(section.path, {"token": submission.token})
        url: str | None = f"{self._base_url}{path}"
        for _ in range(MAX_PAGES):
            if url is None:
                break
            answer = self._document(await self._http.call("GET", url, headers=self._headers()))
            if found := self._ours(section, answer, submission, known_ids):
                return Found(found)
            link = section.next.text(answer) if section.next else None
            url = self._own_url(link, seen_at=url) if link else None
        settled = section.absent_after is not None and now > submission.intent_at + section.absent_after
        return Search.ABSENT if settled and url is None else Search.NOT_YET

    def parse_webhook(self, delivery: IncomingWebhook) -> WebhookHint:
        return self._webhooks.hint(delivery)

    def _require_no_error(self, answer: Mapping[str, Any]) -> None:
        """For an answer without results, where errors come within successes: it may say why there are none now.

        Raises ProviderFailed where its code refuses for good, and ProviderUnavailable for any other code.
        """
        errors = self._declared.errors
        code = errors.code.text(answer) if errors.code else None
        if code is None:
            return
        reason = f"{self._declared.label} gives no results: {self._message_in(answer) or code}"
        is_refusal = errors.table().meaning(SUCCESS, code) is SubmitVerdict.REJECTED
        raise (ProviderFailed if is_refusal else ProviderUnavailable)(reason)

    def _message_in(self, answer: Mapping[str, Any]) -> str | None:
        found = self._declared.errors.message.find(answer)
        return found if isinstance(found, str) or found is None else json.dumps(found, ensure_ascii=False)

    def _headers(self) -> dict[str, str]:
        return self._key | self._declared.submit.constant_headers

    def _document(self, reply: HttpReply) -> dict[str, Any]:
        """Raises ProviderUnavailable for what is no success or no JSON object: the state is unknown then."""
        label = self._declared.label
        if not reply.ok:
            raise ProviderUnavailable(f"{label} answered {reply.status}: {self._dialect.message_of(reply)}")
        answer = reply.document()
        if answer is None:
            raise ProviderUnavailable(f"{label} gives an answer that cannot be read.")
        return answer

    def _query_url(self, ref: Ref) -> str:
        query = self._declared.query
        link = filled(query.url, _of_ref(ref)) if query.url else None
        if isinstance(link, str):
            return self._own_url(link)
        if query.path is None:
            raise ProviderUnavailable(f"{self._declared.label} gave no link to ask at.")
        return self._at(query.path, ref)

    def _url_of_results(self, path: str, ref: Ref, snapshot: Snapshot) -> str:
        """Raises ProviderFailed when the finished job does not say where its results are: it has none then."""
        named = {f"finished.{name}": place.text(snapshot.raw) for name, place in self._declared.outputs.names.items()}
        filled = filled_path(path, _of_ref(ref) | named)
        if filled is None:
            raise ProviderFailed(f"{self._declared.label} does not say where the results are.")
        return f"{self._base_url}{filled}"

    def _at(self, path: str, ref: Ref) -> str:
        return f"{self._base_url}{filled_path(path, _of_ref(ref))}"

    def _own_url(self, link: str, *, seen_at: str = "") -> str:
        """In full. Raises ProviderUnavailable for a link to another host: the key is not sent there."""
        with suppress(ValueError):  # it is no link
            whole = urljoin(seen_at, link)
            if self._may_receive_key(whole):
                return whole
        raise ProviderUnavailable(f"{self._declared.label} gave a link to another host.")

    def _may_receive_key(self, link: str) -> bool:
        """Raises ValueError for what is no link."""
        base, parts = urlsplit(self._base_url), urlsplit(link)
        if (parts.scheme, parts.netloc) == (base.scheme, base.netloc):
            return True
        host = parts.hostname or ""
        return (
            parts.scheme == "https"
            and parts.port is None
            and any(fnmatchcase(host, pattern) for pattern in self._declared.api_hosts)
        )

    def _linked(self, link: str) -> OutputSource:
        kind = self._declared.outputs.kind
        if link.startswith("data:"):
            return OutputSource(kind=kind, content=inline_content(link)[1])
        expires_at = datetime.now(UTC) + self._declared.link_lifetime if self._declared.link_lifetime else None
        try:
            headers = self._headers() if self._declared.outputs.with_key and self._may_receive_key(link) else {}
        except ValueError as broken:
            raise ProviderFailed(f"{self._declared.label} gives a link that is none.") from broken
        return OutputSource(kind=kind, url=link, headers=headers, expires_at=expires_at)

    def _decoded(self, encoded: str) -> bytes:
        try:
            return base64.b64decode(encoded, validate=True)
        except ValueError as unreadable:
            raise ProviderFailed(f"{self._declared.label} gives base64 that cannot be read.") from unreadable

    def _cancel_outcome(self, section: CancelSection, reply: HttpReply) -> CancelOutcome:
        if reply.status in section.too_late:
            return CancelOutcome.TOO_LATE
        if not reply.ok:
            label = self._declared.label
            raise ProviderUnavailable(f"{label} answered {reply.status}: {self._dialect.message_of(reply)}")
        word = section.status.text(reply.document()) if section.status else None
        if word is None:
            return CancelOutcome(section.answer)
        status = self._declared.statuses.meaning(word)
        return _outcome_of_end(status) if status else CancelOutcome.REQUESTED

    def _ours(
        self, section: ReconcileSection, answer: Mapping[str, Any], submission: Submission, known_ids: frozenset[str]
    ) -> Ref | None:
        """Raises ProviderUnavailable without a list: an answer that has none proves nothing."""
        items = section.items.items(answer)
        if items is None:
            raise ProviderUnavailable(f"{self._declared.label} gives a list that cannot be read.")
        for item in items:
            ref = reference(section.ref, item)
            if ref and ref["id"] not in known_ids and submission.token in json.dumps(section.token.find(item)):
                return ref
        return None


def _of_ref(ref: Ref) -> dict[str, Any]:
    return {f"ref.{name}": value for name, value in ref.items()}


def _outcome_of_end(status: JobStatus) -> CancelOutcome:
    if status is JobStatus.CANCELED:
        return CancelOutcome.CANCELED
    return CancelOutcome.REQUESTED if status.is_before(JobStatus.GENERATED) else CancelOutcome.TOO_LATE
