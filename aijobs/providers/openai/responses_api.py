"""What OpenAI and those who speak its Responses API have in common: requests in the background, and their answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn
from urllib.parse import quote

from aijobs.adapters.network.http_client import HttpClient, HttpReply
from aijobs.domain.catalogue import Model
from aijobs.domain.errors import ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.outputs import OutputSource
from aijobs.domain.jobs.parameters import Parameters
from aijobs.domain.jobs.submissions import CancelOutcome, ProviderRequest, Ref, SubmitOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import InputFile, Snapshot, Task
from aijobs.providers.openai.answers import snapshot_of, sources_in
from aijobs.providers.openai.parameters import body_of, parameters_of
from aijobs.providers.submit_outcomes import SubmitDialect

NOT_FOUND: Final = 404
BAD_REQUEST: Final = 400  #: to a cancel of what has ended, too


@dataclass(frozen=True, kw_only=True)
class ResponsesEndpoint:
    """Where and how: `at` is what paths follow, `query` what follows them, and `key` the header with the key."""

    at: str
    key: Mapping[str, str]
    dialect: SubmitDialect
    query: str = ""

    def url(self, path: str) -> str:
        return f"{self.at}/{path}{self.query}"

    @property
    def label(self) -> str:
        return self.dialect.label


class ResponsesApi:
    """Requests to `POST …/responses` in background mode. The official client is not used: it sends again by itself."""

    def __init__(self, endpoint: ResponsesEndpoint, http: HttpClient, *, download_hosts: tuple[str, ...]) -> None:
        self._endpoint = endpoint
        self._http = http
        self.download_hosts = download_hosts

    def parameters(self, model: Model) -> type[Parameters]:
        return parameters_of(model)

    async def attach(self, file: InputFile, *, token: str) -> NoReturn:
        raise ProviderFailed(
            f"{self._endpoint.label} reads {file.name} by a link: set AIJOBS_PUBLIC_URL, or give a link instead."
        )

    def build_request(self, task: Task) -> ProviderRequest:
        body = body_of(task.model, task.params)
        body |= {"background": True, "store": True, "metadata": {"job": task.job_code}}
        return ProviderRequest("POST", self._endpoint.url("responses"), body)

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        headers = {**self._endpoint.key, **request.headers}
        reply = await self._http.send_once(request.method, request.url, headers=headers, body=request.body)
        return self._endpoint.dialect.outcome_of(reply)

    async def query(self, ref: Ref) -> Snapshot:
        reply = await self.call("GET", _response(ref))
        if reply.status == NOT_FOUND:
            return Snapshot(status=JobStatus.SUBMITTED, raw_status="not found", final=False, definite=False)
        return snapshot_of(self._response_in(reply))

    async def outputs(self, ref: Ref, snapshot: Snapshot) -> list[OutputSource]:
        if snapshot.status is not JobStatus.GENERATED:
            raise ProviderFailed(f"{self._endpoint.label} has no results of this response.")
        response = self._response_in(await self.call("GET", _response(ref)))
        text = response.get("text")
        asked = text.get("format") if isinstance(text, dict) else None
        return sources_in(response, as_json=isinstance(asked, dict) and asked.get("type") == "json_schema")

    async def cancel(self, ref: Ref) -> CancelOutcome:
        """Raises ProviderUnavailable for not found: right after the submit it may only mean not visible yet."""
        reply = await self.call("POST", f"{_response(ref)}/cancel")
        after = await self.query(ref) if reply.status == BAD_REQUEST else snapshot_of(self._response_in(reply))
        match after:
            case Snapshot(status=JobStatus.CANCELED):
                return CancelOutcome.CANCELED
            case Snapshot(final=True):
                return CancelOutcome.TOO_LATE
            case _ if reply.status == BAD_REQUEST:
                raise ProviderUnavailable(f"{self._endpoint.label} answered {reply.status} to a cancel.")
            case _:
                return CancelOutcome.REQUESTED

    async def call(self, method: str, path: str, *, body: dict[str, Any] | None = None) -> HttpReply:
        return await self._http.call(method, self._endpoint.url(path), headers=dict(self._endpoint.key), body=body)

    def document_in(self, reply: HttpReply) -> dict[str, Any]:
        """Raises ProviderUnavailable for anything but a success with an object: nothing is known then."""
        document = reply.document()
        if not reply.ok or document is None:
            message = self._endpoint.dialect.message_of(reply)
            raise ProviderUnavailable(f"{self._endpoint.label} answered {reply.status}: {message}")
        return document

    def _response_in(self, reply: HttpReply) -> dict[str, Any]:
        """Raises ProviderUnavailable for an object that is no response, too."""
        document = self.document_in(reply)
        if not isinstance(document.get("id"), str) or not isinstance(document.get("status"), str):
            raise ProviderUnavailable(f"{self._endpoint.label} gives an answer that is no response.")
        return document


def _response(ref: Ref) -> str:
    return f"responses/{quote(ref['id'], safe='')}"
